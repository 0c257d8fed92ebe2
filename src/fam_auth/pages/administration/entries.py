"""The menu of the administration. The entries of features are between BEFORE and AFTER."""

from fam_auth.feature import Entry

BEFORE = (
    Entry("/admin/dashboard", "dashboard", "chart", "events:read"),
    Entry("/admin/users", "users", "people", "users:read"),
)
AFTER = (
    Entry("/admin/events", "events", "clock", "events:read"),
    Entry("/admin/outbox", "outbox", "letter", "service:read"),
    Entry("/admin/configuration", "configuration", "paper", "service:read"),
)
# Tabs of the pages about one user; the paths are relative to `/admin/users/<id>`.
ABOUT_USER = (
    Entry("", "overview", "person", "users:read"),
    Entry("/sessions", "sessions", "device", "sessions:manage"),
)

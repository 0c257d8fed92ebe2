"""What is in the navigation of the administration; the places of the features stand between."""

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
# Behind the path of one user.
ABOUT_USER = (
    Entry("", "overview", "person", "users:read"),
    Entry("/sessions", "sessions", "device", "sessions:manage"),
)

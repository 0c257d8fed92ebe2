"""The HTTP code that routes and pages share: reading requests, authenticating them, writing responses."""

"""Database, settings, crypto, mail and clock: what knows nothing of users."""

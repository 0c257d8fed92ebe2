"""Database, settings, cryptography, mail and clock. Nothing here knows about users."""

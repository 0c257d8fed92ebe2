"""Imports the users of another application, with their passwords (docs/adopt.md)."""

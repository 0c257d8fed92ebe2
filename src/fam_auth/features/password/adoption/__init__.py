"""Adoption: users of another application, with their passwords, become users here (docs/adopt.md)."""

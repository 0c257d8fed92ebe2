"""The way to the tables."""

"""Statements: pure functions of their arguments."""

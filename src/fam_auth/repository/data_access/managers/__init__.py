"""Verbs: they decide, open short transactions, commit, and raise refusals."""

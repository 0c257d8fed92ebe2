"""The pages of administrators, each behind its permission. They do what the routes do, by the same managers."""

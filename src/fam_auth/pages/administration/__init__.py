"""The administration pages. Each requires the same permission as the route that does the same."""

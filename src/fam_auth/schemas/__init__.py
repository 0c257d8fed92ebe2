"""The request and response bodies (pydantic models)."""

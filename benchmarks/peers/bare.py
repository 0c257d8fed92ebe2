"""FastAPI alone: what the others are measured by."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/me")
async def me() -> dict[str, str]:
    return {"id": "0197f0c2-a1b3-7c5d-8e9f-0a1b2c3d4e5f", "email": "ada@example.com"}

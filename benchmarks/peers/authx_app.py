"""AuthX as its documentation shows it: a JWT in the header, and nobody looked up; users are the host's own affair."""

from typing import Annotated

from argon2 import PasswordHasher
from authx import AuthX, AuthXConfig, TokenPayload
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

security = AuthX(
    AuthXConfig(
        JWT_ALGORITHM="HS256",
        JWT_SECRET_KEY="a secret of thirty-two characters!",
        JWT_TOKEN_LOCATION=["headers"],
    )
)
app = FastAPI()
security.handle_errors(app)
hasher = PasswordHasher(2, 19_456, 1)
passwords: dict[str, str] = {}


class Credentials(BaseModel):
    email: str
    password: str


@app.post("/auth/register")
async def register(given: Credentials) -> dict[str, str]:
    passwords[given.email] = hasher.hash(given.password)
    return {"email": given.email}


@app.post("/auth/login")
async def login(given: Credentials) -> dict[str, str]:
    if given.email not in passwords or not hasher.verify(passwords[given.email], given.password):
        raise HTTPException(401)
    return {"access_token": security.create_access_token(uid=given.email)}


@app.get("/me")
async def me(payload: Annotated[TokenPayload, Depends(security.access_token_required)]) -> dict[str, str]:
    return {"id": str(payload.jti), "email": payload.sub}

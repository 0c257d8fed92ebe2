"""The smallest application with people in it."""

from fastapi import FastAPI

from fam_auth import Auth, CurrentUser, install
from fam_auth.features.password import Password

auth = Auth(features=[Password()])
app = FastAPI()
install(app, auth)


@app.get("/hello")
async def hello(user: CurrentUser) -> str:
    return f"Hello {user.name or user.email}"

"""A page that signs people in with cookies: no token is ever in the hands of its script."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from fam_auth import Auth, CurrentUser, install, needs
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password

HERE = "http://127.0.0.1:8000"
auth = Auth(
    features=[Password(), Otp(issuer="Notes")],
    transports=("cookie",),
    links={"verify_email": f"{HERE}/#verify={{token}}", "reset_password": f"{HERE}/#reset={{token}}"},
)
app = FastAPI()
install(app, auth)
notes: dict[str, list[str]] = {}


@app.get("/", dependencies=[needs.public], include_in_schema=False)
async def page() -> FileResponse:
    return FileResponse(Path(__file__).parent / "index.html")


@app.get("/notes")
async def read(user: CurrentUser) -> list[str]:
    return notes.get(str(user.id), [])


@app.post("/notes")
async def write(user: CurrentUser, text: str) -> list[str]:
    notes.setdefault(str(user.id), []).append(text)
    return notes[str(user.id)]

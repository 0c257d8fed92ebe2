"""fam-auth, as the README shows it; a user who registers is signed in."""

from fastapi import FastAPI

from fam_auth import Auth, CurrentUser, install
from fam_auth.features.password import Password

auth = Auth(features=[Password()], email_verification=False)
app = FastAPI()
install(app, auth)


@app.get("/me")
async def me(user: CurrentUser) -> dict[str, str]:
    return {"id": str(user.id), "email": user.email}

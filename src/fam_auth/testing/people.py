"""Users for tests: created without registration, and signed in without a password."""

from collections.abc import MutableMapping, Sequence
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from fam_auth.auth import Auth
from fam_auth.http.credentials import SESSION_COOKIE, cookie_name
from fam_auth.pipeline import Complete, Progress
from fam_auth.repository.data_access.managers import known_browsers, sessions, users
from fam_auth.repository.data_access.queries import outbox
from fam_auth.values import Actor, Client, Kind, Proof, Transport, User

BY_TEST = Actor(Client(agent="a test"))
AS_A_TEST = Client("127.0.0.1", "a test")
PROOFS = {"aal1": [("password", Kind.KNOWLEDGE)], "aal2": [("password", Kind.KNOWLEDGE), ("totp", Kind.POSSESSION)]}


class Program(Protocol):
    """An HTTP client: FastAPI's TestClient, or a client of httpx or httpx2."""

    @property
    def headers(self) -> MutableMapping[str, str]: ...
    @property
    def cookies(self) -> Any: ...  # noqa: ANN401 - each has a class of its own


SomeProgram = TypeVar("SomeProgram", bound=Program)


async def make_user(  # noqa: PLR0913 - what a user may be
    auth: Auth,
    email: str | None = None,
    *,
    name: str | None = None,
    verified: bool = True,
    password: str | None = None,
    roles: Sequence[str | tuple[str, str]] = (),
    factors: Sequence[str] = (),
) -> User:
    """Create a user with these roles (a pair is a role and its scope) and second factors (`totp`). Sends no mail.

    Without `email`, the address is random. Without a password, the user can only be signed in with `signed_in`. Raises
    ValueError for an unknown factor.
    """
    email = email or f"user-{uuid4().hex[:12]}@example.com"
    if password is None:
        user = await users.create(auth, email, name, verified=verified)
    else:
        from fam_auth.features.password import managers  # noqa: PLC0415 - an application without the feature does not load it

        user = await managers.create(auth, email, password, name, verified=verified)
    if roles:
        await _grant(auth, user, roles)
    for factor in factors:
        await _enrol(auth, user, factor)
    # So that a test finds only the mails that it causes itself.
    await auth.database.rows(outbox.forget(user.id))
    return user


async def sign_in(auth: Auth, user: User, *, assurance: str = "aal1", transport: Transport = "bearer") -> Complete:
    """Create a session of the user with this assurance level (`aal1` or `aal2`), as if they had just signed in.

    No step of a login is required: no password, no second factor, no verified address.
    """
    proofs = tuple(Proof(method, kind, auth.now()) for method, kind in PROOFS[assurance])
    progress = Progress(user, proofs, transport, AS_A_TEST, device=known_browsers.new(), is_known_device=True)
    async with auth.transaction() as db:
        return await sessions.start(auth, db, progress, await sessions.claims_of(auth, db, user))


async def signed_in(
    auth: Auth, client: SomeProgram, user: User, *, assurance: str = "aal1", transport: Transport = "bearer"
) -> SomeProgram:
    """Sign the client in as the user: set its Authorization header or its cookie. Returns the same client."""
    done = await sign_in(auth, user, assurance=assurance, transport=transport)
    if done.tokens is not None:
        client.headers["Authorization"] = f"Bearer {done.tokens.access_token}"
    else:
        client.headers.pop("Authorization", None)
        client.cookies.set(cookie_name(auth, SESSION_COOKIE), done.cookie)
    return client


async def totp_code(auth: Auth, user: User) -> str:
    """The code that the user's authenticator app shows now. Raises ValueError if the user has none."""
    from fam_auth.features.otp import managers as otp  # noqa: PLC0415 - an application without the feature does not load it
    from fam_auth.features.otp import totp  # noqa: PLC0415 - as above

    for device in await otp.devices(auth, user.id):
        secret = auth.keys.decrypt(otp.place_of(device.id), device.secret).decode()
        code: str = totp.code_of(secret, totp.step_of(auth.now()))
        return code
    raise ValueError(f'{user.email} has no authenticator. Create the user with make_user(factors=["totp"]).')


async def _grant(auth: Auth, user: User, roles: Sequence[str | tuple[str, str]]) -> None:
    from fam_auth.features.role import definitions  # noqa: PLC0415 - an application without the feature does not load it
    from fam_auth.features.role import managers as role  # noqa: PLC0415 - as above
    from fam_auth.features.role.queries import EVERYTHING  # noqa: PLC0415 - as above

    await definitions.sync(auth)
    for wanted in roles:
        name, scope = (wanted, EVERYTHING) if isinstance(wanted, str) else wanted
        await role.grant(auth, user.id, name, BY_TEST, scope=scope)


async def _enrol(auth: Auth, user: User, factor: str) -> None:
    if factor != "totp":
        raise ValueError(f"make_user does not support the factor {factor}. Use totp.")
    from fam_auth.features.otp import managers as otp  # noqa: PLC0415 - an application without the feature does not load it
    from fam_auth.features.otp import totp  # noqa: PLC0415 - as above
    from fam_auth.features.otp.settings import OtpSettings  # noqa: PLC0415 - as above

    begun = await otp.begin(auth, user, "Telephone")
    # A code can be used once. Confirming with the previous one, if accepted, leaves the current one for the test.
    step = totp.step_of(auth.now()) - min(1, auth.of(OtpSettings).drift)
    await otp.confirm(auth, user, begun.id, totp.code_of(begun.secret, step), BY_TEST, keep=None)

"""Posting an event to an endpoint."""

from fam_auth.auth import Auth
from fam_auth.events import Event
from fam_auth.features.webhook import schemas, signature
from fam_auth.features.webhook.carrier import Carrier
from fam_auth.features.webhook.settings import Endpoint, WebhookSettings
from fam_auth.repository.data_access.queries import users as queries
from fam_auth.values import User

AGENT = "fam-auth"


async def tell(auth: Auth, name: str, event: Event) -> None:
    """Posts the signed event to the endpoint with this name. Raises ErrandFailed.

    The message id is the event's id, the same for every attempt and endpoint; the timestamp is that of the attempt.
    """
    settings = auth.of(WebhookSettings)
    endpoint = settings.endpoints[name]
    body = await _body(auth, endpoint, event)
    signed = signature.headers(endpoint.keys, str(event.id), int(auth.now().timestamp()), body)
    headers = {**signed, "Content-Type": "application/json", "User-Agent": AGENT}
    carrier = Carrier(settings.private_addresses, settings.timeout, settings.ca_file)
    await carrier.post(endpoint.url, headers, body)


async def _body(auth: Auth, endpoint: Endpoint, event: Event) -> bytes:
    told = schemas.message(event)
    if endpoint.personal:
        told.data.personal = schemas.personal(event, await _user(auth, event))
    return told.as_bytes()


async def _user(auth: Auth, event: Event) -> User | None:
    row = None if event.user_id is None else await auth.database.row(queries.by_id(event.user_id))
    return None if row is None else queries.value(row)

"""Webhooks: posts signed events to endpoints, at least once."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import partial
from typing import Self

from fam_auth import events
from fam_auth.auth import Auth
from fam_auth.exceptions import Misconfigured
from fam_auth.features.webhook import managers
from fam_auth.features.webhook.settings import WebhookSettings
from fam_auth.hooks import Errand

PREFIX = "webhook."


class Webhook(WebhookSettings):
    """Posts events to endpoints; add it to Auth(features=[...]). Each post is an event job in the outbox."""

    def of(self, auth: Auth) -> Self:
        for name, endpoint in self.endpoints.items():
            wants = partial(_is_among, endpoint.events)
            auth.errand(Errand(PREFIX + name, wants, partial(managers.tell, auth, name)))
        return super().of(auth)

    async def start(self, auth: Auth) -> None:
        kinds = events.known()
        features = tuple(f"{feature.name}." for feature in auth.features)
        for name, endpoint in self.endpoints.items():
            for wanted in endpoint.events:
                if not wanted.startswith(features) and not any(fnmatchcase(kind, wanted) for kind in kinds):
                    raise Misconfigured(
                        f"FAM_AUTH_WEBHOOK__ENDPOINTS__{name.upper()}__EVENTS: no event matches {wanted}."
                    )


def _is_among(patterns: Iterable[str], kind: str) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in patterns)

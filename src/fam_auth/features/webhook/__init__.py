"""Webhooks: posts signed events to endpoints, at least once."""

from fam_auth.features.webhook.feature import Webhook
from fam_auth.features.webhook.settings import Endpoint

__all__ = ["Endpoint", "Webhook"]

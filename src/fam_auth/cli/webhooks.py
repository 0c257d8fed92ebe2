"""`fam-auth webhooks`: webhooks that wait or have failed."""

import typer

from fam_auth.cli.errands import group
from fam_auth.features.webhook.feature import PREFIX
from fam_auth.features.webhook.signature import new_secret

app = group(PREFIX, "Webhook deliveries that are waiting or were given up.")


@app.command()
def secret() -> None:
    """Print a new secret for an endpoint."""
    typer.echo(new_secret())

"""`fam-auth webhooks`: webhooks that wait or have failed."""

import typer

from fam_auth.cli.errands import group
from fam_auth.features.webhook.feature import PREFIX
from fam_auth.features.webhook.signature import new_secret

app = group(PREFIX, "Webhooks: what waits, and what was given up.")


@app.command()
def secret() -> None:
    """Print a fresh secret for an endpoint."""
    typer.echo(new_secret())

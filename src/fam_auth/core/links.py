"""Where the links in mails lead: FAM_AUTH_LINKS__<NAME>."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from fam_auth.core import hosts


class Links(BaseModel):
    """Where the links in mails lead; `{token}` is replaced. None leads to the hosted page."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    verify_email: str | None = Field(None, description="Page that verifies an address.")
    reset_password: str | None = Field(None, description="Page that sets a new password.")
    confirm_email_change: str | None = Field(None, description="Page that confirms a new address.")
    undo_email_change: str | None = Field(
        None, description="Page that restores the old address, or rejects an account."
    )

    @field_validator("*")
    @classmethod
    def _carries_the_token(cls, link: str | None) -> str | None:
        if link is not None and "#" not in link.partition("{token}")[0]:
            raise ValueError("must contain {token} after a #, where no server or log sees it")
        # The host in the form in which every mail program makes it a link. A page of an app has another scheme.
        parts = hosts.split(link) if link is not None else None
        return link if parts is None else "".join(parts)

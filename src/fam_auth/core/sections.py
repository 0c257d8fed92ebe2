"""Settings that consist of parts, each FAM_AUTH_<NAME>__<PART> in the environment."""

from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fam_auth.core import hosts
from fam_auth.core.hashing import LEAST_MEMORY_KIB, MEMORY_KIB, PASSES
from fam_auth.core.rates import Rate

PREFIX = "FAM_AUTH_"


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


class Throttle(BaseModel):
    """How often something may be tried before it is judged. A rate is `30/5m`: so many, coming back over so long."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    free: int = Field(5, ge=1, le=10, description="Failed attempts in a row before unknown browsers have to wait.")
    longest: timedelta = Field(
        timedelta(minutes=15), description="Maximum wait. It starts at 1 s and doubles with each failure."
    )
    cap: int = Field(
        100,
        ge=10,
        le=100,
        description="Failed attempts in a row that lock out unknown browsers until a password reset.",
    )
    device: Rate = Field(Rate("10/15m"), description="Attempts on one account from one known browser.")
    network: Rate = Field(Rate("30/5m"), description="Failed attempts from one network (IPv4 address or IPv6 /64).")
    network_day: Rate = Field(Rate("300/1d"), description="Failed attempts from one network per day.")
    accounts: Rate = Field(Rate("20/1h"), description="Different accounts with failed attempts from one network.")
    total: Rate | None = Field(None, description="Failed attempts of all unknown browsers. Unset: no limit.")
    register_network: Rate = Field(Rate("20/1h"), description="Registrations from one network.")
    mail_network: Rate = Field(Rate("20/1h"), description="Mails requested from one network, to any address.")
    mail: Rate = Field(Rate("1/1m"), description="Requested mails of one kind to one address.")
    mail_day: Rate = Field(Rate("5/1d"), description="Requested mails of one kind to one address per day.")
    refresh: Rate = Field(Rate("30/5m"), description="Refreshes of one session.")


class Hashing(BaseModel):
    """How passwords are hashed: Argon2id with one lane. `fam-auth tune-hash` says what suits a machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    memory: int = Field(MEMORY_KIB, description="Memory for one hash, in KiB.")
    passes: int = Field(PASSES, ge=1, le=100, description="Number of passes over the memory.")
    threads: int | None = Field(
        None, ge=1, description="Hashes computed in parallel by each worker. Unset: the number of cores."
    )

    @model_validator(mode="after")
    def _is_strong_enough(self) -> Self:
        least = LEAST_MEMORY_KIB[min(self.passes, max(LEAST_MEMORY_KIB))]
        if self.memory < least:
            raise ValueError(
                f"with {PREFIX}HASHING__PASSES={self.passes}, {PREFIX}HASHING__MEMORY must be at least {least} (ASVS)"
            )
        return self

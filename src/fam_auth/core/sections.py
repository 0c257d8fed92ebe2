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
    verify_email: str | None = Field(None, description="Page that confirms an address.")
    reset_password: str | None = Field(None, description="Page that sets a new password.")
    confirm_email_change: str | None = Field(None, description="Page that confirms a new address.")
    undo_email_change: str | None = Field(None, description="Page that keeps an old address, or disowns an account.")

    @field_validator("*")
    @classmethod
    def _carries_the_token(cls, link: str | None) -> str | None:
        if link is not None and "#" not in link.partition("{token}")[0]:
            raise ValueError("the link must carry {token} behind a #, where no server and no log sees it")
        # The host in the form in which every mail program makes it a link. A page of an app has another scheme.
        parts = hosts.split(link) if link is not None else None
        return link if parts is None else "".join(parts)


class Throttle(BaseModel):
    """How often something may be tried before it is judged. A rate is `30/5m`: so many, coming back over so long."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    free: int = Field(5, ge=1, le=10, description="Wrong proofs in a row before an unknown device has to wait.")
    longest: timedelta = Field(timedelta(minutes=15), description="The wait doubles from 1 s up to this.")
    cap: int = Field(100, ge=10, le=100, description="After so many in a row unknown devices are off until a reset.")
    device: Rate = Field(Rate("10/15m"), description="Tries on one account from a device it knows.")
    network: Rate = Field(Rate("30/5m"), description="Wrong proofs from one network (IPv4 address, IPv6 /64).")
    network_day: Rate = Field(Rate("300/1d"), description="The same over a day.")
    accounts: Rate = Field(Rate("20/1h"), description="Different accounts that one network gets wrong.")
    total: Rate | None = Field(None, description="Wrong proofs of everybody; then only known devices pass. Off.")
    register_network: Rate = Field(Rate("20/1h"), description="Registrations from one network.")
    mail_network: Rate = Field(Rate("20/1h"), description="Mails that one network may ask for, to whatever address.")
    mail: Rate = Field(Rate("1/1m"), description="Mails of one kind that anybody can cause, to one address.")
    mail_day: Rate = Field(Rate("5/1d"), description="The same over a day.")
    refresh: Rate = Field(Rate("30/5m"), description="Refreshes of one session.")


class Hashing(BaseModel):
    """How passwords are hashed: Argon2id with one lane. `fam-auth tune-hash` says what suits a machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    memory: int = Field(MEMORY_KIB, description="KiB that one hash takes.")
    passes: int = Field(PASSES, ge=1, le=100, description="How often a hash goes over them.")
    threads: int | None = Field(None, ge=1, description="Hashes at once in one worker. None: as many as cores.")

    @model_validator(mode="after")
    def _is_strong_enough(self) -> Self:
        least = LEAST_MEMORY_KIB[min(self.passes, max(LEAST_MEMORY_KIB))]
        if self.memory < least:
            raise ValueError(
                f"with {PREFIX}HASHING__PASSES={self.passes}, {PREFIX}HASHING__MEMORY must be {least} at least (ASVS)"
            )
        return self

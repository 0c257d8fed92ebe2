"""The figures of the throttle: FAM_AUTH_THROTTLE__<NAME>."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from fam_auth.core.rates import Rate


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

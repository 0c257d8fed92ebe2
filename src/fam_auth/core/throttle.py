"""The rate limits: FAM_AUTH_THROTTLE__<NAME>."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from fam_auth.core.rates import Rate


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

"""The search for ways around a second factor."""

from typing import get_args

from fam_auth.auth import Auth
from fam_auth.pipeline import Complete
from fam_auth.repository.data_access.managers import logins
from fam_auth.repository.data_access.queries.users import locked
from fam_auth.values import Client, Kind, Proof, Transport, User, Visit

SOMEBODY_ELSES = "a sign-in method of some other feature"


async def bypasses(auth: Auth, user: User) -> list[str]:
    """The ways by which this user, who has a second factor, is signed in without giving it; none when all is well.

    Every way that the features of `auth` name is tried, and one that no feature names, with every kind of proof and
    over every transport. What it tries leaves logins under way behind, so it belongs into a test's own database.
    """
    ways = [*(way for feature in auth.features for way in feature.ways), SOMEBODY_ELSES]
    found = []
    for way in ways:
        for kind in Kind:
            for transport in get_args(Transport):
                proof, visit = Proof(way, kind, auth.now()), Visit(Client(), transport)
                outcome = await logins.begin(auth, proof, visit, locking=locked(user.id))
                if isinstance(outcome, Complete):
                    found.append(f"{way}, {kind}, {transport}")
    return found

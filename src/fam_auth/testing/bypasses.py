"""Searching for ways to bypass a second factor."""

from typing import get_args

from fam_auth.auth import Auth
from fam_auth.pipeline import Complete
from fam_auth.repository.data_access.managers import logins
from fam_auth.repository.data_access.queries.users import locked
from fam_auth.values import Client, Kind, Proof, Transport, User, Visit

OTHER_METHOD = "a sign-in method of some other feature"


async def bypasses(auth: Auth, user: User) -> list[str]:
    """The ways to sign this user in without their second factor, one line each. The user must have a second factor.

    Expect an empty list. It tries every sign-in method of the features of `auth`, and one of no feature, with every
    type of factor and over every transport. It leaves logins in progress behind, so use a database of the test.
    """
    ways = [*(way for feature in auth.features for way in feature.ways), OTHER_METHOD]
    found = []
    for way in ways:
        for kind in Kind:
            for transport in get_args(Transport):
                proof, visit = Proof(way, kind, auth.now()), Visit(Client(), transport)
                outcome = await logins.begin(auth, proof, visit, locking=locked(user.id))
                if isinstance(outcome, Complete):
                    found.append(f"{way}, {kind}, {transport}")
    return found

"""fam-auth: authentication for FastAPI, embedded in an application or as a service."""

from importlib.metadata import version

from fam_auth.auth import Auth
from fam_auth.demands import recent_proof, second_factor
from fam_auth.dependencies import CurrentAuth, CurrentSession, CurrentUser, needs
from fam_auth.feature import Feature
from fam_auth.install import install
from fam_auth.pipeline import Offer, Step
from fam_auth.values import Proof, User

__all__ = [
    "Auth",
    "CurrentAuth",
    "CurrentSession",
    "CurrentUser",
    "Feature",
    "Offer",
    "Proof",
    "Step",
    "User",
    "install",
    "needs",
    "recent_proof",
    "second_factor",
]

__version__ = version("fam-auth")

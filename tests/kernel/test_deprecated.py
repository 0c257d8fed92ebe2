"""Names that have moved still work, and say where they are now."""

import importlib
import sys

import pytest

import fam_auth
from fam_auth import feature, pipeline
from fam_auth.core import routers
from fam_auth.exceptions import Message, Said

MOVED = {
    "fam_auth.pages.administration.office": ["SEES_USERS", "shows_user"],
    "fam_auth.routers.answers": ["Arrival", "MaybeLoginToken", "SameSite", "login_answer"],
    "fam_auth.routers.problems": ["answer", "refuses"],
}


@pytest.mark.parametrize("module", MOVED)
def test_a_module_that_moved_warns_and_works(module: str) -> None:
    sys.modules.pop(module, None)
    with pytest.warns(DeprecationWarning, match=f"{module} is deprecated"):
        imported = importlib.import_module(module)
    assert sorted(imported.__all__) == MOVED[module]
    assert all(hasattr(imported, name) for name in MOVED[module])


@pytest.mark.parametrize(("old", "new"), [("Try", pipeline.Attempt), ("lacking", pipeline.remaining_steps)])
def test_a_name_that_moved_warns_and_works(old: str, new: object) -> None:
    with pytest.warns(DeprecationWarning, match=r"fam_auth\.pipeline\."):
        assert getattr(feature, old) is new


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError):
        _ = feature.Nothing


def test_said_is_message() -> None:
    assert Said is Message


def test_core_routers_has_install_and_running() -> None:
    """The founding document names the module."""
    assert routers.install is fam_auth.install
    assert routers.running is importlib.import_module("fam_auth.install").running

"""The rules of the house that no linter knows, read from the syntax trees."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table

import fam_auth
from fam_auth import exceptions
from fam_auth.events import FEATURES
from fam_auth.exceptions import FamAuthError, Refusal
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from fam_auth.models import KERNEL
from tests.support.declared import declared

SOURCE = Path(fam_auth.__file__).parent
ROOT = Path(__file__).parents[2]
FILES = sorted(SOURCE.rglob("*.py"))
# What the founding document names; each of them holds something.
FOUNDING = [
    "core/database.py",
    "core/settings.py",
    "core/routers.py",
    "dependencies.py",
    "exceptions.py",
    "main.py",
    "models",
    "repository/data_access/managers",
    "repository/data_access/queries",
    "routers",
    "schemas",
]
PUBLIC = {
    "fam_auth": [
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
    ],
    "fam_auth.testing": [
        "Clock",
        "Finding",
        "Mailbox",
        "bypasses",
        "check_application",
        "code_in",
        "isolated",
        "mails_to",
        "make_user",
        "sign_in",
        "signed_in",
        "template",
        "token_in",
        "totp_code",
        "travel",
    ],
    "fam_auth.features.otp": ["Otp", "SmsSender"],
    "fam_auth.features.password": ["Password"],
    "fam_auth.features.webhook": ["Endpoint", "Webhook"],
    "fam_auth.features.role": ["Permission", "Role", "all_of", "any_of", "path", "permission", "role"],
}
LONGEST_FUNCTION, LONGEST_FILE = 40, 400


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for file in FILES:
        yield file.relative_to(SOURCE), ast.parse(file.read_text())


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield file, node


def calls(name: str) -> list[str]:
    """The files and functions that call something by this name."""
    return [
        f"{file}:{function.name}"
        for file, function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


@pytest.mark.parametrize("name", FOUNDING)
def test_every_name_in_the_founding_document_exists(name: str) -> None:
    place = SOURCE / name
    found = [place] if place.is_file() else list(place.glob("*.py"))
    assert sum(len(ast.parse(file.read_text()).body) > 1 for file in found) >= 1


def test_every_module_is_in_a_layer() -> None:
    """import-linter says nothing about a module that no layer names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = {name for layer in contracts[0]["layers"] for name in re.split(r" [|:] ", layer)}
    modules = {file.relative_to(SOURCE.parent).with_suffix("") for file in FILES if file.name != "__init__.py"}
    dotted = {".".join(module.parts) for module in modules}
    assert {name for name in dotted if not any(f"{name}.".startswith(f"{layer}.") for layer in named)} == set()


def test_sessions_are_made_in_one_place() -> None:
    assert calls("Session") == ["repository/data_access/managers/sessions.py:start"]
    inserts = [
        str(file)
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node).startswith("insert(Session)")
    ]
    assert set(inserts) == {"repository/data_access/queries/sessions.py"}


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_these(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module])


# What a command, a worker or a test does without (docs/decisions/0008).
MAY_WAIT = {
    "auth.py:start",
    "cli/service.py:migrate",
    "features/password/feature.py:of",
    "install.py:install",
    "repository/data_access/managers/diagnosis.py:diagnosed",
    "testing/isolation.py:_migrate",
    *(f"features/{name}/feature.py:{what}" for name in ("otp", "password", "role") for what in ("pages", "routers")),
    *(f"testing/people.py:{name}" for name in ("make_user", "totp_code", "_grant", "_enrol")),
}


def test_no_module_is_named_by_a_string() -> None:
    """But what the application names itself: `--app module:name`."""
    named = {
        str(file)
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
    }
    assert named == {"cli/common.py", "testing/plugin.py"}


def test_no_import_hides_in_a_function() -> None:
    hidden = {
        f"{file}:{function.name}"
        for file, function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert hidden == MAY_WAIT


def test_nothing_grows_too_long() -> None:
    lengths = {f"{file}:{one.name}": (one.end_lineno or 0) - one.lineno + 1 for file, one in functions()}
    # A migration is one list of what it makes.
    long = {name for name, length in lengths.items() if length > LONGEST_FUNCTION and "/migrations/" not in name}
    assert long == set()
    ordered = sorted(lengths.values())
    assert ordered[len(ordered) // 2] <= 9
    assert ordered[len(ordered) * 9 // 10] <= 30
    assert {str(file) for file in FILES if len(file.read_text().splitlines()) > LONGEST_FILE} == set()


def test_no_clock_but_one() -> None:
    """Time is an argument or comes from `auth.now`: code that reads the clock itself cannot be tested."""
    reading = [
        str(file)
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"datetime.now", "datetime.utcnow", "time.time"}
    ]
    assert set(reading) == {"core/clock.py"}


def test_the_tree_of_refusals_is_the_one_in_its_docstring() -> None:
    def below(kind: type[FamAuthError]) -> Iterator[type[FamAuthError]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    drawn = exceptions.__doc__ or ""
    every = [one for one in below(FamAuthError) if one.__module__ == "fam_auth.exceptions"]
    assert {
        one.__name__ for one in every if f"{one.__name__} " not in drawn and f"{one.__name__}\n" not in drawn
    } == set()
    for one in every:
        if issubclass(one, Refusal) and one is not Refusal:
            assert one.code in drawn
            assert one.__doc__


def test_secret_columns_are_marked() -> None:
    """A column with the name of a secret is in no export, and says which key protects it."""
    models = [*KERNEL, *Password.models, *Otp.models, *Role.models]
    tables = [model.__table__ for model in models if isinstance(model.__table__, Table)]
    telling = ("digest", "token", "secret", "code", "password", "content")
    silent = [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if any(column.name == word for word in telling) and not column.info.get("secret")
    ]
    assert silent == []


def test_secrets_of_a_version_are_known_by_their_beginning() -> None:
    models = [*KERNEL, *Otp.models]
    tables = [model.__table__ for model in models if isinstance(model.__table__, Table)]
    kept = {
        f"{table.name}.{column.name}" for table in tables for column in table.columns if column.info.get("versioned")
    }
    assert kept == {
        "auth_attempt.key",
        "auth_login.token",
        "auth_one_time_token.code",
        "auth_one_time_token.token",
        "auth_otp_device.secret",
        "auth_otp_email_code.code",
        "auth_otp_recovery_code.digest",
        "auth_otp_trusted_browser.device",
        "auth_otp_trusted_browser.factors",
        "auth_registration.token",
        "auth_outbox.content",
    }


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def names(tree: ast.AST) -> set[str]:
    """What the code names, but for what it only asks with `isinstance`."""
    asked = {
        id(one)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"
        for one in ast.walk(node)
    }
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in asked}


def test_s121_every_kind_of_event_is_recorded_somewhere() -> None:
    named = set[str]().union(*(names(tree) for file, tree in trees() if file.name != "events.py"))
    assert {event.__name__ for event in declared().values()} - named == set()


def test_the_kernel_names_no_event_of_a_feature() -> None:
    of_features = {kind: event for kind, event in declared().items() if event.__module__.startswith(FEATURES)}
    assert len(of_features) == 18
    words = {kind.partition(".")[0] for kind in of_features}
    kind = re.compile(rf"\b({'|'.join(sorted(words))})\.[a-z_]+")
    classes = {event.__name__ for event in of_features.values()}
    kernel = [(file, tree) for file, tree in trees() if file.parts[0] != "features"]
    assert len(kernel) > 100
    assert [(str(file), text) for file, tree in kernel for text in strings(tree) if kind.search(text)] == []
    assert [(str(file), name) for file, tree in kernel for name in names(tree) & classes] == []

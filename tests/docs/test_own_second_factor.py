"""The package that the page "Write your own second factor" prints, in a service that knows nothing of it."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.people import PASSWORD
from tests.support.service import service

PAGE = (Path(__file__).parents[2] / "docs" / "own-second-factor.md").read_text()
FILE, SHIPPED_TEST = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[ENTRY] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages with the one of the page, as an installer leaves it."""
    made = tmp_path / "site"
    described = made / "acme_pager-1.0.dist-info"
    described.mkdir(parents=True)
    (made / "acme_pager.py").write_text(FILE)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pager\nVersion: 1.0\n")
    points = ENTRY.replace('[project.entry-points."fam_auth.features"]', "[fam_auth.features]").replace('"', "")
    (described / "entry_points.txt").write_text(points)
    (tmp_path / "pagers").mkdir()
    return made


def test_a_package_of_somebody_else(site: Path, tmp_path: Path, database: str) -> None:
    variables: dict[str, Any] = {
        "PYTHONPATH": str(site),
        "FAM_AUTH_FEATURES": "password,pager",
        "FAM_AUTH_PAGER__GATEWAY": str(tmp_path / "pagers"),
        "FAM_AUTH_EMAIL_VERIFICATION": "false",
    }
    with service(tmp_path, database, **variables) as running, httpx2.Client(base_url=running.url) as http:
        body = {"email": "ada@example.com", "password": PASSWORD}
        begun = http.post("/auth/register", json=body).json()
        methods = [{"method": "pager", "hint": "the one on your belt"}]
        assert begun["next"] == [{"step": "second_factor", "methods": methods}]
        token = {"Authorization": f"Login {begun['login_token']}"}
        assert http.post("/auth/login/pager", json={"code": "000000"}, headers=token).json()["code"] == "invalid_code"
        assert http.post("/auth/login/pager/send", headers=token).status_code == 202
        code = (tmp_path / "pagers" / "ada@example.com").read_text()
        other = http.post("/auth/login", json=body).json()
        stranger = {"Authorization": f"Login {other['login_token']}"}
        assert http.post("/auth/login/pager", json={"code": code}, headers=stranger).json()["code"] == "invalid_code"
        done = http.post("/auth/login/pager", json={"code": code}, headers=token).json()
        assert (done["status"], done["session"]["assurance"]) == ("complete", "aal2")
        assert http.post("/auth/login/pager", json={"code": code}, headers=token).status_code == 401
        assert http.post("/auth/login/pager/send").json()["code"] == "invalid_login_token"


async def test_the_test_of_the_page(open_world: object, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))
    names: dict[str, object] = {}
    exec(SHIPPED_TEST, names)  # noqa: S102 - our own page
    assert "test_nobody_bypasses_the_pager" in names

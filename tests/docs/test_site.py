"""The check of links finds what leads nowhere, and the type of a problem leads to its section."""

from pathlib import Path

import pytest

from scripts import site

PAGE = '<base href="/"><a href="{link}">x</a><h2 id="here">Here</h2><img src="/pictures/one.svg">'


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site of two pages and a picture."""
    monkeypatch.setattr(site, "SITE", tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.svg").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_text('<h2 id="there">There</h2>')
    return tmp_path


@pytest.mark.parametrize(
    ("link", "is_lost"),
    [
        ("other/", False),
        ("other/index.html", False),
        ("/other/#there", False),
        ("other/?print#there", False),
        ("#here", False),
        ("https://example.com/nowhere", False),
        ("mailto:ada@example.com", False),
        ("other/#here", True),
        ("#there", True),
        ("missing/", True),
        ("/other/missing.png", True),
    ],
)
def test_links(built: Path, link: str, is_lost: bool) -> None:
    (built / "index.html").write_text(PAGE.format(link=link))
    pages = {file: site.Page(file) for file in built.rglob("*.html")}
    assert list(site.lost(pages[built / "index.html"], pages)) == ([link] if is_lost else [])


def test_the_type_of_a_problem_leads_to_its_section(built: Path) -> None:
    site.redirect("invalid_credentials")
    page = (built / "problems" / "invalid_credentials" / "index.html").read_text()
    assert 'url=/reference/problems/#invalid_credentials"' in page
    assert 'site_url = "https://fam-auth.dev/"' in (site.ROOT / "zensical.toml").read_text()

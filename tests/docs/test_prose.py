"""The prose check finds each of its phrases, in the texts that people read and not in code."""

from pathlib import Path

import pytest

from scripts import prose

# One sentence for each phrase of the check, in its order.
BAD = """\
The tokens of before expire.
Whoever asks gets it.
Tell us whose it is.
The page shows what is lacking.
There is no such user.
Mail is looked after.
Nobody administers yet.
The link is good until noon.
The link is worth nothing.
The old ones are dead.
A code is asked for, and sent.
The route asks for a role.
A factor is demanded.
The least are 8 characters.
It waits for so many seconds.
It is written anew.
The network was slow of late.
We will mend this.
The cookie rests on a secret.
The secret rests in a file.
The worker hears of it.
The limit goes by the address.
The word stands in the table.
See what becomes of a row.
It is signed in the manner of AWS.
An error ends the start.
Change one's own password.
The kernel knows nothing of features.
Let a user not sign in.
The first administrator is made here.
There is no other way in.
This requires a recent proof.
Use two-step verification.
You can adopt all users.
The errand runs later.
Read the journal.
The worker reads a feed of changes.
It undoes the deed.
Pass a witness.
Choose a carrier.
It allows five tries.
A right password gives it back.
The throttle is on.
The login under way ends.
"""
GOOD = """\
# Import users

Import your users with `fam-auth adopt`, and see [the report](adopt.md#errands). Before the import, fam-auth asks for a
password in the same way in which it always does. The rest in the table is the audit log, of which nothing is missing.

```sh
fam-auth errands list  # whoever
```
"""


@pytest.mark.parametrize("number", range(len(prose.FOUND)))
def test_each_phrase_is_found_once(number: int) -> None:
    sentence = BAD.splitlines()[number]
    assert len(BAD.splitlines()) == len(prose.FOUND)
    [(line, phrase, instead)] = prose.findings(sentence)
    assert (line, instead) == (1, list(prose.INSTEAD.values())[number])
    assert phrase in sentence


def test_a_phrase_is_found_across_lines() -> None:
    assert [line for line, _, _ in prose.findings("One.\nThe tokens of\nbefore.")] == [2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with nothing to read yet."""
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    for folder in ("docs/reference", "src/fam_auth/mails/de", "src/fam_auth/languages"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_clean_text_passes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "README.md").write_text(GOOD)
    assert prose.main([]) == 0
    assert capsys.readouterr().out == ""


def test_every_kind_of_text_is_read(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = (
        '"""One line.\n\nAnd an errand."""\n\n\nwitness = 1  # a witness\nfield(help="Whoever.", default="whoever")\n'
    )
    texts = {
        "README.md": "An errand.",
        "docs/page.md": "One.\n\nAn errand.",
        "docs/reference/made.md": "An errand.",
        "src/fam_auth/languages/en.toml": 'said = "An errand."',
        "src/fam_auth/languages/de.toml": 'said = "An errand."',
        "src/fam_auth/mails/note.txt": "An errand for {{ whoever }}",
        "src/fam_auth/mails/de/note.txt": "An errand",
        "src/fam_auth/module.py": module,
    }
    for name, text in texts.items():
        (root / name).write_text(text)
    assert prose.main([]) == 1
    places = [line.split(" ", 1)[0] for line in capsys.readouterr().out.splitlines()]
    assert places == [
        "README.md:1:",
        "docs/page.md:3:",
        "src/fam_auth/languages/en.toml:1:",
        "src/fam_auth/mails/note.txt:1:",
        "src/fam_auth/module.py:3:",
        "src/fam_auth/module.py:7:",
    ]


def test_paths_limit_what_is_read(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "README.md").write_text("An errand.")
    (root / "docs" / "page.md").write_text("A deed.")
    assert prose.main([str(root / "docs")]) == 1
    assert capsys.readouterr().out == "docs/page.md:1: deed -> action; in code: statement\n"

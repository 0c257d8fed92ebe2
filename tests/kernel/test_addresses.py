"""Addresses and senders: one text, one mailbox, for us and for every mail program below us."""

import pytest

from fam_auth.core.addresses import parse, sender

ENCODED = [
    "=?utf-8?q?attacker=40evil.example=2c?=foo@corp.example",
    "=?utf-8?b?YXR0YWNrZXJAZXZpbC5leGFtcGxlLA==?=foo@corp.example",
    "=?UTF-8?Q?a?=@corp.example",
    "=?iso-8859-1?q?a=0ab?=@corp.example",
    "=?utf-16?b?AGE=?=@corp.example",
    "=?utf-8*en?q?a?=@corp.example",
    "foo=?utf-8?q?a?=bar@corp.example",
    "=?utf-8?q?a@corp.example",
    "a?=@corp.example",
    "foo@=?utf-8?q?corp?=.example",
    "\uff1d\uff1futf-8\uff1fq\uff1fa\uff1f\uff1d@corp.example",
    "=\uff1futf-8?q?a?=@corp.example",
]


@pytest.mark.parametrize("text", ENCODED)
def test_an_encoded_word_is_not_accepted_as_an_address(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain e-mail address"):
        parse(text)


@pytest.mark.parametrize("text", ["a=b@x.example", "a?b@x.example", "who?me=you@x.example"])
def test_the_characters_of_an_encoded_word_are_allowed_in_an_address(text: str) -> None:
    assert parse(text).canonical == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Straße@example.com", "straße@example.com"),
        ("STRASSE@example.com", "strasse@example.com"),
        ("STRA\u1e9eE@example.com", "straße@example.com"),
        ("\u017fam@example.com", "\u017fam@example.com"),
        ("JU\u0308RGEN@example.com", "j\u00fcrgen@example.com"),
        ("ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"),
        ("ada@XN--MNCHEN-3YA.example", "ada@xn--mnchen-3ya.example"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("ada@strasse.example", "ada@strasse.example"),
    ],
)
def test_an_address_is_compared_in_lower_case_and_a_labels(text: str, canonical: str) -> None:
    address = parse(text)
    assert address.canonical == canonical
    assert parse(address.shown) == address


def test_mail_goes_to_the_local_part_as_it_was_written_at_the_a_labels() -> None:
    assert parse("Ada.Lovelace@MÜNCHEN.example").mailbox == "Ada.Lovelace@xn--mnchen-3ya.example"
    assert parse("jürgen@münchen.example").mailbox == "jürgen@xn--mnchen-3ya.example"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("Acme, Inc. <no-reply@example.com>", "Acme, Inc.", "no-reply@example.com"),
        ('"Acme, Inc." <no-reply@example.com>', "Acme, Inc.", "no-reply@example.com"),
        ('"The \\"A\\" <b@c.example>" <no-reply@example.com>', 'The "A" <b@c.example>', "no-reply@example.com"),
        ('A "B" C <no-reply@example.com>', 'A "B" C', "no-reply@example.com"),
        ("A\r\nBcc: b <no-reply@example.com>", "A Bcc: b", "no-reply@example.com"),
        (" no-reply@example.com ", "", "no-reply@example.com"),
        ("<no-reply@example.com>", "", "no-reply@example.com"),
        ("Acme <no-reply@MÜNCHEN.example>", "Acme", "no-reply@xn--mnchen-3ya.example"),
        ("no-reply@localhost", "", "no-reply@localhost"),
        ("no-reply@127.0.0.1", "", "no-reply@[127.0.0.1]"),
        ("no-reply@[IPv6:::1]", "", "no-reply@[IPv6:::1]"),
    ],
)
def test_a_sender_is_a_name_and_exactly_one_address(text: str, name: str, address: str) -> None:
    found = sender(text)
    assert (found.name, found.address) == (name, address)
    assert sender(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Acme",
        "@example.com",
        "a@b.example, c@d.example",
        "A <a@b.example>, B <c@d.example>",
        '"A" <a@b.example>, "B" <c@d.example>',
        "a@b.example, Acme <c@d.example>",
        "Acme <a@b.example, c@d.example>",
        "Acme <a@b.example> and more",
        "Acme <a@b example>",
        "=?utf-8?q?Acme?= <a@b.example>",
        "Acme <=?utf-8?q?a?=@b.example>",
        "Acme <a@b.example\r\nBcc: c@d.example>",
    ],
)
def test_what_is_not_exactly_one_address_is_no_sender(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        sender(text)

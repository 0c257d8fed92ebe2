"""Common passwords: those on the list, and those derived from the list or from the context by a well-known rule.

Passwords are compared whole, never by parts, after NFKC and case folding (NIST SP 800-63B-4, 3.1.1.2; OWASP ASVS 6.2.4,
6.2.11). No rule requires a kind of character (6.2.5). The folding is for this comparison only, not for the hash.
"""

import gzip
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from importlib import resources
from itertools import chain, pairwise, zip_longest

# From this length on the list has 68 entries, and no list comes near the 3,000 of ASVS 6.2.4: rules replace entries.
LONG = 15
# The words that people join in pairs: the first entries of the data file, most common first.
TOP = 2_000

# A list word has at most 33 code points, the local part of an address 64: this bounds the work on long input.
_LONGEST_WORD = 64
# There are 3 * 10^8 units of six letters of one case, and repeating one adds nothing; longer units are allowed.
_LONGEST_UNIT = 6
# One or two letters are in too many passwords by chance: "a" with eight digits is not derived from "a".
_SHORTEST_CONTEXT = 3
# A number as context (of a phone, of a tenant): five digits or fewer occur in random digits by chance.
_SHORTEST_NUMBER = 6

_DECORATION = string.digits + string.punctuation + string.whitespace
# What people append to a word: a date (or a year twice), and a few marks. More than that counts as random, unless it is
# a pattern itself.
_DATE = 8
_MARKS = 4
_YEARS = range(1970, 2030)

_LEET = str.maketrans("0134578@$!|+l", "oieastbasiiti")
_UNSHIFTED = str.maketrans("!@#$%^&*()", "1234567890")
_COUNTED = "".join(map(str, range(1, 400)))
_KEYBOARDS = (
    ("1234567890", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./"),
    ("1234567890", "qwertzuiop", "asdfghjklö", "yxcvbnm,.-"),
    ("1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn,;:!"),
    ("1234567890", "йцукенгшщз", "фывапролдж", "ячсмитьбю."),
)


def is_common(password: str) -> bool:
    """Whether the whole password is a common one, or derived from common ones by a well-known rule.

    At any length: an entry of the list, a keyboard walk or sequence, or a unit of up to six characters repeated.
    From `LONG` code points on also: a list word repeated (the last one possibly cut), two of the `TOP` joined, and
    any of these or a list word with up to a date's digits and a few marks around it.
    Linear in the length, for a password that is in NFKC already (CPython's normalization is not linear).
    """
    text = canonical(password)
    if text in _words() or _is_pattern(text):
        return True
    return len(text) >= LONG and (_COUNTED.startswith(text) or _is_compound(text) or _is_decorated(text))


def is_contextual(password: str, words: Iterable[str]) -> bool:
    """Whether the whole password is a context word (service, host, name, local part of address) or derived from one.

    Words are split at everything but letters and digits ("jane.doe@acme.example" is also "jane", "doe", "janedoe"...).
    Derived: repeated, reversed, in leet, with up to a date's digits and a few marks around it, or joined with another
    context word or one of the `TOP`. Words of fewer than three characters are ignored.
    """
    text = canonical(password)
    bases = _bases(words)
    shape = _shape(text)
    forms = {_shape(form) for base in bases for form in (base, base[::-1])}
    return (
        _is_repeated(shape, forms)
        or any(_is_wrapped(text, shape, form) for form in forms)
        or _is_joined_and_decorated(text, bases)
    )


def canonical(text: str) -> str:
    """The form in which passwords and words are compared: NFKC, then case-folded."""
    return unicodedata.normalize("NFKC", text).casefold()


@cache
def listed() -> tuple[str, ...]:
    """All entries in canonical form: the `TOP` first, most common first, then the others in alphabetical order."""
    packed = resources.files("fam_auth.features.password").joinpath("common.txt.gz").read_bytes()
    return tuple(gzip.decompress(packed).decode().removesuffix("\n").split("\n"))


def generated(words: Sequence[str]) -> Iterator[str]:
    """Every long password that people derive by rule, each once, of `LONG` code points or more.

    First the patterns without a word, then the rules in turn over `words`, the most common words first. With
    `listed()`, `is_common` is true for each; the first 10,000 are test data.
    """
    seen: set[str] = set()
    ruled = _in_turn(_repeats(words), _runs(words), _marks(words), _years(words), _pairs(words))
    for text in chain(_patterns(), ruled):
        if text not in seen:
            seen.add(text)
            yield text


@cache
def _words() -> frozenset[str]:
    return frozenset(listed())


@cache
def _top() -> frozenset[str]:
    return frozenset(listed()[:TOP])


def _is_compound(text: str) -> bool:
    return _is_repeated(text, _words()) or _is_joined(text, _top(), _top())


def _is_repeated(text: str, words: AbstractSet[str]) -> bool:
    """Whether the text repeats one word, the last one possibly cut."""
    lengths = range(1, min(len(text) - 1, _LONGEST_WORD) + 1)
    return any(text[:length] in words and text[length:] == text[:-length] for length in lengths)


def _is_joined(text: str, firsts: AbstractSet[str], seconds: AbstractSet[str]) -> bool:
    """Whether the text is a first and a second word, with at most one mark between them."""
    for end in range(1, min(len(text) - 1, _LONGEST_WORD) + 1):
        if text[:end] in firsts and (text[end:] in seconds or _past_mark(text, end) in seconds):
            return True
    return False


def _past_mark(text: str, start: int) -> str:
    return text[start + 1 :] if text[start] in string.punctuation + " " else text[start:]


def _core(text: str) -> slice:
    """The part of the text between its leading and its trailing decoration."""
    start = len(text) - len(text.lstrip(_DECORATION))
    return slice(start, max(start, len(text.rstrip(_DECORATION))))


def _is_decorated(text: str) -> bool:
    """Whether the text is a list word or compound with decoration around it; list words may end in digits too."""
    core = _core(text)
    if core.start == core.stop:  # No letter at all: a listed number with more digits around it could be any number.
        return False
    compound = _is_compound(text[core]) or _is_pattern(text[core])
    spans = chain([core] if compound else [], _list_words_around(text, core))
    return any(_is_trimming(text[: span.start] + text[span.stop :]) for span in spans)


def _list_words_around(text: str, core: slice) -> Iterator[slice]:
    for start in {0, core.start}:
        for stop in range(core.stop, min(len(text), start + _LONGEST_WORD) + 1):
            if text[start:stop] in _words():
                yield slice(start, stop)


def _is_trimming(text: str) -> bool:
    """Whether the text is at most the digits of a date and a few marks, or a pattern of them."""
    if text.strip(_DECORATION):
        return False
    digits = "".join(char for char in text if char.isdigit())
    marks = "".join(char for char in text if not char.isdigit())
    return (len(digits) <= _DATE or _is_pattern(digits)) and (len(marks) <= _MARKS or _is_pattern(marks))


def _is_pattern(text: str) -> bool:
    """Whether the text is a keyboard walk, or a short unit repeated two and a half times or more."""
    units = range(1, min(_LONGEST_UNIT, len(text) * 2 // 5) + 1)
    return _is_walk(text) or any(text[unit:] == text[:-unit] for unit in units)


def _is_walk(text: str) -> bool:
    """Whether every character is in a straight run of three or more, so that walks may turn and start again.

    Refuses 6 in 10^5 random passwords of eight digits, 1 in 10^5 of eight letters, 5 in 10^8 of fifteen digits.
    """
    keys, straight, covered = text.translate(_UNSHIFTED), _straight(), 0
    for start in range(len(keys) - 2):
        if start > covered:
            return False
        three = keys[start : start + 3]
        if three in straight or _is_in_order(*map(ord, three)):
            covered = start + 3
    return 0 < covered == len(keys)


def _is_in_order(first: int, second: int, third: int) -> bool:
    """Whether these are neighbours in Unicode, forwards or backwards, or one character three times."""
    return second - first == third - second and abs(second - first) <= 1


@cache
def _straight() -> frozenset[str]:
    """All runs of three neighbours on a keyboard, and of the alphabet where it wraps around."""
    strips = [string.ascii_lowercase * 2, string.digits * 2, *_zigzags((string.ascii_lowercase, "1234567890" * 3))]
    strips += [char * 3 for char in string.printable]  # `_is_in_order` finds these too; "aaaa..." is faster here.
    for rows in _KEYBOARDS:
        strips += [*rows, *_columns(rows), *_zigzags(rows)]
    keys = [strip.translate(_UNSHIFTED) for strip in strips]
    return frozenset(way[i : i + 3] for strip in keys for way in (strip, strip[::-1]) for i in range(len(strip) - 2))


def _columns(rows: Sequence[str]) -> list[str]:
    """The columns of keys, 1qaz, 2wsx, ..., then those that lean the other way, 4esz, 5rdx, ..."""
    leaning = [row[len(rows) - 1 - depth :] for depth, row in enumerate(rows)]
    return ["".join(keys) for keys in chain(zip(*rows, strict=False), zip(*leaning, strict=False))]


def _zigzags(rows: Sequence[str]) -> list[str]:
    """Two neighbouring rows interleaved: 1q2w3e..., q1w2e3..., qawsed..."""
    pairs = chain(pairwise(rows), pairwise(rows[::-1]))
    return ["".join(chain.from_iterable(zip(*pair, strict=False))) for pair in pairs]


def _bases(words: Iterable[str]) -> set[str]:
    """The context words, whole and in parts, with and without the digits at their ends."""
    bases: set[str] = set()
    for word in map(canonical, words):
        parts = re.findall(r"[^\W_]+", word)
        bases.update((word, "".join(parts), *parts))
    bases |= {base.strip(string.digits) for base in bases}
    return {base for base in bases if len(base) >= (_SHORTEST_CONTEXT if _has_letter(base) else _SHORTEST_NUMBER)}


def _shape(text: str) -> str:
    """The text with leet undone, character by character. Numbers stay: random ones would spell words."""
    return text.translate(_LEET) if _has_letter(text) else text


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def _is_wrapped(text: str, shape: str, form: str) -> bool:
    """Whether the text is the form, once or more, with at most a date and a few marks around it."""
    start = shape.find(form)
    if start < 0:
        return False
    stop = start + len(form)
    while shape.startswith(form, stop):
        stop += len(form)
    return _is_trimming(text[:start] + text[stop:])


def _is_joined_and_decorated(text: str, bases: AbstractSet[str]) -> bool:
    core = _core(text)
    pairs = ((bases, bases), (bases, _top()), (_top(), bases))
    joined = any(_is_joined(text[core], firsts, seconds) for firsts, seconds in pairs)
    return joined and _is_trimming(text[: core.start] + text[core.stop :])


def _patterns() -> Iterator[str]:
    yield from (char * LONG for char in string.ascii_lowercase + string.digits)
    for ring in (string.digits, string.ascii_lowercase):
        for way in (ring, ring[::-1]):
            yield from ((way * 3)[start : start + LONG] for start in range(len(ring)))
    for rows in _KEYBOARDS:
        for lines in (list(rows), _columns(rows)):
            yield from ("".join(lines[start:] + lines[:start])[:LONG] for start in range(len(lines)))
            yield from ("".join(lines[start:] + lines[:start])[::-1][:LONG] for start in range(len(lines)))
        yield from (zigzag[start : start + LONG] for zigzag in _zigzags(rows) for start in (0, 1, 2))


def _in_turn(*kinds: Iterator[str]) -> Iterator[str]:
    for row in zip_longest(*kinds, fillvalue=""):
        yield from filter(None, row)


def _missing(word: str) -> int:
    return max(LONG - len(word), 1)


def _repeats(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        whole = word * max(2, -(-LONG // len(word)))
        yield whole
        yield whole[: max(LONG, len(word) + 1)]


def _runs(words: Iterable[str]) -> Iterator[str]:
    for word in filter(_has_letter, words):
        yield word + "12345678901234"[: max(_missing(word), 3)]


def _marks(words: Iterable[str]) -> Iterator[str]:
    for word in filter(_has_letter, words):
        yield word + "!" * _missing(word)


def _years(words: Iterable[str]) -> Iterator[str]:
    for word in filter(_has_letter, words):
        yield from (word + str(year) * -(-_missing(word) // 4) for year in _YEARS)


def _pairs(words: Sequence[str]) -> Iterator[str]:
    """Two of the `TOP` joined, in both orders, the more common pairs first."""
    for rank, second in enumerate(words[:TOP]):
        for first in words[: rank + 1]:
            yield from (pair for pair in (first + second, second + first) if len(pair) >= LONG)

"""Numbers in French words ("en toutes lettres"), as narcotics and some other medicines are prescribed."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Final

_SMALL: Final = (
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
    "quatorze", "quinze", "seize",
)  # fmt: skip
_TENS: Final = ("", "dix", "vingt", "trente", "quarante", "cinquante", "soixante", "soixante", "quatre-vingt",
                "quatre-vingt")  # fmt: skip
_HALF: Final = Decimal("0.5")
_LARGEST: Final = 10**12
_COUNTING: Final = re.compile(r"\A\s*\d|\d\s*[^\W\d_]|\d\s*%")
_ACCUSTOMED: Final = {Decimal("0.25"): "un quart", Decimal("0.75"): "trois quarts"}
_FOUR_TWENTIES: Final = 8


def number(value: Decimal | int, *, feminine: bool = False) -> str:
    """Write a number of 0 or more in words: `vingt et un`, `un demi`, `deux et demi`, `sept virgule vingt-cinq`.

    Args:
        value: at most twelve digits before the point.
        feminine: whether what is counted is feminine (`une gélule`, `vingt et une gélules`).

    Raises:
        ValueError: negative, or too large to be read.
    """
    exact = Decimal(value)
    if exact < 0 or exact >= _LARGEST:
        raise ValueError(value)
    whole, rest = int(exact), exact % 1
    if not rest:
        return _agreed(_whole(whole), feminine=feminine)
    if not whole and (rest == _HALF or rest in _ACCUSTOMED):
        return _ACCUSTOMED.get(rest, "un demi")
    if rest == _HALF:
        return f"{_agreed(_whole(whole), feminine=feminine)} et {'demie' if feminine else 'demi'}"
    digits = format(rest.normalize(), "f").partition(".")[2]
    zeros = "zéro " * (len(digits) - len(digits.lstrip("0")))
    return f"{_whole(whole)} virgule {zeros}{_whole(int(digits))}"


def says(text: str, value: Decimal | int) -> bool:
    """Whether a text in words says this number, accents, case, hyphens and gender aside."""
    said: list[list[str]] = [[]]
    for word in _plain(text).split():
        if word in _VOCABULARY or (word == "et" and said[-1]):
            said[-1].append(word)
        elif said[-1]:
            said.append([])
    runs = {" ".join(run).removesuffix(" et") for run in said if run}
    return any(_plain(number(value, feminine=feminine)) in runs for feminine in (False, True))


def in_letters(text: str) -> bool:
    """Whether a text is written out: figures that count (`10 mg`) stand, if at all, beside numbers in words."""
    if not _COUNTING.search(text):
        return bool(text.strip())
    return not _VOCABULARY.isdisjoint(_plain(text).split())


def _plain(text: str) -> str:
    flat = unicodedata.normalize("NFKD", text.casefold().replace("-", " ").replace("'", " ").replace("’", " "))
    bare = "".join(character for character in flat if not unicodedata.combining(character))
    return " ".join("".join(character if character.isalnum() else " " for character in bare).split())


def _agreed(words: str, *, feminine: bool) -> str:
    return f"{words}e" if feminine and (words == "un" or words.endswith((" un", "-un"))) else words


def _whole(count: int) -> str:
    for size, one, several in ((10**9, "un milliard", "milliards"), (10**6, "un million", "millions")):
        if count >= size:
            head = one if count < 2 * size else f"{_whole(count // size)} {several}"
            return f"{head} {_whole(count % size)}" if count % size else head
    if count >= 1000:  # noqa: PLR2004 - one thousand
        head = "mille" if count < 2000 else f"{_unmarked(_whole(count // 1000))} mille"  # noqa: PLR2004 - two thousand
        return f"{head} {_whole(count % 1000)}" if count % 1000 else head
    if count >= 100:  # noqa: PLR2004 - one hundred
        hundreds, rest = divmod(count, 100)
        head = "cent" if hundreds == 1 else f"{_SMALL[hundreds]} cent"
        return f"{head} {_whole(rest)}" if rest else head + ("s" if hundreds > 1 else "")
    return _below_hundred(count)


def _below_hundred(count: int) -> str:
    if count < len(_SMALL):
        return _SMALL[count]
    tens, unit = divmod(count, 10)
    if tens in (1, 7, 9):
        rest = _SMALL[10 + unit] if 10 + unit < len(_SMALL) else f"dix-{_SMALL[unit]}"
        if tens == 1:
            return rest
        return f"{_TENS[tens]} et {rest}" if (tens, unit) == (7, 1) else f"{_TENS[tens]}-{rest}"
    if not unit:
        return f"{_TENS[tens]}s" if tens == _FOUR_TWENTIES else _TENS[tens]
    if unit == 1 and tens != _FOUR_TWENTIES:
        return f"{_TENS[tens]} et un"
    return f"{_TENS[tens]}-{_SMALL[unit]}"


def _unmarked(words: str) -> str:
    """`quatre-vingts` and `deux cents` lose their s before `mille`."""
    return words[:-1] if words.endswith(("vingts", "cents")) else words


_VOCABULARY: Final = frozenset(
    _plain(" ".join((*_SMALL, *_TENS, *_ACCUSTOMED.values(), "une demi demie cent cents mille virgule vingts"))).split()
) | {"million", "millions", "milliard", "milliards"}
"""Words of which numbers are made, without accents."""

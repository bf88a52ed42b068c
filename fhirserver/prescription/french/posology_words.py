"""The French words of a posology: units and their plurals, moments of the day, days, periods."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

SPACE: Final = "\u00a0"

WHEN: Final = {
    "MORN": "le matin",
    "MORN.early": "tôt le matin",
    "MORN.late": "en fin de matinée",
    "NOON": "le midi",
    "AFT": "l'après-midi",
    "AFT.early": "en début d'après-midi",
    "AFT.late": "en fin d'après-midi",
    "EVE": "le soir",
    "EVE.early": "en début de soirée",
    "EVE.late": "en fin de soirée",
    "NIGHT": "la nuit",
    "PHS": "après le coucher",
    "HS": "au coucher",
    "WAKE": "au réveil",
    "C": "au cours des repas",
    "CM": "au cours du petit-déjeuner",
    "CD": "au cours du déjeuner",
    "CV": "au cours du dîner",
    "AC": "avant les repas",
    "ACM": "avant le petit-déjeuner",
    "ACD": "avant le déjeuner",
    "ACV": "avant le dîner",
    "PC": "après les repas",
    "PCM": "après le petit-déjeuner",
    "PCD": "après le déjeuner",
    "PCV": "après le dîner",
}
"""http://hl7.org/fhir/event-timing and http://terminology.hl7.org/CodeSystem/v3-TimingEvent."""

DAYS: Final = {
    "mon": "lundi",
    "tue": "mardi",
    "wed": "mercredi",
    "thu": "jeudi",
    "fri": "vendredi",
    "sat": "samedi",
    "sun": "dimanche",
}

TIME_UNITS: Final = {
    "s": ("seconde", "secondes", "toutes les"),
    "min": ("minute", "minutes", "toutes les"),
    "h": ("heure", "heures", "toutes les"),
    "d": ("jour", "jours", "tous les"),
    "wk": ("semaine", "semaines", "toutes les"),
    "mo": ("mois", "mois", "tous les"),
    "a": ("an", "ans", "tous les"),
}
"""Code of http://hl7.org/fhir/ValueSet/units-of-time: one, several, "every"."""

FRACTIONS: Final = (
    (1 / 2, "demi", "et demi"),
    (1 / 4, "un quart", "un quart"),
    (3 / 4, "trois quarts", "trois quarts"),
    (1 / 3, "un tiers", "un tiers"),
    (2 / 3, "deux tiers", "deux tiers"),
)
"""Share of one: before what is divided, after whole ones."""

AFTER: Final = {
    "MORN": "le début de la matinée",
    "MORN.early": "le début de la matinée",
    "MORN.late": "la fin de la matinée",
    "NOON": "midi",
    "AFT": "le début de l'après-midi",
    "AFT.early": "le début de l'après-midi",
    "AFT.late": "la fin de l'après-midi",
    "EVE": "le début de la soirée",
    "EVE.early": "le début de la soirée",
    "EVE.late": "la fin de la soirée",
    "NIGHT": "le début de la nuit",
    "HS": "le coucher",
    "WAKE": "le réveil",
}
"""What an offset comes after, where the moment does not say whether before or after (R4: then it is after)."""

EDQM: Final = "http://standardterms.edqm.eu"
CODED: Final = {
    "15002000": "ampoule",
    "15005000": "poche",
    "15009000": "flacon",
    "15012000": "gélule",
    "15036000": "dispositif transdermique",
    "15042000": "emplâtre",
    "15052000": "seringue",
    "15054000": "comprimé",
    "15060000": "flacon",
    "20001000": "voie auriculaire",
    "20003000": "voie cutanée",
    "20020000": "voie inhalée",
    "20035000": "voie intramusculaire",
    "20045000": "voie intraveineuse",
    "20049000": "voie nasale",
    "20051000": "voie ophtalmique",
    "20053000": "voie orale",
    "20061000": "voie rectale",
    "20066000": "voie sous-cutanée",
    "20067000": "voie sublinguale",
    "20070000": "voie transdermique",
    "20072000": "voie vaginale",
}
"""Usual units of presentation and routes of EDQM Standard Terms, for codes that come without a name."""

_UNITS: Final = {
    "appln": "application",
    "dose_kg": "dose/kg",
    "[iu]": "UI",
    "[drp]": "goutte",
    "[tsp_us]": "cuillère à café",
    "[tbs_us]": "cuillère à soupe",
    "tbl": "comprimé",
    "puff": "bouffée",
    "1": "",
}
_OF_UCUM: Final = (("[iU]", "UI"), ("[IU]", "UI"), ("10*6.", "M"), ("10*3.", "k"), ("m2", "m²"), ("{", ""),
                   ("}", ""))  # fmt: skip
"""How people write what UCUM writes for programs; `ug` and `/d` apart."""
_OF_UCUM_WHOLE: Final = ((re.compile(r"\bu(?=(?:g|L|mol)\b)"), "µ"), (re.compile(r"/d\b"), "/jour"),
                         (re.compile(r"/wk\b"), "/semaine"))  # fmt: skip
_PLURALS: Final = {"dose/kg": "doses/kg"}
_INVARIABLE: Final = frozenset({"à", "au", "aux", "avec", "correspondant", "d", "dans", "de", "des", "du", "en", "et",
                                "la", "le", "les", "ou", "par", "pour", "sans", "sous", "sur"})  # fmt: skip
_DESCRIBES_AFTER: Final = frozenset({"correspondant", "de", "à", "pour", "en", "par", "d", "sous", "sans", "avec"})
"""What follows these words describes the unit and does not take its plural."""
_FEMININE: Final = frozenset({"aiguille", "ampoule", "bande", "boîte", "bouteille", "capsule", "cartouche", "compresse",
                              "cuillère", "dose", "dragée", "éponge", "gélule", "gomme", "goutte", "graduation",
                              "lingette", "mesure", "pastille", "perle", "pilule", "pipette", "poche", "prise",
                              "seringue", "unité"})  # fmt: skip
_FEMININE_ENDINGS: Final = ("tion", "sion", "ette", "ée")
_COUNTED: Final = frozenset({"comprimé", "cachet", "sachet", "ovule", "suppositoire", "flacon", "patch", "tube",
                             "stylo", "dispositif", "pansement", "emplâtre", "trait"}) | _FEMININE  # fmt: skip
_SHORT: Final = 4
_SHORT_WORDS: Final = frozenset({"jet", "kit", "lot", "pot", "sac"})
_STEMS: Final = ("mol", "cal", "osm")
_MEASURE: Final = re.compile(r"(?i)[a-zµ]?(mol|cal|eq|osm|osmol)s?\Z|.*(gramme|litre|mole|calorie|becquerel|gray)s?\Z")
_ELIDED: Final = "aeiouàâéèêëîïôùûœæ"


def unit(text: str, *, plural: bool) -> str:
    """Write a unit in lower case where it is a word, in the plural if asked; symbols such as mg stay as they are."""
    word = _named(text)
    if word in _PLURALS and plural:
        return _PLURALS[word]
    if _is_symbol(word):
        return word
    if word[1:].islower() or word.isupper() or word.istitle():
        word = word.lower()
    words = word.split(" ")
    if not plural:
        return " ".join(_singular(words))
    for position, part in enumerate(words):
        if part in _DESCRIBES_AFTER or part.startswith("(") or any(character.isdigit() for character in part):
            break
        words[position] = _plural(part)
    return " ".join(words)


def is_counted(text: str) -> bool:
    """Whether the unit is a thing that one counts and divides (a tablet), not a measure (mg, gramme)."""
    word = _named(text)
    return bool(word) and not _is_symbol(word) and not _MEASURE.match(word.split(" ")[0]) and word[:4].lower() != "demi"


def is_feminine(text: str) -> bool:
    """Whether a counted unit's first word is feminine."""
    word = _named(text).lower().split(" ")[0].split("-")[0].removesuffix("(s)")
    word = word if word in _FEMININE else word.removesuffix("s")
    return word in _FEMININE or word.endswith(_FEMININE_ENDINGS)


def of(text: str) -> str:
    """Return `de` with its word: `de comprimé`, `d'ovule`."""
    return f"d'{text}" if text[:1].lower() in _ELIDED else f"de {text}"


def _named(text: str) -> str:
    """A unit by its name: UCUM writes what is counted in braces; `comprimé(s)` is told by what is counted."""
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") and text.count("{") == 1 else text
    inner = inner.replace("(s)", "")
    known = _UNITS.get(inner.lower())
    if known is not None or not _is_symbol(inner):
        return inner if known is None else known
    for coded, written in _OF_UCUM:
        inner = inner.replace(coded, written)
    for coded_whole, written in _OF_UCUM_WHOLE:
        inner = coded_whole.sub(written, inner)
    return inner


def _is_symbol(word: str) -> bool:
    first = word.split(" ", maxsplit=1)[0]
    letters = "".join(character for character in first if character.isalpha())
    if len(letters) < _SHORT:
        return letters.lower() not in _SHORT_WORDS
    inside = not first.isupper() and not first[1:].islower() and "-" not in first
    return inside or bool(_MEASURE.match(first) and first[-3:] in _STEMS) or any(c in "/%[0123456789" for c in first)


def _singular(words: Sequence[str]) -> list[str]:
    """Undo a plural in which a unit was sent, where its first word is known: `comprimés pelliculés`."""
    if words[0].removesuffix("s") not in _COUNTED:
        return list(words)
    end = next((place for place, word in enumerate(words) if word in _DESCRIBES_AFTER), len(words))
    return [word.removesuffix("s") if place < end else word for place, word in enumerate(words)]


def _plural(word: str) -> str:
    if "-" in word:
        return _plural_of_parts(word)
    if word.lower() in _INVARIABLE or word[-1:] in "sxz" or not word.isalpha():
        return word
    if word.endswith("al"):
        return f"{word[:-1]}ux"
    if word.endswith(("au", "eu")):
        return f"{word}x"
    return f"{word}s"


def _plural_of_parts(word: str) -> str:
    """Write the plural of `sachet-dose`, `demi-comprimé`, `gastro-résistant`."""
    first, _, rest = word.partition("-")
    if first == "demi" or first.endswith("o"):
        return f"{first}-{_plural(rest)}"
    return f"{_plural(first)}-{rest}"

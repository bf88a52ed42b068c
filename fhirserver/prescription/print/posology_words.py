"""The French words of a posology: units and their plurals, moments of the day, days, periods."""

from __future__ import annotations

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
    (1 / 2, "un demi-{unit}", "et demi"),
    (1 / 4, "un quart de {unit}", "un quart"),
    (3 / 4, "trois quarts de {unit}", "trois quarts"),
    (1 / 3, "un tiers de {unit}", "un tiers"),
    (2 / 3, "deux tiers de {unit}", "deux tiers"),
)

_UNITS: Final = {
    "appln": "application",
    "dose_kg": "dose/kg",
    "seconde(s)": "seconde",
    "[iu]": "UI",
    "[drp]": "goutte",
}
_PLURALS: Final = {"dose/kg": "doses/kg"}
_INVARIABLE: Final = frozenset({"à", "au", "aux", "avec", "correspondant", "d", "dans", "de", "des", "du", "en", "et",
                                "la", "le", "les", "ou", "par", "pour", "sans", "sur"})  # fmt: skip
_DESCRIBES_AFTER: Final = frozenset({"correspondant", "de", "à", "pour", "en", "par", "d"})
"""What follows these words describes the unit and does not take its plural."""
_FEMININE: Final = frozenset({"ampoule", "application", "bouffée", "capsule", "cuillère", "dose", "gélule", "goutte",
                              "injection", "mesure", "pastille", "pilule", "poche", "seringue", "unité"})  # fmt: skip
_SHORT: Final = 4


def unit(text: str, *, plural: bool) -> str:
    """Write a unit in lower case where it is a word, in the plural if asked; symbols such as mg stay as they are."""
    word = _named(text)
    if word in _PLURALS and plural:
        return _PLURALS[word]
    if _is_symbol(word):
        return word
    if word[1:].islower():
        word = word[0].lower() + word[1:]
    if not plural:
        return word
    words = word.split(" ")
    for position, part in enumerate(words):
        if part in _DESCRIBES_AFTER or any(character.isdigit() for character in part):
            break
        words[position] = _plural(part)
    return " ".join(words)


def is_counted(text: str) -> bool:
    """Whether the unit is a thing that one counts and divides (a tablet), not a measure (mg)."""
    return not _is_symbol(_named(text))


def is_feminine(text: str) -> bool:
    """Whether a counted unit's first word is feminine."""
    return text.lower().split(" ")[0] in _FEMININE


def _named(text: str) -> str:
    """A unit by its name: UCUM writes what is counted in braces."""
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    return _UNITS.get(inner.lower(), inner)


def _is_symbol(word: str) -> bool:
    letters = "".join(character for character in word.split(" ", maxsplit=1)[0] if character.isalpha())
    return len(letters) < _SHORT or any(character in "/%0123456789" for character in word.split(" ", maxsplit=1)[0])


def _plural(word: str) -> str:
    if word.lower() in _INVARIABLE or word[-1] in "sxz" or not word.isalpha():
        return word
    if word.endswith(("au", "eu")):
        return f"{word}x"
    return f"{word}s"

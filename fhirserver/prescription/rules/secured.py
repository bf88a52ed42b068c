"""Narcotics, assimilated and other secured medicines: mentions in words, secured paper, named pharmacy.

Sources: Code de la santé publique R5132-5, R5132-29; arrêtés for each class; measures of 1 March 2025 for opioids.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.alerts import Alert
from fhirserver.prescription.elements import InWords
from fhirserver.prescription.execution.quantities import Amount, is_counted, read_amount
from fhirserver.prescription.french import words
from fhirserver.prescription.french.amounts import said
from fhirserver.prescription.french.posology_words import is_feminine, unit
from fhirserver.prescription.rules.case import Case
from fhirserver.prescription.timing import repeat_of

_PLURAL_FROM: Final = 2
_SPEAKABLE: Final = 1_000_000
_THOUSANDS: Final = (Decimal(1), Decimal(1000), Decimal("0.001"))
_A_DAY: Final = "fois par jour"
LABELS: Final[dict[InWords, tuple[str, str]]] = {
    InWords.STRENGTH: ("le dosage", "the strength"),
    InWords.DOSE: ("les unités par prise", "the units per intake"),
    InWords.INTAKES: ("le nombre de prises", "the number of intakes"),
    InWords.POSOLOGY: ("la posologie", "the posology"),
    InWords.DURATION: ("la durée", "the duration"),
}


def in_words(case: Case) -> Iterator[Alert]:
    """The parts that the law wants in words are, and say what the figures say."""
    line = case.line
    rows = list(case.tables.rows("in-words", case.names, case.on)) if line.is_medicine else []
    if not rows:
        return
    written = elements.in_words(line.resource)
    wanted = sorted({InWords(part) for row in rows for part in row.value}, key=list(InWords).index)
    missing = [part for part in wanted if not words.in_letters(written.get(part, ""))]
    if missing:
        proposed = propose(case)
        hints = " ; ".join(f"{part} = « {proposed[part]} »" for part in missing if part in proposed)
        yield case.blocking(
            "in-words",
            Text(
                f"« {line.title} » : à écrire en toutes lettres (extension in-words) : "
                f"{', '.join(LABELS[part][0] for part in missing)}." + (f" Proposé : {hints}." if hints else ""),
                f'"{line.title}": to be written in words (extension in-words): '
                f"{', '.join(LABELS[part][1] for part in missing)}." + (f" Proposed: {hints}." if hints else ""),
            ),
            "extension",
            rows[0].source,
        )
    yield from _contradictions(case, written, rows[0].source)


def _contradictions(case: Case, written: dict[InWords, str], source: str) -> Iterator[Alert]:
    for part, shown, accepted in _figures(case, written):
        text = written.get(part)
        if text is None or not accepted or any(character.isdigit() for character in text):
            continue
        if not any(words.says(text, value) for value in accepted):
            yield case.confirm(
                "in-words",
                Text(
                    f"« {case.line.title} » : « {text} » ne dit pas ce que disent les chiffres ({shown}).",
                    f'"{case.line.title}": "{text}" does not say what the figures say ({shown}).',
                ),
                "extension",
                source,
            )


def _figures(case: Case, written: dict[InWords, str]) -> Iterator[tuple[InWords, str, list[Decimal]]]:
    """What the figures say of each part: as it is shown, and the numbers of which the words must say one."""
    doses = _doses(case)
    yield InWords.DOSE, ", ".join(str(dose) for dose in doses), [dose.value for dose in doses]
    if case.line.days is not None and not any(
        word in written.get(InWords.DURATION, "").lower() for word in ("semaine", "mois")
    ):
        yield InWords.DURATION, str(case.line.days), [Decimal(case.line.days)]
    contents, strength = case.medicine.contents, written.get(InWords.STRENGTH, "")
    if contents is not None and "gramme" in strength.lower():
        # one gram is a thousand milligrams
        yield InWords.STRENGTH, str(contents), [contents.value * size for size in _THOUSANDS]
    times = _times(case) if len(case.line.dosages) == 1 else 0
    if times and _A_DAY in " ".join(written.get(InWords.INTAKES, "").lower().split()):
        yield InWords.INTAKES, f"{times} / j", [Decimal(times)]


def propose(case: Case) -> dict[InWords, str]:
    """The mentions in words that follow from the structure, for the software to offer."""
    found: dict[InWords, str] = {}
    doses = _doses(case)
    if case.medicine.contents is not None:
        found[InWords.STRENGTH] = spelled(case.medicine.contents)
    if doses:
        found[InWords.DOSE] = spelled(doses[0])
    times = _times(case)
    if 0 < times < _SPEAKABLE:
        found[InWords.INTAKES] = f"{words.number(times, feminine=True)} fois par jour"
    if doses and InWords.INTAKES in found:
        found[InWords.POSOLOGY] = f"{found[InWords.DOSE]} {found[InWords.INTAKES]}"
    if case.line.days is not None:
        found[InWords.DURATION] = f"{words.number(case.line.days)} jours"
    return found


def _times(case: Case) -> int:
    """Intakes a day of the first dosage; 0 where they are not so many each day."""
    repeat = repeat_of(case.line.dosages[0].get("timing", {})) if case.line.dosages else {}
    times = len(repeat.get("timeOfDay", ())) + len(repeat.get("when", ()))
    if not times and repeat.get("periodUnit") == "d" and repeat.get("period") in (None, 1):
        times = repeat.get("frequencyMax") or repeat.get("frequency") or 0
    return times


def spelled(amount: Amount) -> str:
    """Write an amount in words: `deux comprimés`, `vingt-cinq microgrammes` (symbols stay where no word is known)."""
    name = _MEASURES.get(amount.code or amount.unit) or unit(
        amount.unit or amount.code or "", plural=amount.value >= _PLURAL_FROM
    )
    if name in _MEASURES.values() and amount.value >= _PLURAL_FROM:
        name = f"{name}s"
    return f"{words.number(amount.value, feminine=is_feminine(name.split(' ')[0].rstrip('s')))} {name}".strip()


_MEASURES: Final = {"mg": "milligramme", "ug": "microgramme", "µg": "microgramme", "g": "gramme", "mL": "millilitre"}


def _doses(case: Case) -> list[Amount]:
    found = []
    for dosage in case.line.dosages:
        for dose in dosage.get("doseAndRate", ()):
            amount = read_amount(dose.get("doseQuantity"))
            if amount is not None and 0 < amount.value < _SPEAKABLE:
                found.append(amount)
    return found


def paper(case: Case) -> Iterator[Alert]:
    """What must be printed on secured paper, unless the server's setting lets the code count as security."""
    if not case.line.is_medicine or case.facts.code_is_secured:
        return
    row = case.tables.first("secured", case.names, case.on)
    if row is not None:
        yield case.inform(
            "secured",
            Text(
                f"« {case.line.title} » : ordonnance sécurisée, à imprimer sur papier sécurisé.",
                f'"{case.line.title}": a secured prescription, to be printed on secured paper.',
            ),
            "category",
            row.source,
        )


def pharmacy(case: Case) -> Iterator[Alert]:
    """Opioid substitution names the pharmacy that dispenses."""
    row = case.tables.first("named-pharmacy", case.names, case.on) if case.line.is_medicine else None
    if row is not None and not case.line.resource.get("dispenseRequest", {}).get("performer"):
        yield case.blocking(
            "named-pharmacy",
            Text(
                f"« {case.line.title} » : nommez la pharmacie qui dispense (dispenseRequest.performer).",
                f'"{case.line.title}": name the pharmacy that dispenses (dispenseRequest.performer).',
            ),
            "dispenseRequest.performer",
            row.source,
        )


def fractional(case: Case) -> Iterator[Alert]:
    """A narcotic is prescribed to the unit: half a tablet cannot be delivered."""
    quantity = case.line.quantity if case.medicine.is_narcotic else None
    if quantity is None or not is_counted(quantity):
        return
    if quantity.value != quantity.value.to_integral_value():
        yield case.inform(
            "narcotic-units",
            Text(
                f"« {case.line.title} » : {said(quantity)} ; un stupéfiant se délivre à l'unité près, ici l'unité "
                "supérieure.",
                f'"{case.line.title}": {quantity}; a narcotic is delivered to the unit, rounded up.',
            ),
            "dispenseRequest.quantity",
            "CSP R5132-30",
        )

"""Quantities of a line: exact decimals, units that can be compared, what a posology comes to over its duration.

A posology is counted in its own unit (tablets, mg) and exactly; what it leaves open (no duration, a rate without an
amount, a unit that differs between steps) is not guessed: the answer is None, and the executing professional confirms.
Sources: Dosage and Timing of FHIR R4; UCUM; Code de la santé publique R5132-3 (duration or number of units).
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, Final

from fhirserver.fhirpath import ucum
from fhirserver.prescription.timing import repeat_of

Resource = Mapping[str, Any]

Exact = int | Fraction
"""A number that nothing is lost of; whole ones are `int`, which counts far faster. Divide by `Fraction(a, b)`."""

UCUM: Final = "http://unitsofmeasure.org"
DAYS_OF: Final[Mapping[str, Exact]] = {
    "s": Fraction(1, 86400),
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": 1,
    "wk": 7,
    "mo": 30,
    "a": 365,
}
"""Days in each unit of time; a month of treatment counts 30 days, as packs for one month do."""
_LONGEST: Final = 36525
"""Days beyond which a duration is taken for a hundred years: no treatment is longer."""
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SMALLEST_PART: Final = 12
_PLACES_WRITTEN_OUT: Final = 3
"""A dose with as many decimals that is next to a twelfth or more of a tablet is that part."""
_PLACES: Final = Decimal("0.000001")
_PLACES_KEPT: Final = 7
_DIGITS: Final = Context(prec=40)
_EXACT: Final = 10**_DIGITS.prec


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact quantity of something countable or measurable.

    Attributes:
        value: exact decimal.
        unit: as shown.
        system: of the code.
        code: of the unit.
    """

    value: Decimal
    unit: str = ""
    system: str | None = None
    code: str | None = None

    def of(self, value: Decimal | Exact) -> Amount:
        """Return another value in this unit."""
        return Amount(_decimal(value), self.unit, self.system, self.code)

    def share(self, part: Exact, whole: Exact, *, up: bool = False) -> Amount:
        """Return as much of it as `part` is of `whole`; `up`: a begun unit counts."""
        numerator = exact(self.value) * part
        return self.of(-(-numerator // whole) if up else Fraction(numerator, whole))

    def quantity(self) -> dict[str, Any]:
        """Return the FHIR Quantity."""
        parts = {"value": self.value, "unit": self.unit, "system": self.system, "code": self.code}
        return {name: part for name, part in parts.items() if part is not None and part != ""}

    def __str__(self) -> str:
        return f"{_plain(self.value)} {self.unit or self.code or ''}".strip()


def exact(number: object) -> Exact:
    """Return a number of JSON exactly."""
    if type(number) is int:
        return number
    numerator, denominator = Decimal(str(number)).as_integer_ratio()
    return numerator if denominator == 1 else Fraction(numerator, denominator)


def read_amount(quantity: object) -> Amount | None:
    """Read a FHIR Quantity; None where it has no value."""
    if not isinstance(quantity, Mapping) or quantity.get("value") is None or isinstance(quantity["value"], bool):
        return None
    code = quantity.get("code")
    return Amount(
        Decimal(str(quantity["value"])), str(quantity.get("unit") or code or ""), quantity.get("system"), code
    )


def factor(left: Amount, right: Amount) -> Exact | None:
    """How many of the right unit one of the left unit is; None where they cannot be compared.

    Units compare as UCUM, as equal codes of one system (EDQM), or as equal words (`Comprimé`, `comprimés`,
    `comprimé(s)`, `{comprimé}`).
    """
    if left.code and left.system == right.system and left.code == right.code:
        return 1
    mine, other = _word(left), _word(right)
    if mine == other:
        return 1
    if not (left.code and right.code) and left.unit and _bare(left.unit) == _bare(right.unit):
        return 1
    if left.system == right.system == UCUM and left.code and right.code:
        both = _annotation(left.code), _annotation(right.code)
        return None if all(both) else ucum.ratio(left.code, right.code)
    return None


def is_counted(amount: Amount) -> bool:
    """Whether the unit is a thing that one counts (tablet), not a measure (mg): half of one cannot be delivered."""
    return amount.system != UCUM or not amount.code or amount.code == "1" or "{" in amount.code


def converted(amount: Amount, unit: Amount) -> Amount | None:
    """Express an amount in the unit of another; None where they cannot be compared."""
    ratio = factor(amount, unit)
    return None if ratio is None else unit.of(exact(amount.value) * ratio)


def added(amounts: Iterable[Amount], unit: Amount | None = None) -> Amount | None:
    """Sum amounts, in the unit of `unit` or of the first; None for no amounts, or where two cannot be compared."""
    total: Amount | None = None if unit is None else unit.of(0)
    for amount in amounts:
        if total is None:
            total = amount
            continue
        same = converted(amount, total)
        if same is None:
            return None
        total = total.of(total.value + same.value)
    return total


def prescribed_days(stated: object, dosages: Sequence[Resource]) -> int | None:
    """Days that one delivery covers.

    Args:
        stated: `expectedSupplyDuration`, which decides when present.
        dosages: the posology; its steps follow each other where `sequence` differs.

    Returns:
        Whole days, a begun one counted; None where no duration is stated or one step has no end.
    """
    said = duration_days(stated)
    if said is not None and said > 0:
        return said
    steps: dict[int, Exact] = {}
    for position, dosage in enumerate(dosages):
        span = _span(repeat_of(dosage.get("timing", {})))
        step = dosage.get("sequence", 0 if position == 0 else max(steps, default=0))
        if span is None:
            return None
        steps[step] = max(steps.get(step, 0), span)
    return min(math.ceil(sum(steps.values())), _LONGEST) or None


def duration_days(duration: object) -> int | None:
    """Read a Duration (UCUM unit of time) as whole days, a begun one counted; None where it is not one."""
    if not isinstance(duration, Mapping) or duration.get("value") is None:
        return None
    per = DAYS_OF.get(str(duration.get("code") or duration.get("unit")))
    return None if per is None else min(math.ceil(exact(duration["value"]) * per), _LONGEST)


def prescribed_quantity(dosages: Sequence[Resource], days: int | None, start: date | None) -> Amount | None:
    """What a posology comes to over its duration: an upper bound where it leaves a choice (ranges, as needed).

    Args:
        dosages: the posology.
        days: duration of one delivery, for a posology of one step that has no bounds of its own.
        start: first day, for a posology on certain days of the week.

    Returns:
        The amount, in the unit of the first dose; None where it cannot be computed.
    """
    steps = {dosage.get("sequence", 0) for dosage in dosages}
    parts: list[Amount] = []
    for dosage in dosages:
        repeat = repeat_of(dosage.get("timing", {}))
        span = _span(repeat)
        if span is None:
            span = days if len(steps) == 1 else None
        part = _of_one(dosage, repeat, span, start)
        if part is None:
            return None
        parts.append(part)
    return added(parts)


def covered_days(amount: Amount, dosages: Sequence[Resource], start: date | None) -> int | None:
    """Days of treatment that an amount brings, a begun one counted.

    Returns:
        None for a posology in several steps, one that cannot be computed, or a unit that cannot be compared.
    """
    if len({dosage.get("sequence", 0) for dosage in dosages}) != 1:
        return None
    days = prescribed_days(None, dosages) or 4 * len(_WEEK)
    total = prescribed_quantity(dosages, days, start)
    same = total and converted(amount, total)
    if total is None or same is None or total.value <= 0:
        return None
    return -(-exact(same.value) * days // exact(total.value))


def _of_one(dosage: Resource, repeat: Resource, span: Exact | None, start: date | None) -> Amount | None:
    dose = _dose(dosage)
    intakes = _intakes(repeat, span, start)
    if dose is None:
        return None
    total = None if intakes is None else dose.of(_meant(dose) * intakes)
    return _capped(total, dosage, dose, span)


def _dose(dosage: Resource) -> Amount | None:
    """The dose of one intake; the larger end of a range; None for a rate alone, or for a calculated alternative."""
    found: list[Amount] = []
    for dose in dosage.get("doseAndRate", ()):
        kinds = {coding.get("code") for coding in dose.get("type", {}).get("coding", ())}
        if "calculated" in kinds and len(dosage["doseAndRate"]) > 1:
            continue
        amount = read_amount(dose.get("doseQuantity")) or read_amount(dose.get("doseRange", {}).get("high"))
        if amount is None or amount.value <= 0 or "/" in (amount.code or amount.unit):
            return None
        found.append(amount)
    return found[0] if len(found) == 1 else None


def _meant(dose: Amount) -> Exact:
    """The dose as it is meant: 0.333333 tablets are a third of one, written out."""
    stated = exact(dose.value)
    places = -int(dose.value.as_tuple().exponent)
    if places < _PLACES_WRITTEN_OUT or not is_counted(dose):
        return stated
    near = Fraction(stated).limit_denominator(_SMALLEST_PART)
    return near if abs(near - stated) < Fraction(1, 10**places) else stated


def _intakes(repeat: Resource, span: Exact | None, start: date | None) -> Exact | None:
    """Number of intakes within the span, or as `count` states."""
    count = repeat.get("countMax", repeat.get("count"))
    if count is not None:
        return exact(count)
    if span is None:
        return None
    daily = len(repeat.get("when", ())) + len(repeat.get("timeOfDay", ()))
    if repeat.get("dayOfWeek"):
        return _on_days(repeat, span, start, daily or repeat.get("frequencyMax", repeat.get("frequency", 1)))
    most = repeat.get("frequencyMax", repeat.get("frequency"))
    period, per = repeat.get("period"), DAYS_OF.get(repeat.get("periodUnit", ""))
    if period is None or per is None or (cycle := exact(period) * per) <= 0:
        return daily * math.ceil(span) if daily else None
    frequency = exact(most) if most is not None else 1
    if daily and repeat.get("periodUnit") == "d" and most in (None, 1):
        frequency = daily
    return -(-span * frequency // cycle)


def _on_days(repeat: Resource, span: Exact, start: date | None, each: int) -> int | None:
    chosen = {_WEEK.index(code) for code in repeat["dayOfWeek"] if code in _WEEK}
    length = min(math.ceil(span), _LONGEST)
    if start is None:
        return len(chosen) * length // 7 * each if length % 7 == 0 else None
    weeks, rest = divmod(length, len(_WEEK))
    taken = weeks * len(chosen) + sum((start.weekday() + offset) % len(_WEEK) in chosen for offset in range(rest))
    return taken * each


def _capped(total: Amount | None, dosage: Resource, dose: Amount, span: Exact | None) -> Amount | None:
    """Apply `maxDosePerPeriod`, which also bounds what is taken as needed without a frequency."""
    ratio = dosage.get("maxDosePerPeriod", {})
    most, per = read_amount(ratio.get("numerator")), ratio.get("denominator", {})
    unit = DAYS_OF.get(str(per.get("code")))
    if most is None or unit is None or span is None:
        return total
    same = converted(most, dose)
    length = exact(per.get("value", 1)) * unit
    if same is None or length <= 0:
        return total
    limit = same.share(span, length)
    return limit if total is None or limit.value < total.value else total


def _span(repeat: Resource) -> Exact | None:
    """Days between the bounds of a timing, both days included for a period of days."""
    duration = repeat.get("boundsDuration") or repeat.get("boundsRange", {}).get("high")
    if duration:
        per = DAYS_OF.get(str(duration.get("code")))
        return None if per is None or "value" not in duration else exact(duration["value"]) * per
    period = repeat.get("boundsPeriod", {})
    if "start" not in period or "end" not in period:
        return None
    try:
        days = date.fromisoformat(period["end"][:10]) - date.fromisoformat(period["start"][:10])
    except ValueError:
        return None
    if days.days < 0:
        return None
    # instants bound a span of time, dates name its first and last day
    return days.days if "T" in period["end"] and days.days else days.days + 1


def _decimal(value: Decimal | Exact) -> Decimal:
    if not isinstance(value, Decimal):
        if value.denominator == 1 and abs(value.numerator) < _EXACT:
            return Decimal(value.numerator)
        number = _DIGITS.divide(Decimal(value.numerator), Decimal(value.denominator))
        # beyond those digits no quantity means anything: six places where they can be written
        wide = exact(number) == value or number.adjusted() >= _DIGITS.prec - _PLACES_KEPT
        return number if wide else _DIGITS.quantize(number, _PLACES)
    return value


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _annotation(code: str) -> str:
    return code[code.index("{") :] if "{" in code else ""


def _word(amount: Amount) -> str:
    """The unit as a bare singular word without accents; empty for a quantity of plain number."""
    if amount.system == UCUM and amount.code and "{" not in amount.code and amount.code != "1":
        return amount.code
    return _bare(amount.unit or amount.code or "")


def _bare(unit: str) -> str:
    flat = unicodedata.normalize("NFKD", unit.strip("{} ").replace("(s)", "").casefold())
    bare = "".join(character for character in flat if not unicodedata.combining(character))
    return " ".join(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in bare.split())  # noqa: PLR2004 - not of mg or UI

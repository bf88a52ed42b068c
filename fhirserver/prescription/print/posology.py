"""Readable French from a structured posology: what a patient reads on the ordonnance.

Source: Dosage and Timing of FHIR R4 (https://hl7.org/fhir/R4/dosage.html, https://hl7.org/fhir/R4/datatypes.html#Timing).
Nothing of a structure is left out but the hour of a period's bounds; a Dosage without structure gives its own text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from fhirserver.prescription.print.posology_words import (
    DAYS,
    FRACTIONS,
    SPACE,
    TIME_UNITS,
    WHEN,
    is_counted,
    is_feminine,
    unit,
)
from fhirserver.prescription.timing import repeat_of

_ZONE: Final = ZoneInfo("Europe/Paris")
_NEARLY: Final = 0.001
_MINUTES_OF_HOUR: Final = 60
_HOURS_OF_DAY: Final = 24
_ASIDE: Final = 60
"""Characters of a condition ("si fièvre") that still fits inside the sentence."""
_PLURAL_FROM: Final = 2
Element = Mapping[str, Any]


def sentences(dosages: Sequence[Element]) -> list[str]:
    """Write each Dosage as one sentence, in their sequence; steps that follow each other begin with "Puis"."""
    ordered = sorted(dosages, key=lambda dosage: dosage.get("sequence", 0))
    steps = [dosage.get("sequence") for dosage in ordered]
    written = []
    for position, dosage in enumerate(ordered):
        text = sentence(dosage)
        if text and position and steps[position] is not None and steps[position] != steps[position - 1]:
            text = f"Puis {text[0].lower()}{text[1:]}"
        written.append(text)
    return written


def sentence(dosage: Element) -> str:
    """Write one Dosage as one French sentence with a capital and a full stop."""
    timing = dosage.get("timing", {})
    # a schedule in the prescriber's own words says more than the code beside it
    repeat = timing.get("repeat", {}) if timing.get("code", {}).get("text") else repeat_of(timing)
    start = " ".join(part for part in (_dose(dosage.get("doseAndRate", ())), *_moments(timing, repeat)) if part)
    clauses = [start, *_clauses(dosage, repeat)]
    asides: list[str] = []
    remarks: list[str] = []
    for instruction in dosage.get("additionalInstruction", ()):
        text = _concept(instruction)
        (asides if text.lower().startswith("si ") and len(text) < _ASIDE else remarks).append(text)
    clauses += [f"{text[0].lower()}{text[1:]}" for text in asides]
    if dosage.get("patientInstruction"):
        remarks.append(dosage["patientInstruction"])
    body = ", ".join(clause for clause in clauses if clause)
    if not body and not remarks:
        remarks = [dosage.get("text", "")]
    return " ".join(_closed(part.strip()) for part in (body, *remarks) if part.strip())


def _closed(text: str) -> str:
    ended = text if text[-1] in ".!?" else f"{text}."
    return ended[0].upper() + ended[1:]


# What is taken


def _dose(doses: Sequence[Element]) -> str:
    ordered = [dose for dose in doses if _kind(dose) != "calculated"] or list(doses)
    computed = [dose for dose in doses if _kind(dose) == "calculated" and dose not in ordered]
    written = " et ".join(filter(None, map(_one_dose, ordered)))
    if computed:
        written += f" (calculé : {' et '.join(map(_one_dose, computed))})"
    return written


def _kind(dose: Element) -> str:
    codings = dose.get("type", {}).get("coding", ())
    return next((coding["code"] for coding in codings if "code" in coding), "ordered")


def _one_dose(dose: Element) -> str:
    parts = []
    if "doseQuantity" in dose:
        parts.append(quantity(dose["doseQuantity"]))
    if "doseRange" in dose:
        parts.append(_range(dose["doseRange"]))
    rate = dose.get("rateRatio")
    if rate and rate.get("numerator"):
        parts.append(f"{quantity(rate['numerator'])} {_per(rate.get('denominator', {}), several='en')}")
    if "rateQuantity" in dose:
        parts.append(f"au débit de {quantity(dose['rateQuantity'])}")
    if "rateRange" in dose:
        parts.append(f"au débit de {_range(dose['rateRange'])}")
    return " ".join(parts)


def quantity(value: Element) -> str:
    """Write a Quantity: `2 comprimés`, `un demi-comprimé`, `1 comprimé et demi`, `12 000 UI`."""
    number = Decimal(value.get("value", 1))
    name = str(value.get("unit") or value.get("code") or "")
    if not name:
        return figure(number)
    code = value.get("code")
    if code in TIME_UNITS and value.get("system") == "http://unitsofmeasure.org":
        one, several, _ = TIME_UNITS[code]
        return f"{figure(number)}{SPACE}{several if number >= _PLURAL_FROM else one}"
    if is_counted(name) and number != number.to_integral_value():
        return _fraction(number, name)
    return f"{figure(number)}{SPACE}{unit(name, plural=number >= _PLURAL_FROM)}"


def _fraction(number: Decimal, name: str) -> str:
    whole, rest = divmod(number, 1)
    for part, alone, after in FRACTIONS:
        if abs(float(rest) - part) < _NEARLY:
            if not whole:
                return alone.format(unit=unit(name, plural=False)).replace(" de a", " d'a").replace(" de e", " d'e")
            counted = f"{figure(whole)}{SPACE}{unit(name, plural=whole >= _PLURAL_FROM)}"
            agreed = "et demie" if after == "et demi" and is_feminine(name) else after
            return f"{counted} {agreed}" if after == "et demi" else f"{counted} et {after}"
    return f"{figure(number)}{SPACE}{unit(name, plural=number >= _PLURAL_FROM)}"


def figure(number: Decimal) -> str:
    """Write a number as French does: decimal comma, thousands apart."""
    text = format(number, "f")
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    grouped = f"{int(whole):,}".replace(",", SPACE)
    if whole.startswith("-") and not grouped.startswith("-"):
        grouped = f"-{grouped}"
    return f"{grouped},{decimals}" if decimals else grouped


def _range(value: Element) -> str:
    low, high = value.get("low"), value.get("high")
    if low and high:
        return f"{figure(Decimal(low.get('value', 0)))} à {quantity(high)}"
    if low:
        return f"au moins {quantity(low)}"
    return f"jusqu'à {quantity(high)}" if high else ""


def _per(period: Element, *, several: str) -> str:
    """Write a denominator: `par jour`, `par 24 heures`, `en 12 heures`."""
    number = Decimal(period.get("value", 1))
    code = period.get("code")
    if number == 1:
        named = TIME_UNITS[code][0] if code in TIME_UNITS else unit(str(period.get("unit", "")), plural=False)
        return f"par {named}" if named else "par prise"
    return f"{several if several == 'en' or code != 'h' or number == _HOURS_OF_DAY else 'en'} {quantity(period)}"


# When it is taken


def _moments(timing: Element, repeat: Element) -> list[str]:
    moments = [_frequency(repeat)]
    days = _days(repeat.get("dayOfWeek", ()))
    if days:
        moments.append(days)
    moments += _of_the_day(repeat)
    if timing.get("event"):
        moments.append(_listed([_moment(event) for event in timing["event"]]))
    if not any(moments) and "code" in timing:
        text = _concept(timing["code"])
        moments.append(f"{text[:1].lower()}{text[1:]}")
    return moments


def _frequency(repeat: Element) -> str:
    count, most = repeat.get("frequency"), repeat.get("frequencyMax")
    period = repeat.get("period") or repeat.get("periodMax")
    code = repeat.get("periodUnit")
    if count is None and most is None and period is None:
        return ""
    if count is not None and most is not None and most != count:
        times = f"{count} à {most} fois"
    elif count is None and most is not None:
        times = f"au plus {most} fois" if most == 1 else f"jusqu'à {most} fois"
    else:
        times = f"{count or 1} fois"
    if code not in TIME_UNITS:
        return times
    one, several, every = TIME_UNITS[code]
    if period is None or Decimal(period) == 1:
        return f"{times} par {one}"
    longest = repeat.get("periodMax")
    span = figure(Decimal(period))
    if longest and longest != period:
        span += f" à {figure(Decimal(longest))}"
    cycle = f"{every} {span}{SPACE}{several}"
    return cycle if times == "1 fois" else f"{times} {cycle}"


def _days(codes: Sequence[str]) -> str:
    week = list(DAYS)
    places = sorted(week.index(code) for code in codes if code in DAYS)
    if len(places) > _PLURAL_FROM and places[-1] - places[0] == len(places) - 1:
        return f"du {DAYS[week[places[0]]]} au {DAYS[week[places[-1]]]}"
    return _listed([f"le {DAYS[week[place]]}" for place in places])


def _of_the_day(repeat: Element) -> list[str]:
    moments = [WHEN.get(code, code) for code in repeat.get("when", ())]
    hours = [_hour(text) for text in repeat.get("timeOfDay", ())]
    if repeat.get("offset") and moments:
        moments[0] = f"{_minutes(repeat['offset'])} {moments[0]}"
    if len(moments) > 1 and hours:
        return [_listed([*moments, *(f"à {hour}" for hour in hours)])]
    return [_listed(moments), *([f"à {_listed(hours)}"] if hours else ())]


def _minutes(count: int) -> str:
    code, number = ("h", count // _MINUTES_OF_HOUR) if count % _MINUTES_OF_HOUR == 0 else ("min", count)
    return quantity({"value": number, "code": code, "system": "http://unitsofmeasure.org", "unit": code})


def _hour(text: str) -> str:
    hour, minute = text.split(":")[:2]
    return f"{int(hour)}{SPACE}h" + (f"{SPACE}{minute}" if minute != "00" else "")


# How long, how much at most, in what way


def _clauses(dosage: Element, repeat: Element) -> list[str]:
    clauses = [_bounds(repeat)]
    if "duration" in repeat:
        clauses.append(f"durée de chaque administration : {_span(repeat, 'duration')}")
    if "count" in repeat:
        clauses.append(f"{repeat['count']} fois en tout")
    if "countMax" in repeat:
        clauses.append(f"{repeat['countMax']} fois en tout au maximum")
    clauses.append(_as_needed(dosage))
    most = dosage.get("maxDosePerAdministration")
    if most:
        clauses.append(f"maximum {quantity(most)} par prise")
    ratio = dosage.get("maxDosePerPeriod")
    if ratio and ratio.get("numerator"):
        clauses.append(f"maximum {quantity(ratio['numerator'])} {_per(ratio.get('denominator', {}), several='par')}")
    if dosage.get("maxDosePerLifetime"):
        clauses.append(f"maximum {quantity(dosage['maxDosePerLifetime'])} en tout")
    for name in ("route", "method", "site"):
        if name in dosage:
            text = _concept(dosage[name])
            clauses.append(f"{text[:1].lower()}{text[1:]}")
    return clauses


def _span(repeat: Element, name: str) -> str:
    low, high = repeat[name], repeat.get(f"{name}Max")
    code = repeat.get(f"{name}Unit", "h")
    if high is None and code == "min" and low % _MINUTES_OF_HOUR == 0:
        code, low = "h", low // _MINUTES_OF_HOUR
    span = {"code": code, "unit": code, "system": "http://unitsofmeasure.org"}
    if high is None:
        return quantity({**span, "value": low})
    return _range({"low": {**span, "value": low}, "high": {**span, "value": high}})


def _bounds(repeat: Element) -> str:
    if "boundsDuration" in repeat:
        return f"pendant {quantity(repeat['boundsDuration'])}"
    if "boundsRange" in repeat:
        return f"pendant {_range(repeat['boundsRange'])}"
    period = repeat.get("boundsPeriod", {})
    start, end = period.get("start"), period.get("end")
    if start and end:
        return f"du {_day(start)} au {_day(end)}"
    if start:
        return f"à partir du {_day(start)}"
    return f"jusqu'au {_day(end)}" if end else ""


def _day(text: str) -> str:
    """Write a date or an instant as a French day; an instant's day is that of Paris."""
    if "T" in text:
        return f"{datetime.fromisoformat(text).astimezone(_ZONE):%d/%m/%Y}"
    if text.count("-") == _PLURAL_FROM:
        return f"{date.fromisoformat(text):%d/%m/%Y}"
    return "/".join(reversed(text.split("-")))


def _moment(text: str) -> str:
    """Write an event: `le 22/11/2026`, `le 22/11/2026 à 8 h`; its hour is that of Paris."""
    hour = f" à {_hour(f'{datetime.fromisoformat(text).astimezone(_ZONE):%H:%M}')}" if "T" in text else ""
    return f"le {_day(text)}{hour}"


def _as_needed(dosage: Element) -> str:
    if "asNeededCodeableConcept" in dosage:
        reason = _concept(dosage["asNeededCodeableConcept"])
        lowered = f"{reason[:1].lower()}{reason[1:]}"
        return lowered if lowered.startswith("si ") else f"si besoin ({lowered})"
    return "si besoin" if dosage.get("asNeededBoolean") else ""


def _concept(concept: Element) -> str:
    shown = concept.get("text") or next(
        (coding.get("display") or coding.get("code") for coding in concept.get("coding", ())), ""
    )
    return str(shown or "")


def _listed(words: Sequence[str]) -> str:
    if len(words) < _PLURAL_FROM:
        return "".join(words)
    return f"{', '.join(words[:-1])} et {words[-1]}"

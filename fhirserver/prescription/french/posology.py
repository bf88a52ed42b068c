"""Readable French from a structured posology: what a patient reads on the ordonnance.

Source: Dosage and Timing of FHIR R4 (https://hl7.org/fhir/R4/dosage.html, https://hl7.org/fhir/R4/datatypes.html#Timing).
Nothing of a structure is left out but the hour of a period's bounds; a Dosage without structure gives its own text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from fhirserver.prescription.elements import words
from fhirserver.prescription.french.amounts import UCUM, Element, figure, per, quantity, ranged
from fhirserver.prescription.french.posology_words import AFTER, CODED, DAYS, EDQM, SPACE, TIME_UNITS, WHEN, of
from fhirserver.prescription.timing import instant, repeat_of

_ZONE: Final = ZoneInfo("Europe/Paris")
_MINUTES_OF_HOUR: Final = 60
_ASIDE: Final = 60
"""Characters of a condition ("si fièvre") that still fits inside the sentence."""
_PLURAL_FROM: Final = 2
_YEAR: Final = 4
_CODE: Final = "code "
_ENDED: Final = ".!?…:;"
_CONDITIONS: Final = ("si ", "s'", "s’", "en cas ")
_SMALLER: Final = {"a": ("mo", 12), "wk": ("d", 7), "d": ("h", 24), "h": ("min", 60), "min": ("s", 60)}
"""Units of time in which a part of one is said: half a day is 12 hours."""


def sentences(dosages: Sequence[Element]) -> list[str]:
    """Write each Dosage as one sentence, in their sequence; steps that follow each other begin with "Puis".

    Where there are several steps, what is taken along within a later one begins with "Et".
    """
    ordered = sorted(dosages, key=lambda dosage: dosage.get("sequence", 0))
    steps = [dosage.get("sequence") for dosage in ordered]
    written: list[str] = []
    for position, dosage in enumerate(ordered):
        text = sentence(dosage)
        if text and any(written) and steps[position] is not None and steps[position] != steps[0]:
            link = "Et" if steps[position] == steps[position - 1] and written[position - 1] else "Puis"
            text = f"{link} {_lowered(text)}"
        written.append(text)
    return written


def sentence(dosage: Element) -> str:
    """Write one Dosage as one French sentence with a capital and a full stop.

    Its own text stands for the structure where that does not say both how much and when.
    """
    timing = dosage.get("timing", {})
    # a schedule in the prescriber's own words says more than the code beside it
    repeat = timing.get("repeat", {}) if timing.get("code", {}).get("text") else repeat_of(timing)
    dose, moments = _dose(dosage.get("doseAndRate", ())), [each for each in _moments(timing, repeat) if each]
    clauses = [" ".join(filter(None, (dose, *moments))), *_clauses(dosage, repeat)]
    asides: list[str] = []
    remarks: list[str] = []
    for instruction in dosage.get("additionalInstruction", ()):
        text = _concept(instruction)
        (asides if text.lower().startswith("si ") and len(text) < _ASIDE else remarks).append(text)
    clauses += [_lowered(text.rstrip(" .")) for text in asides]
    if dosage.get("patientInstruction"):
        remarks.append(dosage["patientInstruction"])
    body = ", ".join(filter(None, clauses))
    if dosage.get("text") and not (dose and moments):
        body = _worded(dosage["text"], [clause for clause in clauses if clause])
    return " ".join(_closed(part.strip()) for part in (body, *remarks) if part.strip())


def _worded(text: str, clauses: Sequence[str]) -> str:
    """Write the sender's own words, and in parentheses what the structure says beside them."""
    said = text.replace(SPACE, " ").casefold()
    more = [clause for clause in clauses if clause.replace(SPACE, " ").casefold() not in said]
    return f"{text.strip().rstrip('.')} ({', '.join(more)})" if more else text


def _closed(text: str) -> str:
    ended = text if text[-1] in _ENDED else f"{text}."
    return ended if ended[1:2].isupper() else ended[0].upper() + ended[1:]


def _lowered(text: str) -> str:
    """Write a text as it goes on within a sentence: abbreviations (`IV`, `L4`) and their capitals stay."""
    letters = text[1:3].replace("'", "").replace("’", "").strip()
    return f"{text[:1].lower()}{text[1:]}" if letters[:1].islower() else text


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
        parts.append(ranged(dose["doseRange"]))
    rate = dose.get("rateRatio")
    if rate and rate.get("numerator"):
        flow = f"{quantity(rate['numerator'])} {per(rate.get('denominator', {}), several='en')}"
        parts.append(f"à raison {of(flow)}" if parts else flow)
    pace = dose.get("rateQuantity")
    if pace:
        lasting = pace.get("code") in TIME_UNITS and pace.get("system") == UCUM
        parts.append(f"en {quantity(pace)}" if lasting else f"au débit {of(quantity(pace))}")
    if "rateRange" in dose:
        parts.append(ranged(dose["rateRange"], least="au débit minimal de {}", most="au débit maximal de {}"))
        if dose["rateRange"].keys() >= {"low", "high"}:
            parts[-1] = f"au débit de {parts[-1]}"
    return " ".join(parts)


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
        moments.append(_lowered(_concept(timing["code"])))
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
    shortest = Decimal(1 if period is None else period)
    longest = Decimal(repeat.get("periodMax") or shortest)
    if longest == shortest:
        shortest, code = _whole(shortest, code)
        longest = shortest
    one, several, every = TIME_UNITS[code]
    if shortest == longest == 1:
        return f"{times} par {one}"
    span = figure(shortest)
    if longest != shortest:
        span += f" à {figure(longest)}"
    cycle = f"{every} {span}{SPACE}{several if longest >= _PLURAL_FROM else one}"
    return cycle if times == "1 fois" else f"{times} {cycle}"


def _whole(period: Decimal, code: str) -> tuple[Decimal, str]:
    """Return a period in the smaller unit where it is a part of one: half a day is 12 hours."""
    if code in _SMALLER and period != period.to_integral_value():
        smaller, times = _SMALLER[code]
        if period * times == (period * times).to_integral_value():
            return period * times, smaller
    return period, code


def _days(codes: Sequence[str]) -> str:
    week = list(DAYS)
    places = sorted({week.index(code) for code in codes if code in DAYS})
    if len(places) == len(week):
        return "tous les jours"
    if len(places) > _PLURAL_FROM and places[-1] - places[0] == len(places) - 1:
        return f"du {DAYS[week[places[0]]]} au {DAYS[week[places[-1]]]}"
    return _listed([f"le {DAYS[week[place]]}" for place in places])


def _of_the_day(repeat: Element) -> list[str]:
    moments = [WHEN.get(code, code) for code in repeat.get("when", ())]
    hours = [_hour(text) for text in repeat.get("timeOfDay", ())]
    if repeat.get("offset") and moments:
        moments = _shifted(repeat["when"], _minutes(repeat["offset"]))
    if len(moments) > 1 and hours:
        return [_listed([*moments, *(f"à {hour}" for hour in hours)])]
    return [_listed(moments), *([f"à {_listed(hours)}"] if hours else ())]


def _shifted(codes: Sequence[str], offset: str) -> list[str]:
    """Write moments with the time before or after them, said once where it holds for all alike."""
    moments = [f"après {AFTER[code]}" if code in AFTER else WHEN.get(code, code) for code in codes]
    if len({moment.split(" ")[0] for moment in moments}) == 1:
        return [f"{offset} {moments[0]}", *moments[1:]]
    return [f"{offset} {moment}" for moment in moments]


def _minutes(count: int) -> str:
    code, number = ("h", count // _MINUTES_OF_HOUR) if count % _MINUTES_OF_HOUR == 0 else ("min", count)
    return quantity({"value": number, "code": code, "system": UCUM, "unit": code})


def _hour(text: str) -> str:
    hour, minute = text.split(":")[:2]
    return f"{int(hour)}{SPACE}h" + (f"{SPACE}{minute}" if minute != "00" else "")


# How long, how much at most, in what way


def _clauses(dosage: Element, repeat: Element) -> list[str]:
    clauses = [_bounds(repeat)]
    if "duration" in repeat:
        clauses.append(f"durée de chaque administration : {_span(repeat, 'duration')}")
    count, most = repeat.get("count"), repeat.get("countMax")
    if count is not None:
        clauses.append(f"{count} à {most} fois en tout" if most not in (None, count) else f"{count} fois en tout")
    elif most is not None:
        clauses.append(f"{most} fois en tout au maximum")
    clauses.append(_as_needed(dosage))
    most = dosage.get("maxDosePerAdministration")
    if most:
        clauses.append(f"{_at_most(most)} par prise")
    ratio = dosage.get("maxDosePerPeriod")
    if ratio and ratio.get("numerator"):
        clauses.append(f"{_at_most(ratio['numerator'])} {per(ratio.get('denominator', {}), several='par')}")
    if dosage.get("maxDosePerLifetime"):
        clauses.append(f"{_at_most(dosage['maxDosePerLifetime'])} en tout")
    for name, label in (("route", "voie"), ("method", "mode d'administration"), ("site", "site")):
        text = _concept(dosage.get(name, {}))
        clauses.append(f"{label} : {text}" if text.startswith(_CODE) else _lowered(text))
    return clauses


def _at_most(most: Element) -> str:
    if most.get("comparator", "<=") != "<=":
        return quantity(most)
    return f"maximum {quantity({name: part for name, part in most.items() if name != 'comparator'})}"


def _span(repeat: Element, name: str) -> str:
    low, high = repeat[name], repeat.get(f"{name}Max")
    code = repeat.get(f"{name}Unit", "h")
    if high is None and code == "min" and low % _MINUTES_OF_HOUR == 0:
        code, low = "h", low // _MINUTES_OF_HOUR
    span = {"code": code, "unit": code, "system": UCUM}
    if high is None:
        return quantity({**span, "value": low})
    return ranged({"low": {**span, "value": low}, "high": {**span, "value": high}})


def _bounds(repeat: Element) -> str:
    if "boundsDuration" in repeat:
        return f"pendant {quantity(repeat['boundsDuration'])}"
    if "boundsRange" in repeat:
        return f"pendant {ranged(repeat['boundsRange'], most='au plus {}')}"
    period = repeat.get("boundsPeriod", {})
    start, end = period.get("start"), period.get("end")
    if start and end:
        first, last = _day(start), _day(end)
        if first == last:
            return _on(start)
        return f"{'du' if _is_day(start) else 'de'} {first} {'au' if len(end) > _YEAR else 'à'} {last}"
    if start:
        return f"à partir {'du' if _is_day(start) else 'de'} {_day(start)}"
    return f"jusqu'{'au' if len(end) > _YEAR else 'en'} {_day(end)}" if end else ""


def _is_day(text: str) -> bool:
    return text.count("-") >= _PLURAL_FROM


def _day(text: str) -> str:
    """Write a date or an instant as a French day; an instant's day is that of Paris."""
    on = _local(text) if "T" in text else None
    written = on.date().isoformat() if on else text.partition("T")[0]
    return "/".join(reversed(written.split("-")))


def _local(text: str) -> datetime | None:
    """Return an instant as Paris tells it; None where no clock does (the ends of the calendar)."""
    try:
        return instant(text).astimezone(_ZONE)
    except (ValueError, OverflowError):
        return None


def _on(text: str) -> str:
    return f"{'le' if _is_day(text) else 'en'} {_day(text)}"


def _moment(text: str) -> str:
    """Write an event: `le 22/11/2026`, `le 22/11/2026 à 8 h`; its hour is that of Paris."""
    local = _local(text) if "T" in text else None
    return f"{_on(text)} à {_hour(f'{local:%H:%M}')}" if local else _on(text)


def _as_needed(dosage: Element) -> str:
    reason = _lowered(_concept(dosage.get("asNeededCodeableConcept", {})))
    if reason:
        return reason if reason.startswith(_CONDITIONS) else f"si besoin ({reason})"
    return "si besoin" if dosage.get("asNeededBoolean") or "asNeededCodeableConcept" in dosage else ""


def _concept(concept: Element) -> str:
    """Return what a CodeableConcept says to people; a code that has no name is told as one."""
    said = words(concept)
    codings = [coding for coding in concept.get("coding", ()) if coding.get("code")]
    if said or not codings:
        return said
    known = (CODED.get(coding["code"]) for coding in codings if coding.get("system") == EDQM)
    return next(filter(None, known), f"{_CODE}{codings[0]['code']}")


def _listed(words: Sequence[str]) -> str:
    if len(words) < _PLURAL_FROM:
        return "".join(words)
    return f"{', '.join(words[:-1])} et {words[-1]}"

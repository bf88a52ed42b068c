"""The specification's matching rules, slow and plain: one resource, one parameter, yes or no.

Nothing is shared with the search room but the SearchParameters' expressions: values come from the FHIRPath engine,
dates are datetimes, numbers Fractions, and every alternative of every element is tried in turn.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from fhirserver.fhirpath import Engine, Environment, Node

PARIS = ZoneInfo("Europe/Paris")
INFINITE = Fraction(10) ** 400
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
# factor to a common unit, and its name; what is not here compares by its code
UNITS = {
    "g": (Fraction(1), "g"), "mg": (Fraction(1, 1000), "g"), "kg": (Fraction(1000), "g"),
    "ug": (Fraction(1, 10**6), "g"),
    "mL": (Fraction(1), "mL"), "L": (Fraction(1000), "mL"), "h": (Fraction(60), "min"), "min": (Fraction(1), "min"),
    "d": (Fraction(1440), "min"), "mg/dL": (Fraction(1), "mg/dL"), "g/L": (Fraction(100), "mg/dL"),
    "{tablet}": (Fraction(1), "{tablet}"), "mmol/L": (Fraction(1), "mmol/L"),
}  # fmt: skip
UCUM = "http://unitsofmeasure.org"


class Oracle:
    def __init__(self, engine: Engine, base: str) -> None:
        self._engine = engine
        self._base = base

    def values(self, resource: dict[str, Any], expression: str) -> list[tuple[str, Any]]:
        compiled = self._engine.compile(expression)
        found = compiled.evaluate(self._engine.node(resource), Environment(resource, assume_references=True))
        return [
            (item.type.name, item.value) if isinstance(item, Node) else (type(item).__name__, item) for item in found
        ]

    def matches(self, resource: dict[str, Any], parameter: dict[str, Any], modifier: str, raw: str) -> bool:
        kind = parameter["type"]
        values = self.values(resource, parameter["expression"])
        if kind == "reference":
            # a logical reference that does not say its type may be of any
            untyped = re.sub(r"\.where\(resolve\(\) is \w+\)", "", parameter["expression"])
            every = self.values(resource, untyped)
            values += [each for each in every if each not in values and "reference" not in each[1]]
        if modifier == "missing":
            present = any(self._present(kind, of, value) for of, value in values)
            return present != (raw == "true")
        alternatives = split(raw, ",")
        if modifier == "not":
            return not any(token(of, value, each) for of, value in values for each in alternatives)
        return any(self._one(kind, modifier, of, value, each) for of, value in values for each in alternatives)

    def _present(self, kind: str, of: str, value: Any) -> bool:
        if kind == "date":
            return span_of(of, value) is not None
        if kind == "reference" and of == "Reference":
            return not str(value.get("reference", "#")).startswith("#") or "value" in value.get("identifier", {})
        if kind == "token":
            return bool(pairs_of(of, value) or texts_of(of, value))
        return True

    def _one(self, kind: str, modifier: str, of: str, value: Any, asked: str) -> bool:  # noqa: PLR0911 - one for each
        match kind:
            case "token":
                if modifier == "text":
                    return any(fold(unescape(asked)) in fold(text) for text in texts_of(of, value))
                if modifier == "of-type":
                    return of_type(of, value, asked)
                return token(of, value, asked)
            case "string":
                return any(string(text, modifier, unescape(asked)) for text in strings_of(of, value))
            case "date":
                return dates(of, value, unescape(asked))
            case "number":
                return number(Fraction(str(value)), unescape(asked))
            case "quantity":
                return of in ("Quantity", "SimpleQuantity", "Age", "Duration") and quantity(value, asked)
            case "reference":
                return self._reference(of, value, modifier, asked)
            case _:
                return uri(value, modifier, unescape(asked))

    def _reference(self, of: str, value: Any, modifier: str, asked: str) -> bool:
        if modifier == "identifier":
            return "value" in value.get("identifier", {}) and token("Identifier", value["identifier"], asked)
        wanted = self._local(unescape(asked))
        if of in ("canonical", "uri"):
            kept = self._local(value)
            return kept == wanted or ("|" not in wanted and kept.split("|")[0] == wanted)
        literal = value.get("reference", "")
        if not literal or literal.startswith("#"):
            return False
        kept = self._local(literal)
        if modifier and not kept.startswith(f"{modifier}/"):
            return False
        if re.fullmatch(r"[A-Za-z0-9\-.]+", wanted):
            return bool(re.fullmatch(r"[A-Z]\w+/" + re.escape(wanted), kept))
        return kept == wanted

    def _local(self, reference: str) -> str:
        plain = reference.removeprefix(self._base)
        match = re.fullmatch(r"([A-Z]\w+/[A-Za-z0-9\-.]+)(/_history/\w+)?", plain)
        return match[1] if match else reference


def split(raw: str, separator: str) -> list[str]:
    return [part.replace("\0", "\\" + separator) for part in raw.replace("\\" + separator, "\0").split(separator)]


def unescape(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)


def fold(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")
    for written, read in (("œ", "oe"), ("æ", "ae"), ("’", "'")):
        plain = plain.replace(written, read)
    return re.sub(r"\s+", " ", plain).strip()


# token


def pairs_of(of: str, value: Any) -> list[tuple[str | None, str | None]]:
    match of:
        case "CodeableConcept":
            return [(c.get("system"), c.get("code")) for c in value.get("coding", []) if "system" in c or "code" in c]
        case "Coding":
            return [(value.get("system"), value.get("code"))]
        case "Identifier":
            return [(value.get("system"), value.get("value"))] if "system" in value or "value" in value else []
        case "ContactPoint":
            return [(value.get("system"), value["value"])] if "value" in value else []
        case "boolean" | "bool":
            return [(None, "true" if value else "false")]
        case _:
            return [(None, str(value))]


def texts_of(of: str, value: Any) -> list[str]:
    if of == "CodeableConcept":
        return [c["display"] for c in value.get("coding", []) if "display" in c] + [
            value[n] for n in ("text",) if n in value
        ]
    if of == "Coding":
        return [value["display"]] if "display" in value else []
    if of == "Identifier":
        return [value["type"]["text"]] if "text" in value.get("type", {}) else []
    return []


def token(of: str, value: Any, asked: str) -> bool:
    parts = [unescape(part) for part in split(asked, "|")]
    for system, code in pairs_of(of, value):
        if len(parts) == 1:
            if (code or "") == parts[0]:
                return True
        elif not parts[0]:
            if not system and code == parts[1]:
                return True
        elif not parts[1]:
            if system == parts[0]:
                return True
        elif system == parts[0] and code == parts[1]:
            return True
    return False


def of_type(of: str, value: Any, asked: str) -> bool:
    system, code, wanted = (unescape(part) for part in split(asked, "|"))
    codings = value.get("type", {}).get("coding", [])
    return value.get("value") == wanted and any((c.get("system"), c.get("code")) == (system, code) for c in codings)


# string


def strings_of(of: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    names = {
        "HumanName": ("text", "family", "given", "prefix", "suffix"),
        "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
    }[of]
    found: list[str] = []
    for name in names:
        part = value.get(name)
        found += part if isinstance(part, list) else [part] if part else []
    return found


OF_FILTER: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq, "gt": operator.gt, "lt": operator.lt, "ge": operator.ge, "le": operator.le, "ew": str.endswith,
}  # fmt: skip
"""What only a filter asks of texts; they compare by their code points."""


def string(text: str, modifier: str, asked: str) -> bool:
    if modifier == "exact":
        return text == asked
    if modifier == "contains":
        return fold(asked) in fold(text)
    if modifier in OF_FILTER:
        return OF_FILTER[modifier](fold(text), fold(asked))
    return fold(text).startswith(fold(asked))


# date


def moment_span(text: str) -> tuple[datetime, datetime]:
    if len(text) == 4:
        year = int(text)
        return day_start(date(year, 1, 1)), day_start(date(year + 1, 1, 1))
    if len(text) == 7:
        year, month = map(int, text.split("-"))
        return day_start(date(year, month, 1)), day_start(date(year + month // 12, month % 12 + 1, 1))
    if len(text) == 10:
        day = date.fromisoformat(text)
        return day_start(day), day_start(day + timedelta(days=1))
    begin = datetime.fromisoformat(text)
    if begin.tzinfo is None:
        begin = begin.replace(tzinfo=PARIS)
    begin = begin.astimezone(UTC)
    fraction = re.search(r"\.(\d+)", text)
    if fraction:
        return begin, begin + timedelta(microseconds=10 ** (6 - len(fraction[1])))
    minutes_only = re.search(r"T\d\d:\d\d(?!:)", text)
    return begin, begin + (timedelta(minutes=1) if minutes_only else timedelta(seconds=1))


def day_start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC)


def span_of(of: str, value: Any) -> tuple[datetime, datetime] | None:
    if of == "Period":
        if "start" not in value and "end" not in value:
            return None
        begin = moment_span(value["start"])[0] if "start" in value else FIRST
        return begin, moment_span(value["end"])[1] if "end" in value else LAST
    if of == "Timing":
        spans = [moment_span(event) for event in value.get("event", [])]
        bounds = value.get("repeat", {}).get("boundsPeriod")
        if bounds and (found := span_of("Period", bounds)):
            spans.append(found)
        return (min(b for b, _ in spans), max(e for _, e in spans)) if spans else None
    if of in ("date", "dateTime", "instant"):
        return moment_span(value)
    return None


def dates(of: str, value: Any, asked: str) -> bool:
    span = span_of(of, value)
    if span is None:
        return False
    prefix, text = re.fullmatch(r"([a-z]{2})?(.*)", asked).groups()  # type: ignore[union-attr]
    low, high = moment_span(text)
    begin, end = span
    contained = low <= begin and end <= high
    return {
        None: contained, "eq": contained, "ne": not contained, "gt": end > high, "lt": begin < low,
        "ge": end > high or contained, "le": begin < low or contained, "sa": begin >= high, "eb": end <= low,
    }[prefix]  # fmt: skip


# number and quantity


def read_number(asked: str) -> tuple[str, str]:
    prefix, text = re.fullmatch(r"([a-z]{2})?(.*)", asked).groups()  # type: ignore[union-attr]
    return prefix or "eq", text


def precision(text: str) -> Fraction:
    digits, _, exponent = text.lower().partition("e")
    power = int(exponent or 0) - len(digits.partition(".")[2])
    if power > 0 and len(digits.strip("-+").replace(".", "")) == 1:
        power -= 1
    return Fraction(10) ** power / 2


def compare(  # noqa: PLR0911 - one return for each prefix
    prefix: str, low: Fraction, high: Fraction, wanted: Fraction, half: Fraction
) -> bool:
    match prefix:
        case "eq":
            return wanted - half <= low < wanted + half and high <= wanted + half
        case "ne":
            return not (wanted - half <= low < wanted + half and high <= wanted + half)
        case "gt":
            return high > wanted
        case "ge":
            return high >= wanted
        case "lt":
            return low < wanted
        case "le":
            return low <= wanted
        case "sa":
            return low > wanted
        case "eb":
            return high < wanted
        case _:
            margin = abs(wanted) / 10
            return low <= wanted + margin and high >= wanted - margin


def number(value: Fraction, asked: str) -> bool:
    prefix, text = read_number(asked)
    return compare(prefix, value, value, Fraction(text), precision(text))


def quantity(value: Any, asked: str) -> bool:
    parts = [unescape(part) for part in split(asked, "|")]
    prefix, text = read_number(parts[0])
    if "value" not in value:
        return False
    low = high = Fraction(str(value["value"]))
    if value.get("comparator") in ("<", "<="):
        low = -INFINITE
    if value.get("comparator") in (">", ">="):
        high = INFINITE
    wanted, half = Fraction(text), precision(text)
    if len(parts) == 1:
        return compare(prefix, low, high, wanted, half)
    _, system, code = parts
    if system == UCUM and code in UNITS:
        if value.get("system") != UCUM or value.get("code") not in UNITS:
            return False
        factor, common = UNITS[code]
        own, own_common = UNITS[value["code"]]
        return own_common == common and compare(prefix, low * own, high * own, wanted * factor, half * factor)
    if system:
        return (value.get("system"), value.get("code")) == (system, code) and compare(prefix, low, high, wanted, half)
    return code in (value.get("code"), value.get("unit")) and compare(prefix, low, high, wanted, half)


# uri


def uri(value: str, modifier: str, asked: str) -> bool:
    if modifier == "below":
        plain = asked.rstrip("/")
        return value == plain or value.startswith(plain + "/")
    if modifier == "above":
        return value == asked or (
            "://" in asked
            and value not in ("", asked)
            and asked.startswith(value.rstrip("/") + "/")
            and "://" in value
            and len(value.split("://")[1].rstrip("/")) > 0
        )
    return value == asked

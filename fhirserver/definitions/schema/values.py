"""JSON Schemas of values: primitives, fixed values, patterns, codes of a value set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

Json = dict[str, Any]

_REGEX: Final = "http://hl7.org/fhir/StructureDefinition/regex"
_FHIR_TYPE: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_SYSTEM: Final = "http://hl7.org/fhirpath/System."
_MOST_CODES: Final = 2_000
"""A value set with more codes than this is left to the server: a schema of that size helps nobody."""

_WITHOUT_PATTERN: Final = frozenset({"base64Binary", "xhtml", "string", "markdown"})
"""Types whose published regular expression refuses nothing of use, or takes too long on large content."""


class Lookup(Protocol):
    """Where definitions are found."""

    def find(self, kind: str, canonical: str) -> Json | None:
        """Return a definition by kind and canonical url."""

    def structure(self, canonical_or_type: str) -> Json | None:
        """Return a StructureDefinition with its snapshot, by url or type name."""


def code_of(type_: Json) -> str:
    """Return the FHIR type that an element's type stands for, also where FHIR declares a System type."""
    code = str(type_["code"])
    if not code.startswith(_SYSTEM):
        return code
    for extension in type_.get("extension", ()):
        if extension["url"] == _FHIR_TYPE:
            return str(extension.get("valueUrl") or extension.get("valueUri"))
    return code.removeprefix(_SYSTEM).lower()


def is_primitive(code: str) -> bool:
    """Whether a FHIR type is written as a JSON scalar."""
    return code[0].islower()


def primitive(lookup: Lookup, code: str) -> Json:
    """Return the schema of a primitive type, with the regular expression of its definition."""
    if code == "boolean":
        return {"type": "boolean"}
    if code in ("integer", "positiveInt", "unsignedInt"):
        least = {"integer": -(2**31), "positiveInt": 1, "unsignedInt": 0}[code]
        return {"type": "integer", "minimum": least, "maximum": 2**31 - 1}
    if code == "decimal":
        return {"type": "number"}
    schema: Json = {"type": "string", "minLength": 1}
    pattern = None if code in _WITHOUT_PATTERN else _regex(lookup.structure(code))
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    return schema


def _regex(structure: Json | None) -> str | None:
    for element in structure["snapshot"]["element"] if structure else ():
        if element["path"].endswith(".value"):
            for type_ in element.get("type", ()):
                for extension in type_.get("extension", ()):
                    if extension["url"] == _REGEX:
                        return str(extension["valueString"])
    return None


def stated(element: Json, prefix: str) -> Any:
    """Return the value of `fixed[x]`, `pattern[x]`, `minValue[x]` or `maxValue[x]`, or None."""
    return next(
        (value for key, value in element.items() if key.startswith(prefix) and key[len(prefix)].isupper()), None
    )


def pattern(value: Any) -> Json:
    """Return what a value must hold at least (https://hl7.org/fhir/R4/elementdefinition.html, pattern[x])."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "properties": {key: pattern(item) for key, item in value.items()},
            "required": list(value),
        }
    if isinstance(value, list):
        return {"type": "array", "allOf": [{"contains": pattern(item)} for item in value]}
    return {"const": value}


def limits(element: Json) -> Json:
    """Return the schema of fixed and pattern values, of the range and of the length of an element."""
    found: Json = {}
    fixed = stated(element, "fixed")
    if fixed is not None:
        found["const"] = fixed
    partial = stated(element, "pattern")
    if partial is not None:
        found |= pattern(partial)
    for prefix, keyword in (("minValue", "minimum"), ("maxValue", "maximum")):
        bound = stated(element, prefix)
        if isinstance(bound, int | float):
            found[keyword] = bound
    if "maxLength" in element:
        found["maxLength"] = element["maxLength"]
    return found


def bound(codes: list[tuple[str, str]], code: str) -> Json | None:
    """Return the schema of an element of this type under a required binding to these (system, code)."""
    if code in ("code", "string", "uri"):
        return {"enum": sorted({value for _, value in codes})}
    if code == "Coding":
        return _coding(codes)
    if code == "CodeableConcept":
        return {"type": "object", "required": ["coding"], "properties": {"coding": {"contains": _coding(codes)}}}
    return None


def _coding(codes: list[tuple[str, str]]) -> Json:
    by_system: dict[str, list[str]] = {}
    for system, code in codes:
        by_system.setdefault(system, []).append(code)
    return {
        "type": "object",
        "required": ["system", "code"],
        "anyOf": [
            {"properties": {"system": {"const": system}, "code": {"enum": values}}}
            for system, values in by_system.items()
        ],
    }


def enumerate_codes(lookup: Lookup, canonical: str) -> list[tuple[str, str]] | None:
    """Return each (system, code) of a value set, in order, or None where it cannot be enumerated from definitions."""
    value_set = lookup.find("ValueSet", canonical)
    if not value_set or "compose" not in value_set:
        return None
    found: dict[tuple[str, str], None] = {}
    for include in value_set["compose"].get("include", ()):
        codes = _included(lookup, include)
        if codes is None or len(found) + len(codes) > _MOST_CODES:
            return None
        found |= dict.fromkeys(codes)
    for exclude in value_set["compose"].get("exclude", ()):
        codes = _included(lookup, exclude)
        if codes is None:
            return None
        found = {pair: None for pair in found if pair not in set(codes)}
    return list(found) or None


def _included(lookup: Lookup, include: Json) -> list[tuple[str, str]] | None:
    if "filter" in include:
        return None
    parts: list[list[tuple[str, str]]] = []
    if "system" in include:
        listed = include.get("concept")
        if listed is None:
            system = lookup.find("CodeSystem", include["system"])
            if not system or system.get("content") != "complete":
                return None
            listed = list(_concepts(system))
        parts.append([(include["system"], concept["code"]) for concept in listed])
    for canonical in include.get("valueSet", ()):
        codes = enumerate_codes(lookup, canonical)
        if codes is None:
            return None
        parts.append(codes)
    if not parts:
        return None
    return [pair for pair in parts[0] if all(pair in other for other in parts[1:])]


def _concepts(holder: Json) -> Iterator[Json]:
    for concept in holder.get("concept", ()):
        yield concept
        yield from _concepts(concept)

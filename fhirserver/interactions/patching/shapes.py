"""Values of the wrong JSON kind that a patch brought, told with what is expected there.

The commonest fault of copied examples: a plain string where FHIR has a CodeableConcept. Everything else is
validation's to judge.
"""

from __future__ import annotations

from typing import Any, Final

from fhirserver.errors import Unprocessable
from fhirserver.fhirpath.model import Entry, Type
from fhirserver.issues import Text

_EXAMPLES: Final = {
    "CodeableConcept": '{"coding": [{"system": "…", "code": "…"}]}',
    "Coding": '{"system": "…", "code": "…"}',
    "Reference": '{"reference": "Patient/…"}',
    "Identifier": '{"system": "…", "value": "…"}',
    "Quantity": '{"value": 1, "system": "http://unitsofmeasure.org", "code": "…"}',
    "Period": '{"start": "…", "end": "…"}',
    "HumanName": '{"family": "…", "given": ["…"]}',
}


def check(value: dict[str, Any], type_: Type, path: str) -> None:
    """Check an element and all below it.

    Args:
        value: the element.
        type_: its FHIR type.
        path: its FHIRPath.

    Raises:
        Unprocessable: an array stands where one value belongs, or the reverse; or a simple value for a complex one,
            or the reverse; names the element and shows what belongs there.
    """
    for key, held in value.items():
        entry = type_.keys.get(key)
        if entry is None:
            continue
        place = f"{path}.{entry.field.name}"
        if isinstance(held, list) != entry.field.many:
            raise _misshapen(place, entry, array=entry.field.many)
        for at, item in enumerate(held if isinstance(held, list) else [held]):
            _check_item(item, entry, f"{place}[{at}]" if entry.field.many else place)


def _check_item(item: Any, entry: Entry, place: str) -> None:
    if entry.type.primitive:
        if isinstance(item, (dict, list)):
            raise _misshapen(place, entry, array=False)
    elif not isinstance(item, dict):
        raise _misshapen(place, entry, array=False)
    elif not entry.type.resource:
        check(item, entry.type, place)


def _misshapen(place: str, entry: Entry, *, array: bool) -> Unprocessable:
    name = entry.type.name
    example = _EXAMPLES.get(name, '"…"' if entry.type.primitive else "{…}")
    shown = f"[{example}]" if array else example
    fr, en = ("un tableau de ", "an array of ") if array else ("une valeur de type ", "one value of type ")
    return Unprocessable(
        Text(f"{place} attend {fr}{name}, par exemple {shown}.", f"{place} expects {en}{name}, for example {shown}."),
        expression=place,
        rule="patch-value",
        code="value",
    )

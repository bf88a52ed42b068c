"""Where the values that an expression finds stand in the JSON: what FHIRPath Patch writes to."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.fhirpath import Engine, Environment


@pytest.mark.parametrize(
    ("expression", "places"),
    [
        ("Patient.birthDate", [("birthDate", None, "Patient.birthDate")]),
        ("Patient.name", [("name", 0, "Patient.name[0]"), ("name", 1, "Patient.name[1]")]),
        ("Patient.name[1].given[0]", [("given", 0, "Patient.name[1].given[0]")]),
        ("Patient.name.where(use = 'usual')", [("name", 1, "Patient.name[1]")]),
        ("Patient.name.given.last()", [("given", 0, "Patient.name[1].given[0]")]),
        ("Patient.deceased", [("deceasedBoolean", None, "Patient.deceased")]),
        ("Patient.extension('http://example.org/one').value", [("valueQuantity", None, "Patient.extension[0].value")]),
        ("Patient.extension.value.ofType(Quantity).unit", [("unit", None, "Patient.extension[0].value.unit")]),
        ("(Patient.extension.value as Quantity)", [("valueQuantity", None, "Patient.extension[0].value")]),
        ("Patient.birthDate.extension", [("extension", 0, "Patient.birthDate.extension[0]")]),
        ("Patient.contained.where(id = 'doc').name.family", [("family", None, "Patient.contained[1].name[0].family")]),
        (
            "Patient.name.skip(1) | Patient.address",
            [("name", 1, "Patient.name[1]"), ("address", 0, "Patient.address[0]")],
        ),
        ("Patient.photo", []),
        ("Patient.name.count()", []),
    ],
)
def test_what_is_found_knows_its_place(
    engine: Engine, patient: dict[str, Any], expression: str, places: list[tuple[str, int | None, str]]
) -> None:
    found = engine.compile(expression).locate(engine.node(patient), Environment(patient))
    assert [(place.key, place.index, place.path) for _, place in found if place] == places
    for node, place in found:
        assert place is not None
        held = place.container.get(place.key)
        assert (held[place.index] if place.index is not None else held) is node.value


def test_the_resource_itself_has_no_place(engine: Engine, patient: dict[str, Any]) -> None:
    ((node, place),) = engine.compile("Patient").locate(engine.node(patient), Environment(patient))
    assert node.value is patient
    assert place is None
    assert node.path == "Patient"

"""Slices in every discriminator form."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Made, element, errors, profile, severities

URL = "http://test.example/P"


def sliced(kind: str, path: str, rules: str = "open", **more: object) -> dict[str, object]:
    return {"discriminator": [{"type": kind, "path": path}], "rules": rules, **more}


def identifiers(*systems: str) -> dict[str, object]:
    return {"resourceType": "Patient", "identifier": [{"system": one, "value": "1"} for one in systems]}


def by_system(rules: str = "open", **more: object) -> dict[str, object]:
    return profile(
        "P",
        "Patient",
        element("Patient.identifier", slicing=sliced("value", "system", rules, **more)),
        element("Patient.identifier", id="Patient.identifier:a", sliceName="a", min=1, max="1"),
        element("Patient.identifier.system", id="Patient.identifier:a.system", min=1, fixedUri="urn:oid:1.1"),
        element("Patient.identifier.value", id="Patient.identifier:a.value", min=1),
        element("Patient.identifier", id="Patient.identifier:b", sliceName="b", min=0, max="1"),
        element("Patient.identifier.system", id="Patient.identifier:b.system", min=1, patternUri="urn:oid:1.2"),
    )


def test_a_slice_counts_its_own_items_only(made: Made) -> None:
    validator = made(by_system())
    assert errors(validator.validate(identifiers("urn:oid:1.1", "urn:oid:2.9"), [URL])) == []
    assert errors(validator.validate(identifiers("urn:oid:2.9"), [URL])) == [("Patient.identifier", "cardinality-min")]
    twice = validator.validate(identifiers("urn:oid:1.1", "urn:oid:1.1"), [URL])
    assert errors(twice) == [("Patient.identifier", "cardinality-max")]


def test_a_required_slice_is_missed_where_the_element_does_not_occur_at_all(made: Made) -> None:
    nobody = {"resourceType": "Patient"}
    assert errors(made(by_system()).validate(nobody, [URL])) == [("Patient.identifier", "cardinality-min")]


def test_an_item_is_judged_by_its_slice(made: Made) -> None:
    resource = {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.1"}]}
    assert errors(made(by_system()).validate(resource, [URL])) == [("Patient.identifier[0]", "cardinality-min")]


def test_a_closed_slicing_says_why_an_item_matches_none(made: Made) -> None:
    found = made(by_system("closed")).validate(identifiers("urn:oid:1.1", "urn:oid:2.9"), [URL])
    assert errors(found) == [("Patient.identifier[1]", "slice-closed")]
    text = next(issue.text for issue in found if issue.refuses)
    assert "urn:oid:2.9" in text.en
    assert "urn:oid:1.1" in text.fr


def test_open_at_end_wants_unmatched_items_last(made: Made) -> None:
    validator = made(by_system("openAtEnd"))
    assert errors(validator.validate(identifiers("urn:oid:1.1", "urn:oid:2.9"), [URL])) == []
    assert errors(validator.validate(identifiers("urn:oid:2.9", "urn:oid:1.1"), [URL])) == [
        ("Patient.identifier[1]", "slice-order")
    ]


def test_an_ordered_slicing_wants_its_order(made: Made) -> None:
    validator = made(by_system(ordered=True))
    assert errors(validator.validate(identifiers("urn:oid:1.1", "urn:oid:1.2"), [URL])) == []
    assert errors(validator.validate(identifiers("urn:oid:1.2", "urn:oid:1.1"), [URL])) == [
        ("Patient.identifier[1]", "slice-order")
    ]


def test_a_pattern_on_a_concept_tells_slices_apart(made: Made) -> None:
    coded = {"coding": [{"system": "http://s", "code": "a"}]}
    validator = made(
        profile(
            "P",
            "Observation",
            element("Observation.category", slicing=sliced("pattern", "$this")),
            element(
                "Observation.category",
                id="Observation.category:a",
                sliceName="a",
                min=1,
                max="1",
                patternCodeableConcept=coded,
            ),
        )
    )
    right = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "category": [{"text": "y"}, coded],
    }
    assert errors(validator.validate(right, [URL])) == []
    wrong = {**right, "category": [{"text": "y"}]}
    assert errors(validator.validate(wrong, [URL])) == [("Observation.category", "cardinality-min")]


def test_existence_tells_slices_apart(made: Made) -> None:
    validator = made(
        profile(
            "P",
            "Patient",
            element("Patient.name", slicing=sliced("exists", "period", "closed")),
            element("Patient.name", id="Patient.name:now", sliceName="now", min=1, max="1"),
            element("Patient.name.period", id="Patient.name:now.period", max="0"),
            element("Patient.name", id="Patient.name:then", sliceName="then", min=0, max="*"),
            element("Patient.name.period", id="Patient.name:then.period", min=1),
        )
    )
    old = {"family": "A", "period": {"end": "2020"}}
    assert errors(validator.validate({"resourceType": "Patient", "name": [{"family": "B"}, old]}, [URL])) == []
    assert errors(validator.validate({"resourceType": "Patient", "name": [old]}, [URL])) == [
        ("Patient.name", "cardinality-min")
    ]


def test_a_choice_sliced_by_type_and_closed_refuses_other_types(made: Made) -> None:
    validator = made(
        profile(
            "P",
            "Observation",
            element("Observation.value[x]", slicing=sliced("type", "$this", "closed")),
            element(
                "Observation.value[x]",
                id="Observation.value[x]:valueString",
                sliceName="valueString",
                min=1,
                type=[{"code": "string"}],
            ),
        )
    )
    base = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert errors(validator.validate({**base, "valueString": "a"}, [URL])) == []
    assert errors(validator.validate(base, [URL])) == [("Observation.value", "cardinality-min")]
    assert ("Observation.value.ofType(integer)", "slice-closed") in errors(
        validator.validate({**base, "valueInteger": 1}, [URL])
    )


def test_a_resolved_type_tells_slices_apart(made: Made) -> None:
    validator = made(
        profile(
            "P",
            "Observation",
            element("Observation.performer", slicing=sliced("type", "resolve()", "closed")),
            element(
                "Observation.performer",
                id="Observation.performer:who",
                sliceName="who",
                min=1,
                type=[{"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Practitioner"]}],
            ),
        )
    )
    base = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "contained": [
            {"resourceType": "Practitioner", "id": "p"},
            {"resourceType": "Organization", "id": "o", "name": "O"},
        ],
        "performer": [{"reference": "#p"}],
        "device": {"display": "x"},
        "focus": [{"reference": "#o"}],
    }
    assert errors(validator.validate(base, [URL])) == []
    other = {**base, "performer": [{"reference": "#p"}, {"reference": "#o"}]}
    assert ("Observation.performer[1]", "slice-closed") in errors(validator.validate(other, [URL]))


def test_a_profile_tells_slices_apart(made: Made) -> None:
    short = profile("Short", "Patient", element("Patient.gender", min=1))
    validator = made(
        short,
        profile(
            "P",
            "Bundle",
            element("Bundle.entry", slicing=sliced("profile", "resource", "closed")),
            element("Bundle.entry", id="Bundle.entry:short", sliceName="short", min=1, max="1"),
            element(
                "Bundle.entry.resource",
                id="Bundle.entry:short.resource",
                min=1,
                type=[{"code": "Patient", "profile": ["http://test.example/Short"]}],
            ),
        ),
    )
    entry = {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}
    patient = {"resourceType": "Patient", "gender": "male"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{**entry, "resource": patient}]}
    assert errors(validator.validate(bundle, [URL])) == []
    bundle["entry"] = [{**entry, "resource": {"resourceType": "Patient"}}]
    found = validator.validate(bundle, [URL])
    assert ("Bundle.entry[0]", "slice-closed") in errors(found)
    assert any("gender" in issue.text.en for issue in found if issue.rule == "slice-closed")


def test_an_extensions_value_tells_slices_apart(made: Made) -> None:
    holder = profile(
        "Kind",
        "Extension",
        element("Extension.url", fixedUri="http://test.example/Kind"),
        element("Extension.value[x]", min=1, type=[{"code": "code"}]),
        context=[{"type": "element", "expression": "Element"}],
    )
    path = "extension('http://test.example/Kind').value"
    validator = made(
        holder,
        profile(
            "P",
            "Patient",
            element("Patient.contact", slicing=sliced("value", path)),
            element("Patient.contact", id="Patient.contact:a", sliceName="a", max="1"),
            element("Patient.contact.extension", id="Patient.contact:a.extension", slicing=sliced("value", "url")),
            element(
                "Patient.contact.extension",
                id="Patient.contact:a.extension:kind",
                sliceName="kind",
                min=1,
                max="1",
                type=[{"code": "Extension", "profile": ["http://test.example/Kind"]}],
            ),
            element(
                "Patient.contact.extension.value[x]",
                id="Patient.contact:a.extension:kind.value[x]",
                min=1,
                type=[{"code": "code"}],
                fixedCode="a",
            ),
        ),
    )
    contact = {
        "extension": [{"url": "http://test.example/Kind", "valueCode": "a"}],
        "gender": "male",
        "name": {"text": "x"},
    }
    other = {**contact, "extension": [{"url": "http://test.example/Kind", "valueCode": "b"}]}
    resource = {"resourceType": "Patient", "contact": [contact, other, other]}
    assert errors(validator.validate(resource, [URL])) == []
    resource["contact"] = [contact, contact]
    assert ("Patient.contact", "cardinality-max") in errors(validator.validate(resource, [URL]))


def resliced(rules: str = "open") -> dict[str, Any]:
    """A slice of identifiers by system, sliced again by use: one usual or official of them, and at most one of each."""
    identifier = "Patient.identifier"
    return profile(
        "P",
        "Patient",
        element(identifier, slicing=sliced("value", "system")),
        element(identifier, id=f"{identifier}:a", sliceName="a", slicing=sliced("value", "use", rules), max="3"),
        element(f"{identifier}.system", id=f"{identifier}:a.system", min=1, fixedUri="urn:oid:1.1"),
        element(identifier, id=f"{identifier}:a/usual", sliceName="a/usual", min=1, max="1"),
        element(f"{identifier}.use", id=f"{identifier}:a/usual.use", min=1, fixedCode="usual"),
        element(identifier, id=f"{identifier}:a/official", sliceName="a/official", min=0, max="1"),
        element(f"{identifier}.use", id=f"{identifier}:a/official.use", min=1, fixedCode="official"),
        element(f"{identifier}.value", id=f"{identifier}:a/official.value", min=1),
    )


def used(*uses: str, system: str = "urn:oid:1.1", **more: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": system, "use": use, **more} for use in uses]}


@pytest.mark.parametrize(
    ("patient", "rules", "expected"),
    [
        (used("usual", "official", value="1"), "open", []),
        (used("official", value="1"), "open", [("Patient.identifier", "cardinality-min")]),
        (used("usual", "usual"), "open", [("Patient.identifier", "cardinality-max")]),
        (used("usual", "official"), "open", [("Patient.identifier[1]", "cardinality-min")]),
        (used("usual", "old"), "open", []),
        (used("usual", "old"), "closed", [("Patient.identifier[1]", "slice-closed")]),
        (used("old", system="urn:oid:2.9"), "closed", []),
    ],
)
def test_a_slice_that_is_sliced_again_judges_its_own_items_only(
    made: Made, patient: dict[str, Any], rules: str, expected: list[tuple[str, str]]
) -> None:
    assert errors(made(resliced(rules)).validate(patient, [URL])) == expected


def test_a_slice_that_nothing_tells_apart_is_a_warning_that_names_it(made: Made) -> None:
    validator = made(
        profile(
            "P",
            "Patient",
            element("Patient.name", slicing=sliced("value", "text")),
            element("Patient.name", id="Patient.name:vague", sliceName="vague", min=0, max="1"),
        )
    )
    found = validator.validate({"resourceType": "Patient", "name": [{"family": "A"}, {"family": "B"}]}, [URL])
    assert errors(found) == []
    assert severities(found)["slice-undecidable"] == "warning"
    assert "vague" in next(issue.text.en for issue in found if issue.rule == "slice-undecidable")


def test_ten_thousand_items_are_judged_in_one_pass(made: Made) -> None:
    systems = ["urn:oid:1.1", *[f"urn:oid:2.9.{number}" for number in range(10_000)]]
    found = made(by_system("closed")).validate(identifiers(*systems), [URL])
    assert sum(rule == "slice-closed" for _, rule in errors(found)) == 10_000


@pytest.mark.parametrize("value", [None, 1, "x", [], {}])
def test_malformed_items_of_a_sliced_element_are_reported_and_nothing_breaks(made: Made, value: Any) -> None:
    found = made(by_system("closed")).validate({"resourceType": "Patient", "identifier": [value]}, [URL])
    assert any(str(where).startswith("Patient.identifier") for where, _ in errors(found))


@pytest.mark.parametrize("system", [{"x": 1}, ["http://x"], 5])
def test_a_slice_bound_to_a_value_set_bears_a_system_that_is_no_text(made: Made, system: Any) -> None:
    value_set = {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/observation-category"}
    bound = profile(
        "P",
        "Observation",
        element("Observation.category", slicing=sliced("value", "$this")),
        element("Observation.category", id="Observation.category:a", sliceName="a", binding=value_set),
    )
    category = [{"coding": [{"system": system, "code": "vital-signs"}]}]
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "category": category}
    assert errors(made(bound).validate(resource, [URL]))[0][0] == "Observation.category[0].coding[0].system"

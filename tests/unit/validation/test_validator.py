"""The validator as a whole: the same answer always, whatever comes in."""

from __future__ import annotations

import copy
import random
import threading
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.validation import STRUCTURE_ONLY, Options, Validator

from .conftest import Made, element, errors, profile

PRESCRIPTION = {
    "resourceType": "MedicationRequest",
    "meta": {
        "profile": ["https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/fr-medicationrequest"]
    },
    "status": "active",
    "intent": "order",
    "medicationReference": {"reference": "#m"},
    "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "x"}}],
    "subject": {"reference": "Patient/1"},
    "authoredOn": "2024-05-02",
    "requester": {"reference": "Practitioner/1"},
    "dosageInstruction": [{"timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}, "text": "3/j"}],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def put(resource: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(resource)
    target: Any = made
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return made


def test_the_same_resource_gets_the_same_issues_in_the_same_order_from_all_threads(french: Validator) -> None:
    broken = [put(PRESCRIPTION, path, {"x": [None]}) for path in places(PRESCRIPTION)]
    expected = [french.validate(one) for one in broken]
    results: list[list[Any]] = []

    def work(seed: int) -> None:
        order = list(range(len(broken)))
        random.Random(seed).shuffle(order)
        found = {number: french.validate(broken[number]) for number in order}
        results.append([found[number] for number in range(len(broken))])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert results == [expected] * 4


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "url", "extension", "coding", "reference", "value", "x", "resourceType"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(places(PRESCRIPTION)), json_values)
def test_nothing_that_json_can_hold_breaks_the_validator(french: Validator, path: Any, value: Any) -> None:
    for options in (Options(), STRUCTURE_ONLY):
        for issue in french.validate(put(PRESCRIPTION, path, value), options=options):
            assert issue.text.fr
            assert issue.text.en


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values)
def test_nothing_at_all_breaks_the_validator(plain: Validator, value: Any) -> None:
    plain.validate(value)


def test_deep_nesting_is_refused_or_judged_in_bounded_time(plain: Validator) -> None:
    item: dict[str, Any] = {"linkId": "x", "type": "group"}
    for number in range(600):
        item = {"linkId": str(number), "type": "group", "item": [item]}
    found = plain.validate({"resourceType": "Questionnaire", "status": "draft", "item": [item]})
    assert [one.rule for one in found if one.refuses] == ["depth"]


def test_profiles_that_ask_for_one_another_end(made: Made) -> None:
    validator = made(
        profile(
            "A",
            "Patient",
            element("Patient.link.other", type=[{"code": "Reference", "targetProfile": ["http://test.example/B"]}]),
        ),
        profile(
            "B",
            "Patient",
            element("Patient.link.other", type=[{"code": "Reference", "targetProfile": ["http://test.example/A"]}]),
        ),
    )
    first = {"resourceType": "Patient", "id": "a", "link": [{"other": {"reference": "#b"}, "type": "seealso"}]}
    second = {"resourceType": "Patient", "id": "b", "link": [{"other": {"reference": "#"}, "type": "seealso"}]}
    assert errors(validator.validate({**first, "contained": [second]}, ["http://test.example/A"])) == []


def test_a_profile_that_does_not_compile_refuses_nothing(made: Made) -> None:
    broken = profile("P", "Patient", element("Patient.name", min=1))
    broken["snapshot"] = {"element": [{"id": "Patient", "path": "Patient"}, {"id": "x", "path": "Patient.a.b.c"}]}
    found = made(broken).validate({"resourceType": "Patient", "name": [{"family": "x"}]}, ["http://test.example/P"])
    assert [one.rule for one in found if one.refuses] == ["profile"]


def test_an_invariant_without_expression_is_information_once(made: Made) -> None:
    rule = {"key": "t-1", "severity": "error", "human": "in prose only"}
    validator = made(profile("P", "Patient", element("Patient.name", constraint=[rule])))
    found = validator.validate(
        {"resourceType": "Patient", "name": [{"family": "a"}, {"family": "b"}]}, ["http://test.example/P"]
    )
    assert [one.severity for one in found if one.rule == "http://test.example/P#t-1"] == ["information"]


def test_an_invariant_that_does_not_parse_is_information(made: Made) -> None:
    rule = {"key": "t-1", "severity": "error", "human": "x", "expression": "name.where("}
    found = made(profile("P", "Patient", element("Patient", constraint=[rule]))).validate(
        {"resourceType": "Patient"}, ["http://test.example/P"]
    )
    assert [one.severity for one in found if str(one.rule).endswith("#t-1")] == ["information"]


def test_a_profiles_invariant_refuses_where_it_is_declared(made: Made) -> None:
    rule = {
        "key": "t-1",
        "severity": "error",
        "human": "a family name is in capitals",
        "expression": "family = family.upper()",
    }
    validator = made(profile("P", "Patient", element("Patient.name", constraint=[rule])))
    found = validator.validate(
        {"resourceType": "Patient", "name": [{"family": "A"}, {"family": "b"}]}, ["http://test.example/P"]
    )
    assert errors(found) == [("Patient.name[1]", "http://test.example/P#t-1")]
    assert "capitals" in next(one.text.fr for one in found if one.refuses)


def test_advised_profiles_give_warnings_only(made: Made) -> None:
    validator = made(profile("Draft", "Patient", element("Patient.name", min=1)))
    found = validator.validate({"resourceType": "Patient"}, advised=["http://test.example/Draft"])
    assert errors(found) == []
    assert [one.severity for one in found if one.rule == "cardinality-min"] == ["warning"]


def test_what_is_claimed_asked_for_and_advised_holds_together(made: Made) -> None:
    validator = made(
        profile("A", "Patient", element("Patient.name", min=1)),
        profile("B", "Patient", element("Patient.gender", min=1)),
    )
    resource = {"resourceType": "Patient", "meta": {"profile": ["http://test.example/A"]}}
    texts = [one.text.en for one in validator.validate(resource, ["http://test.example/B"]) if one.refuses]
    assert len(texts) == 2
    assert any('"name"' in text for text in texts)
    assert any('"gender"' in text for text in texts)


def test_an_attachments_size_and_hash_are_those_of_its_content(plain: Validator) -> None:
    def media(**content: Any) -> dict[str, Any]:
        return {
            "resourceType": "Media",
            "status": "completed",
            "content": {"contentType": "text/plain", "data": "SGVsbG8gV29ybGQ=", **content},
        }

    assert errors(plain.validate(media(size=11, hash="Ck1VqNd45QIvq3AZd8XYQLvEhtA="))) == []
    assert errors(plain.validate(media(size=12))) == [("Media.content.size", "attachment-size")]
    assert errors(plain.validate(media(hash="QQ=="))) == [("Media.content.hash", "attachment-hash")]
    assert errors(plain.validate(media(size=12), options=Options(content=False))) == []


def test_codes_unknown_to_a_complete_system_and_units_that_do_not_parse_are_errors(plain: Validator) -> None:
    base = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    category = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "zzz"}]}
    assert ("Observation.category[0].coding[0]", "code-unknown") in errors(
        plain.validate({**base, "category": [category]})
    )
    unit = {"value": 1, "system": "http://unitsofmeasure.org", "code": "zzz-inconnu"}
    assert ("Observation.value.ofType(Quantity)", "code-unknown") in errors(
        plain.validate({**base, "valueQuantity": unit})
    )
    licensed = {"coding": [{"system": "http://snomed.info/sct", "code": "zzz"}]}
    assert errors(plain.validate({**base, "method": licensed})) == []


def test_a_wrong_display_is_a_warning(plain: Validator) -> None:
    base = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    wrong = {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                "code": "vital-signs",
                "display": "Autre",
            }
        ]
    }
    found = plain.validate({**base, "category": [wrong]})
    assert errors(found) == []
    assert [one.expression for one in found if one.rule == "display"] == ["Observation.category[0].coding[0].display"]


def test_an_inactive_code_is_a_warning_an_unknown_one_an_error_and_one_that_cannot_be_verified_is_said_so(
    made: Made,
) -> None:
    system = "http://test.example/codes"
    concepts = [
        {"code": "new"},
        {"code": "old", "property": [{"code": "status", "valueCode": "retired"}]},
    ]
    properties = [{"code": "status", "type": "code", "uri": "http://hl7.org/fhir/concept-properties#status"}]
    codes = {"resourceType": "CodeSystem", "url": system, "status": "active", "content": "complete"}
    validator = made({**codes, "property": properties, "concept": concepts})

    def told(code: str, of_system: str = system) -> list[tuple[str, str | None, str | None]]:
        coding = {"system": of_system, "code": code}
        resource = {"resourceType": "Observation", "status": "final", "code": {"coding": [coding]}}
        found = validator.validate(resource)
        return [
            (one.severity, one.code, one.rule) for one in found if (one.expression or "").startswith("Observation.code")
        ]

    assert told("new") == []
    assert told("old") == [("warning", "code-invalid", "code-inactive")]
    assert told("never") == [("error", "code-invalid", "code-unknown")]
    assert [one[:2] for one in told("x", "http://test.example/elsewhere")] == [("warning", "not-supported")]


def test_tim_9_is_judged_with_several_moments_of_the_day(plain: Validator) -> None:
    def dose(*when: str) -> dict[str, Any]:
        timing = {"repeat": {"offset": 30, "when": list(when)}}
        return {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": {"text": "x"},
            "subject": {"reference": "Patient/1"},
            "dosageInstruction": [{"timing": timing}],
        }

    def rules(*when: str) -> list[str]:
        return [str(one.rule).rpartition("#")[2] for one in plain.validate(dose(*when)) if "tim-9" in str(one.rule)]

    assert rules("ACM", "ACD") == []
    assert rules("ACM") == []
    assert rules("CM", "CD") == ["tim-9"]
    assert rules("C") == ["tim-9"]


def test_each_release_of_a_profile_is_judged_by_its_own_elements(made: Made) -> None:
    releases = [
        profile("R", "Patient", element("Patient.name", min=1), version="1.0.0"),
        profile("R", "Patient", element("Patient.gender", min=1), version="2.0.0"),
    ]
    url = "http://test.example/R"
    validator = made(*releases)
    named, gendered = {"name": [{"text": "A"}]}, {"gender": "male"}
    for asked, right, wrong in (
        (f"{url}|1.0.0", named, gendered),
        (f"{url}|2.0.0", gendered, named),
        (url, gendered, named),
    ):
        assert errors(validator.validate({"resourceType": "Patient", **right}, [asked])) == []
        assert errors(validator.validate({"resourceType": "Patient", **wrong}, [asked])) == [
            ("Patient", "cardinality-min")
        ]

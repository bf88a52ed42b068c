"""Search among contained resources: `_contained` and `_containedType`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.errors import BadRequest
from fhirserver.search import Query, Registry, ResultPage, Rules, Searcher, parse
from fhirserver.search.asked.query import Or
from fhirserver.search.mongo.conditions import Narrowing

UCD = "http://data.esante.gouv.fr/ansm/medicament/UCD"
CONTAINERS = ["Medication", "MedicationDispense", "MedicationRequest"]

Put = Callable[[dict[str, Any]], str]


def medicine(identity: str, code: str, status: str = "active") -> dict[str, Any]:
    return {
        "resourceType": "Medication", "id": identity, "status": status,
        "code": {"coding": [{"system": UCD, "code": code}]},
    }  # fmt: skip


def line(identity: str, *contained: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "id": identity, "status": "active", "intent": "order",
        "subject": {"reference": "Patient/1"}, "contained": list(contained),
        "medicationReference": {"reference": "#m"},
    }  # fmt: skip


ROLE = {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "#doctor"}}
DOCTOR = {
    "resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Marchand", "given": ["Zoé"]}],
    "identifier": [{"system": "urn:x", "value": "8100"}],
}  # fmt: skip


def written_by(identity: str, author: str, *contained: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": identity, "status": "current", "contained": list(contained),
        "author": [{"reference": author}], "content": [{"attachment": {"url": "http://x.example"}}],
    }  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def population(put: Put) -> None:
    put(medicine("alone", "34001"))
    put(medicine("other", "34002"))
    put(line("one", medicine("m", "34001")))
    put(line("split", medicine("m", "34001", "inactive"), medicine("n", "34002", "active")))
    put(line("none"))
    dispense = {
        "resourceType": "MedicationDispense", "id": "given", "status": "completed",
        "contained": [medicine("m", "34001"), {"resourceType": "Patient", "id": "p", "name": [{"family": "LEFÈVRE"}]}],
        "medicationReference": {"reference": "#m"},
    }  # fmt: skip
    put(dispense)
    put(written_by("direct", "#doctor", DOCTOR))
    put(written_by("by-role", "#role", ROLE, DOCTOR))
    put(written_by("by-nobody", "Practitioner/1", ROLE, DOCTOR))


@pytest.fixture
def asked(registry: Registry, rules: Rules) -> Callable[..., Query]:
    def read(kind: str, *pairs: tuple[str, str]) -> Query:
        return parse(registry, [kind], pairs, rules=rules, containers=CONTAINERS)

    return read


@pytest.fixture
def search(searcher: Searcher, asked: Callable[..., Query]) -> Callable[..., ResultPage]:
    return lambda kind, *pairs: searcher.run(asked(kind, *pairs))


def ids(page: ResultPage) -> list[str]:
    return sorted(f"{stored.type}/{stored.id}" for stored in page.matches)


CODE = ("code", f"{UCD}|34001")
ALL = ["MedicationDispense/given", "MedicationRequest/one", "MedicationRequest/split"]


def test_contained_resources_are_not_found_unless_asked_for(search: Callable[..., ResultPage]) -> None:
    assert ids(search("Medication", CODE)) == ["Medication/alone"]
    assert ids(search("Medication", CODE, ("_contained", "false"))) == ["Medication/alone"]


def test_true_finds_the_containers_of_matches_and_no_match_that_stands_alone(search: Callable[..., ResultPage]) -> None:
    assert ids(search("Medication", CODE, ("_contained", "true"))) == ALL


def test_both_finds_containers_and_what_stands_alone(search: Callable[..., ResultPage]) -> None:
    assert ids(search("Medication", CODE, ("_contained", "both"))) == ["Medication/alone", *ALL]


def test_criteria_hold_of_one_contained_resource_and_not_of_several_together(
    search: Callable[..., ResultPage],
) -> None:
    found = ids(search("Medication", CODE, ("status", "active"), ("_contained", "true")))
    assert found == ["MedicationDispense/given", "MedicationRequest/one"]


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("code", "34002", ["MedicationRequest/split"]),
        ("code:not", "34001", ["MedicationRequest/split"]),
        ("status", "inactive", ["MedicationRequest/split"]),
        ("status:missing", "true", []),
        ("_filter", "code eq 34002 and status eq active", ["MedicationRequest/split"]),
        ("identifier", "x", []),
    ],
)
def test_every_kind_of_criterion_on_elements_works_inside(
    search: Callable[..., ResultPage], name: str, value: str, found: list[str]
) -> None:
    assert ids(search("Medication", (name, value), ("_contained", "true"))) == found


def test_contained_patients_are_found_by_name(search: Callable[..., ResultPage]) -> None:
    assert ids(search("Patient", ("family", "lefev"), ("_contained", "true"))) == ["MedicationDispense/given"]


def test_the_contained_resources_themselves_are_named_when_asked_for(search: Callable[..., ResultPage]) -> None:
    page = search("Medication", CODE, ("_contained", "both"), ("_containedType", "contained"))
    assert page.inside == {
        "Medication/alone": [""],
        "MedicationDispense/given": ["m"],
        "MedicationRequest/one": ["m"],
        "MedicationRequest/split": ["m"],
    }


def test_pages_hold_each_container_once(searcher: Searcher, asked: Callable[..., Query]) -> None:
    query = asked("Medication", CODE, ("_contained", "true"), ("_count", "1"))
    found: list[str] = []
    page = searcher.run(query)
    while True:
        found += ids(page)
        if page.next is None:
            break
        page = searcher.run(searcher.turned(query, page.next))
    assert sorted(found) == ALL


def test_what_the_caller_may_not_see_contains_nothing_for_him(searcher: Searcher, asked: Callable[..., Query]) -> None:
    narrowing: Narrowing = lambda kind: Or(()) if kind == "MedicationRequest" else None  # noqa: E731 - one rule
    page = searcher.run(asked("Medication", CODE, ("_contained", "true")), narrowing)
    assert ids(page) == ["MedicationDispense/given"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("_id", "m"), ("_content", "x"), ("_sort", "code"), ("_has:MedicationRequest:medication:status", "active")],
)
def test_what_cannot_be_asked_of_contained_resources_is_refused(
    asked: Callable[..., Query], name: str, value: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        asked("Medication", (name, value), ("_contained", "true"))
    told = value if name == "_sort" else name.partition(":")[0]
    assert f"`{told}`" in caught.value.issues[0].text.fr


@pytest.mark.parametrize(
    ("asked_for", "found"),
    [
        (f"MedicationRequest?medication.code={UCD}|34001", ["one", "split"]),
        ("MedicationRequest?medication:Medication.code=34002", []),
        ("DocumentReference?author.family=march", ["direct"]),
        ("DocumentReference?author:Practitioner.given=zoe", ["direct"]),
        ("DocumentReference?author.family:exact=march", []),
        ("DocumentReference?author:Practitioner.identifier=urn:x|8100", ["direct"]),
        ("DocumentReference?author:PractitionerRole.practitioner.family=marchand", ["by-role"]),
        ("DocumentReference?author:PractitionerRole.practitioner:Practitioner.identifier=urn:x|8100", ["by-role"]),
        ("DocumentReference?authenticator.family=marchand", []),
    ],
)
def test_a_chain_leads_to_contained_resources_by_what_they_have_keys_of(
    search: Callable[..., ResultPage], asked_for: str, found: list[str]
) -> None:
    kind, _, criterion = asked_for.partition("?")
    name, _, value = criterion.partition("=")
    assert ids(search(kind, (name, value))) == [f"{kind}/{each}" for each in found]

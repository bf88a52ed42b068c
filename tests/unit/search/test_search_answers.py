"""What queries find, one rule of the specification or of docs/search.md at a time, in a real MongoDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from fhirserver.errors import BadRequest, Unavailable
from fhirserver.search import Registry, ResultPage, Rules, Searcher, parse
from fhirserver.search.asked.query import And, Ids, Node, Or, Within, Written
from fhirserver.search.types.reference import known_by
from fhirserver.store import Store

INS = "urn:oid:1.2.250.1.213.1.4.10"
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
Put = Callable[[dict[str, Any]], str]
Found = Callable[[str, str], set[str]]


def observation(identity: str, **content: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": identity, "status": "final", "code": {"text": "x"}, **content}


def quantity(value: float, code: str) -> dict[str, Any]:
    return {"value": value, "unit": code, "system": UCUM, "code": code}


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "hop", "name": "Hôpital", "partOf": {"reference": "Organization/groupe"}},
    {"resourceType": "Organization", "id": "groupe", "name": "Groupe", "partOf": {"reference": "Organization/hop"}},
    {
        "resourceType": "Practitioner", "id": "doc", "name": [{"family": "Lefèvre"}],
        "identifier": [{"system": "urn:rpps", "value": "8100"}],
    },
    {
        "resourceType": "Patient", "id": "ada", "name": [{"family": "Lovelace", "given": ["Ada"]}], "birthDate": "1980-04-05",  # noqa: E501 - data
        "identifier": [{"system": INS, "value": "280", "type": {"coding": [{"system": "urn:t", "code": "INS"}]}}],
        "gender": "female", "managingOrganization": {"reference": "Organization/hop"},
        "generalPractitioner": [{"reference": "Practitioner/doc"}],
    },
    {
        "resourceType": "Patient", "id": "bob", "name": [{"family": "o_neil", "given": ["Bob"]}], "birthDate": "1980",
        "identifier": [{"system": INS, "value": "181"}], "active": True,
    },
    observation("bp", subject={"reference": "Patient/ada"}, effectiveDateTime="2024-05-01T10:00:00Z", component=[
        {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": quantity(150, "mm[Hg]")},
        {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, "valueQuantity": quantity(80, "mm[Hg]")},
    ]),
    observation("mass", subject={"reference": "Patient/bob"}, valueQuantity=quantity(5400, "mg"), effectiveDateTime="2024-05"),  # noqa: E501 - data
    observation("tablets", subject={"identifier": {"system": INS, "value": "999"}}, valueQuantity=quantity(3, "{tablet}")),  # noqa: E501 - data
    observation("capsules", valueQuantity=quantity(3, "{capsule}"), performer=[{"reference": "Practitioner/doc/_history/3"}]),  # noqa: E501 - data
    {
        "resourceType": "DocumentReference", "id": "inside", "status": "current", "subject": {"reference": "#p"},
        "contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"system": INS, "value": "777"}]}],
        "content": [{"attachment": {"url": "Binary/content"}}],
    },
    {
        "resourceType": "DocumentReference", "id": "archived", "status": "current", "subject": {"reference": "Patient/ada"},  # noqa: E501 - data
        "date": "2024-01-01T00:00:00Z", "content": [{"attachment": {"url": "https://x.fr/d"}}],
        "extension": [{
            "url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived",
            "valueBoolean": True,
        }],
        "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/inside"}}],
    },
    {
        "resourceType": "MedicationRequest", "id": "line", "status": "active", "intent": "order",
        "groupIdentifier": {"system": "urn:ord", "value": "1"}, "subject": {"reference": "Patient/ada"},
        "requester": {"reference": "https://fhir.example.fr/fhir/Practitioner/doc"},
    },
    {
        "resourceType": "ServiceRequest", "id": "act", "status": "active", "intent": "order",
        "requisition": {"system": "urn:ord", "value": "1"}, "subject": {"reference": "Patient/ada"},
    },
    {"resourceType": "List", "id": "list", "status": "current", "mode": "working", "entry": [{"item": {"reference": "Patient/ada"}}]},  # noqa: E501 - data
    {"resourceType": "Location", "id": "paris", "position": {"longitude": 2.3522, "latitude": 48.8566}},
    {"resourceType": "Location", "id": "lyon", "position": {"longitude": 4.8357, "latitude": 45.7640}},
    {
        "resourceType": "List", "id": "lot", "status": "current", "mode": "working", "subject": {"reference": "Patient/ada"},  # noqa: E501 - data
        "source": {
            "extension": [{
                "url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-authorOrg",
                "valueReference": {"reference": "Organization/hop"},
            }],
            "reference": "Practitioner/doc",
        },
    },
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def stored(put: Put) -> None:
    for resource in RESOURCES:
        put(resource)


@pytest.fixture
def run(searcher: Searcher, registry: Registry) -> Callable[..., ResultPage]:
    def search(types: str, query: str, **options: Any) -> ResultPage:
        pairs = parse_qsl(query, keep_blank_values=True)
        read = parse(registry, types.split(), pairs, rules=searcher.rules)
        return searcher.run(read, **options)

    return search


@pytest.fixture
def found(run: Callable[..., ResultPage]) -> Found:
    return lambda types, query: {match.id for match in run(types, query).matches}


@pytest.mark.parametrize(
    ("kind", "query", "expected"),
    [
        # the containment rule of dates: HAPI misses the first
        ("Patient", "birthdate=ge1980", {"ada", "bob"}),
        ("Patient", "birthdate=1980", {"ada", "bob"}),
        ("Patient", "birthdate=1980-04", {"ada"}),
        ("Patient", "birthdate=1980-04-05,1999", {"ada"}),
        ("Patient", "birthdate=lt1980-04-05", {"bob"}),
        ("Patient", "birthdate=gt1980-04-05", {"bob"}),
        ("Patient", "birthdate=sa1980-04-05", set()),
        ("Patient", "birthdate=ne1980", set()),
        ("Observation", "date=2024-05", {"bp", "mass"}),
        ("Observation", "date=2024-05-01", {"bp"}),
        ("Observation", "date=ge2024-05-01T12:00:00+02:00&date=lt2024-05-02", {"bp", "mass"}),
        # an underscore, a percent sign and a star stand for themselves
        ("Patient", "family=o_neil", {"bob"}),
        ("Patient", "family=o_", {"bob"}),
        ("Patient", "family=l_velace", set()),
        ("Patient", "family=%25", set()),
        ("Patient", "family:contains=lace", {"ada"}),
        ("Patient", "family=lace", set()),
        ("Practitioner", "family=lefevre", {"doc"}),
        ("Practitioner", "family:exact=lefevre", set()),
        # units convert, and what UCUM ignores is kept apart
        ("Observation", f"value-quantity=5.4|{UCUM}|g", {"mass"}),
        ("Observation", f"value-quantity=gt5|{UCUM}|g", {"mass"}),
        ("Observation", f"value-quantity=3|{UCUM}|{{tablet}}", {"tablets"}),
        ("Observation", "value-quantity=3", {"tablets", "capsules"}),
        # a composite matches within one component
        ("Observation", f"component-code-value-quantity={LOINC}|8480-6$gt140", {"bp"}),
        ("Observation", f"component-code-value-quantity={LOINC}|8462-4$gt140", set()),
        # tokens
        ("Patient", "gender=http://hl7.org/fhir/administrative-gender|female", {"ada"}),
        ("Patient", "gender=FEMALE", set()),
        ("Patient", "gender:not=male", {"ada", "bob"}),
        ("Patient", "active=true", {"bob"}),
        ("Patient", "identifier:of-type=urn:t|INS|280", {"ada"}),
        ("Patient", f"identifier={INS}|", {"ada", "bob"}),
        ("Patient", "identifier=|280", set()),
        ("Patient", "gender=http://hl7.org/fhir/administrative-gender|", {"ada"}),
        ("Patient", "gender:not=http://hl7.org/fhir/administrative-gender|", {"bob"}),
        ("Patient", "gender=http://loinc.org|", set()),
        ("Patient", "gender:missing=true", {"bob"}),
        ("Patient", "gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", {"ada"}),
        ("Patient", "gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender", {"bob"}),
        # references, in every way of writing them
        ("MedicationRequest", "requester=doc", {"line"}),
        ("MedicationRequest", "requester=Practitioner/doc", {"line"}),
        ("MedicationRequest", "requester=https://fhir.example.fr/fhir/Practitioner/doc", {"line"}),
        ("MedicationRequest", "requester:Practitioner=doc", {"line"}),
        ("Observation", "performer=Practitioner/doc", {"capsules"}),
        ("Observation", "subject:identifier=urn:oid:1.2.250.1.213.1.4.10|999", {"tablets"}),
        ("Observation", "subject:missing=true", {"capsules"}),
        # chains, and the patient known only by his INS
        ("Observation", "patient.identifier=280", {"bp"}),
        ("Observation", f"patient.identifier={INS}|999", {"tablets"}),
        ("DocumentReference", f"patient.identifier={INS}|777", {"inside"}),
        ("DocumentReference", "subject:Patient.name=love", {"archived"}),
        ("Observation", "subject:Patient.general-practitioner:Practitioner.family=lefevre", {"bp"}),
        ("Observation", "subject:Patient.organization.partof.name=groupe", {"bp"}),
        ("Patient", "_has:Observation:patient:date=2024-05-01", {"ada"}),
        ("Practitioner", "_has:Patient:general-practitioner:_has:Observation:subject:status=final", {"doc"}),
        ("Practitioner", "_has:Patient:general-practitioner:organization.name=hopital", {"doc"}),
        # the project's own and the French parameters
        ("MedicationRequest", "group-identifier=urn:ord|1", {"line"}),
        ("ServiceRequest", "group-identifier=1", {"act"}),
        ("DocumentReference", "isArchived=true", {"archived"}),
        ("DocumentReference", "isArchived=false", {"inside"}),
        ("DocumentReference", "PDSm_isArchived=true", {"archived"}),
        ("List", "authorOrg=Organization/hop", {"lot"}),
        # special parameters
        ("Patient", "_id=ada,nobody", {"ada"}),
        ("Patient", "_list=list", {"ada"}),
        ("Location", "near=48.85|2.35|10|km", {"paris"}),
        ("Location", "near=48.85|2.35|300|km", {"paris"}),
        ("Location", "near=48.85|2.35|500000|m", {"paris", "lyon"}),
        ("DocumentReference", "relationship=DocumentReference/inside$replaces", {"archived"}),
        ("Patient Practitioner", "_content=lefevre", {"doc"}),
        ("Patient", '_filter=family sw "LOVE" or active eq true', {"ada", "bob"}),
        ("Patient", "_filter=not (gender pr true) and birthdate po 1980-07", {"bob"}),
        ("Patient", "_filter=organization.name eq hopital", {"ada"}),
        ("Patient", "_filter=family eq lovelace", {"ada"}),
        ("Patient", "_filter=family eq love", set()),
        ("Patient", "_filter=family ne love", {"ada", "bob"}),
        ("Patient", "_filter=family ew LACE", {"ada"}),
        ("Patient", "_filter=family gt m", {"bob"}),
        ("Patient", "_filter=family le lovelace", {"ada"}),
        ("Patient", "_filter=active eq true or gender eq female and birthdate eq 1980-04-05", {"ada"}),
        ("Observation", "_filter=subject.organization.partof.name eq groupe", {"bp"}),
        ("Patient", "_filter=_has:Observation:patient:date ge 2024-05-01T12:00:00Z", {"bob"}),
        ("Observation", "_filter=component-code eq loinc|8480-6", {"bp"}),
        ("Patient", "_filter=(_id eq ada and gender eq male) or (_id eq bob and active eq true)", {"bob"}),
        ("Patient", "_id=ada,bob&_filter=not (_id eq ada and gender eq male)", {"ada", "bob"}),
        ("Observation", "_filter=value-quantity eq 5.4|ucum|g", {"mass"}),
        ("Observation", "_filter=component-code-value-quantity eq loinc|8480-6$gt100", {"bp"}),
    ],
)  # fmt: skip
def test_a_query_finds(found: Found, kind: str, query: str, expected: set[str]) -> None:
    assert found(kind, query) == expected


def test_a_search_of_several_types_finds_in_each(found: Found) -> None:
    assert found("MedicationRequest ServiceRequest Patient", "_type=MedicationRequest,ServiceRequest&status=active") == {  # noqa: E501 - data
        "line", "act",
    }  # fmt: skip


def test_a_compartment_holds_what_is_linked_to_its_patient(searcher: Searcher, registry: Registry) -> None:
    types = ["Observation", "MedicationRequest", "ServiceRequest", "DocumentReference", "List"]
    query = parse(registry, types, [], compartment=("Patient", "ada"))
    assert {m.id for m in searcher.run(query).matches} == {"bp", "line", "act", "archived", "lot"}


def test_a_compartment_holds_what_knows_its_patient_by_identifier_alone(searcher: Searcher, registry: Registry) -> None:
    query = parse(registry, ["Observation", "DocumentReference"], [])
    for value, identity in (("999", "tablets"), ("777", "inside")):
        mine = searcher.run(query, lambda _, value=value: Within((known_by(INS, value),)))
        assert [match.id for match in mine.matches] == [identity]


def test_includes_follow_references_once_and_mark_nothing_twice(run: Callable[..., ResultPage]) -> None:
    page = run("Observation", "_id=bp,mass&_include=Observation:subject&_include=Observation:patient")
    assert sorted(each.id for each in page.includes) == ["ada", "bob"]


def test_iterated_includes_end_although_two_organisations_are_part_of_each_other(
    run: Callable[..., ResultPage],
) -> None:
    query = "_id=ada&_include=Patient:organization&_include:iterate=Organization:partof"
    page = run("Patient", query)
    assert sorted(each.id for each in page.includes) == ["groupe", "hop"]
    assert not page.issues


def test_reverse_includes_find_who_refers_to_the_matches(run: Callable[..., ResultPage]) -> None:
    page = run("Patient", "_id=ada&_revinclude=Observation:subject&_revinclude=MedicationRequest:*")
    assert sorted(each.id for each in page.includes) == ["bp", "line"]


def test_every_reference_is_included_by_a_star(run: Callable[..., ResultPage]) -> None:
    page = run("Patient", "_id=ada&_include=*")
    assert sorted(each.id for each in page.includes) == ["doc", "hop"]


def test_a_caller_finds_nothing_beyond_what_he_may_see_by_any_path(run: Callable[..., ResultPage]) -> None:
    def narrowing(resource_type: str) -> Node | None:
        if resource_type == "Patient":
            return Ids(("ada",))
        return Within(("Patient/ada",)) if resource_type == "Observation" else Or(())

    options = {"narrowing": narrowing}
    assert {m.id for m in run("Observation", "", **options).matches} == {"bp"}
    assert {m.id for m in run("Observation", "code:text=x", **options).matches} == {"bp"}
    assert run("Observation", "_summary=count", **options).total == 1
    assert {m.id for m in run("Patient Observation Practitioner", "", **options).matches} == {"ada", "bp"}
    assert not run("Observation", "patient.birthdate=1980&patient.active=true", **options).matches
    assert not run("Patient", "_id=ada&_include=Patient:general-practitioner", **options).includes
    assert not run("Practitioner", "", **options).matches


def test_a_limit_of_several_conditions_holds_whichever_of_them_an_index_serves(run: Callable[..., ResultPage]) -> None:
    def narrowing(_: str) -> Node:
        return And((Within(("Patient/ada",)), Written("dmp.record", ())))

    for kinds, query in (("Observation", "_id=bp,mass"), ("Observation Patient", ""), ("Observation", "status=final")):
        page = run(kinds, query, narrowing=narrowing)
        assert {match.id for match in page.matches if match.type == "Observation"} == {"bp"}, (kinds, query)
    assert not run("Patient", "_has:Observation:subject:_id=mass", narrowing=narrowing).matches
    page = run("Observation", "_id=bp&_revinclude:iterate=*&_include=*", narrowing=narrowing)
    assert not {each.id for each in page.includes} & {"bob", "mass"}


def test_a_search_in_a_transaction_sees_what_the_transaction_has_written(indexed: Store, searcher: Searcher) -> None:
    with indexed.client.start_session() as session, session.start_transaction():
        indexed.resources.update_one(
            {"i": "ada"}, {"$set": {"s.x.gender": ["male\t"], "s.k": ["gender=male\t"]}}, session=session
        )
        assert searcher.ids("Patient", [("gender", "male")], session=session) == ["ada"]
        assert searcher.ids("Patient", [("gender", "male")]) == []
        session.abort_transaction()


def test_the_total_is_known_without_counting_when_all_matches_fit_on_the_first_page(
    run: Callable[..., ResultPage],
) -> None:
    assert run("Patient", "").total == 2
    assert run("Patient", "_count=1").total is None
    assert run("Patient", "_count=1&_total=accurate").total == 2
    assert run("Patient", "_count=1&_total=estimate").total == 2
    assert run("Patient", "_total=none").total is None
    assert run("Patient", "_summary=count").total == 2
    assert run("Patient", "_count=0").total == 2


def test_missing_values_sort_as_the_lowest(run: Callable[..., ResultPage]) -> None:
    assert [m.id for m in run("Patient", "_sort=gender").matches] == ["bob", "ada"]
    assert [m.id for m in run("Patient", "_sort=-gender").matches] == ["ada", "bob"]
    assert [m.id for m in run("DocumentReference", "_sort=date").matches] == ["inside", "archived"]


def test_who_refers_to_a_resource_is_known_whatever_the_element(searcher: Searcher) -> None:
    assert searcher.referrers(["Binary/content"]) == [("DocumentReference", "inside", "Binary/content")]
    assert {each[1] for each in searcher.referrers(["Practitioner/doc"])} == {"ada", "capsules", "line", "lot"}
    assert searcher.referrers(["Observation/bp"]) == []


def test_a_chain_that_selects_too_much_is_refused_with_the_reason(
    run: Callable[..., ResultPage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhirserver.search.mongo.resolve.MAX_SELECTED", 1)
    with pytest.raises(BadRequest) as refused:
        run("Observation", "patient.birthdate=1980")
    assert refused.value.issues[0].code == "too-costly"


def test_a_search_out_of_time_is_a_503_with_a_hint(
    indexed: Store, registry: Registry, rules: Rules, searcher: Searcher
) -> None:
    assert searcher.ids("Patient", [("_id", "ada")]) == ["ada"]
    hurried = Searcher(indexed, registry, rules, time_budget=-1.0)
    with pytest.raises(Unavailable) as late:
        hurried.run(parse(registry, ["Patient"], [("_content", "lovelace")], rules=rules))
    assert late.value.status == 503
    assert late.value.headers["Retry-After"]
    assert late.value.issues[0].text.fr != late.value.issues[0].text.en

"""$validate, $meta, $everything, $document over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.http.conftest import Client
from tests.http.test_history_and_search import follow

TAG = {"system": "urn:tests", "code": "blue"}


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}


def test_validate_tells_findings_and_stores_nothing(operator: Client) -> None:
    before = operator.get("Observation/_history?_count=0").json()["total"]
    good = operator.post("Observation/$validate", observation())
    bad = operator.post("Observation/$validate", observation(status="nonsense"))
    assert (good.status_code, bad.status_code) == (200, 200)
    assert not [item for item in good.json()["issue"] if item["severity"] in ("error", "fatal")]
    assert [item["expression"] for item in bad.json()["issue"] if item["severity"] == "error"] == [
        ["Observation.status"]
    ]
    assert operator.get("Observation/_history?_count=0").json()["total"] == before


def test_validate_takes_parameters_with_a_profile_and_stored_resources(operator: Client) -> None:
    vital = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "resource", "resource": observation()},
            {"name": "profile", "valueUri": vital},
        ],
    }
    told = operator.post("Observation/$validate", body).json()
    assert [item for item in told["issue"] if item["severity"] == "error"]
    made = operator.post("Observation", observation()).json()["id"]
    assert operator.get(f"Observation/{made}/$validate").status_code == 200
    assert operator.post("Observation/$validate", {"resourceType": "Parameters"}).status_code == 400


def _parameters(**given: Any) -> dict[str, Any]:
    parts = [{"name": name, "resource": value} for name, value in given.items() if isinstance(value, dict)]
    codes = [{"name": name, "valueCode": value} for name, value in given.items() if name == "mode"]
    uris = [{"name": name, "valueUri": value} for name, value in given.items() if name == "profile"]
    return {"resourceType": "Parameters", "parameter": parts + codes + uris}


def _refused(answer: Any) -> bool:
    assert answer.status_code == 200, answer.text
    return any(item["severity"] in ("error", "fatal") for item in answer.json()["issue"])


def test_validate_judges_for_what_the_resource_is_meant(operator: Client) -> None:
    person = operator.post("Patient", {"resourceType": "Patient"}).json()["id"]
    made = operator.post("Observation", observation(subject={"reference": f"Patient/{person}"})).json()["id"]
    vital = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
    of_type, of_instance = "Observation/$validate", f"Observation/{made}/$validate"
    assert not _refused(operator.post(of_type, _parameters(mode="create", resource=observation())))
    assert not _refused(operator.post(of_instance, _parameters(mode="update", resource=observation(id=made))))
    assert _refused(operator.post(of_instance, _parameters(mode="update", resource=observation(id="other"))))
    assert not _refused(operator.post(of_instance, _parameters(mode="delete")))
    assert _refused(operator.post(f"Patient/{person}/$validate", _parameters(mode="delete")))
    assert _refused(operator.post(of_instance, _parameters(mode="profile", profile=vital)))
    assert operator.post(of_type, _parameters(mode="nonsense", resource=observation())).status_code == 400
    unknown = _parameters(profile="http://test.example/none", resource=observation())
    assert operator.post(of_type, unknown).status_code in (200, 404)
    assert operator.get(f"Observation/{made}").json()["meta"]["versionId"] == "1"


def test_validate_takes_mode_and_profile_in_the_address_beside_a_bare_resource(operator: Client) -> None:
    of_type = "Observation/$validate"
    assert _refused(
        operator.post(f"{of_type}?profile=http://hl7.org/fhir/StructureDefinition/vitalsigns", observation())
    )
    assert _refused(operator.post(f"{of_type}?profile=http://test.example/none", observation()))
    assert _refused(operator.post(f"{of_type}?mode=update", observation()))
    assert not _refused(operator.post(f"{of_type}?mode=update&_format=json", observation(id="one")))
    assert operator.post(f"{of_type}?mode=nonsense", observation()).status_code == 400
    assert operator.post(f"{of_type}?mode=profile", observation()).status_code == 400
    assert (
        operator.post(f"{of_type}?mode=create", _parameters(mode="create", resource=observation())).status_code == 400
    )


def test_validate_passes_no_parameter_over(operator: Client) -> None:
    asked = _parameters(resource=observation())
    asked["parameter"].append({"name": "profil", "valueUri": "http://test.example/none"})
    for answer in (
        operator.post("Observation/$validate", asked),
        operator.post("Observation/$validate?profil=http://test.example/none", observation()),
    ):
        assert answer.status_code == 400
        assert "profil" in answer.text


def test_labels_are_added_and_removed_as_versions(operator: Client) -> None:
    path = f"Observation/{operator.post('Observation', observation()).json()['id']}"
    given = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [TAG]}}]}
    for _ in range(2):
        added = operator.post(f"{path}/$meta-add", given)
        assert added.status_code == 200
        assert added.json()["parameter"][0]["valueMeta"]["tag"] == [TAG]
    assert operator.get(path).json()["meta"]["tag"] == [TAG]
    assert operator.get(f"{path}/$meta").json()["parameter"][0]["valueMeta"]["versionId"] == "2"
    removed = operator.post(f"{path}/$meta-delete", given).json()["parameter"][0]["valueMeta"]
    assert "tag" not in removed
    assert operator.get(f"{path}/$meta-add").status_code == 405


def test_operations_pass_no_parameter_over(operator: Client) -> None:
    path = f"Observation/{operator.post('Observation', observation()).json()['id']}"
    meta = {"name": "meta", "valueMeta": {"tag": [TAG]}}
    mistyped = {"name": "meta", "valueMeta": {"tags": [TAG]}}
    refused = [
        operator.get(f"{path}/$meta?nonsense=1"),
        operator.post(f"{path}/$meta-add", _listed(meta, {"name": "labels", "valueMeta": {}})),
        operator.post(f"{path}/$meta-add", _listed(meta, meta)),
        operator.post(f"{path}/$meta-add", _listed(mistyped)),
        operator.get("$reindex?nonsense=1"),
        operator.post("$reindex", _listed({"name": "types", "valueCode": "Basic"})),
        operator.post("$reindex?type=Nonsense", b""),
        operator.post("Basic/$reindex", _listed({"name": "type", "valueCode": "Observation"})),
        operator.get("Composition/nobody/$document?persist=maybe"),
        operator.get("Composition/nobody/$document?graph=x"),
    ]
    assert [answer.status_code for answer in refused] == [400] * len(refused)
    assert operator.get(path).json()["meta"]["versionId"] == "1"


def _listed(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(parameters)}


def test_everything_gives_the_patient_his_record_and_what_it_refers_to(
    operator: Client, as_role: Callable[[str], Client]
) -> None:
    patient = operator.post("Patient", {"resourceType": "Patient"}).json()["id"]
    who = operator.post("Practitioner", {"resourceType": "Practitioner"}).json()["id"]
    reference = {"reference": f"Patient/{patient}"}
    made = {
        operator.post(
            "Observation", observation(subject=reference, performer=[{"reference": f"Practitioner/{who}"}])
        ).json()["id"]
        for _ in range(5)
    }
    entries = follow(operator, f"Patient/{patient}/$everything?_count=2")
    found = {entry["resource"]["id"] for entry in entries}
    assert made | {patient, who} <= found
    assert len(entries) == len({entry["fullUrl"] for entry in entries if entry["search"]["mode"] == "match"}) + sum(
        entry["search"]["mode"] == "include" for entry in entries
    )
    assert operator.get("Patient/nobody/$everything").status_code == 404
    assert operator.get(f"Patient/{patient}/$everything?nonsense=1").status_code == 400


@pytest.fixture
def record(operator: Client) -> str:
    """A patient with a general practitioner, three dated Observations, one without a date, and a Condition."""
    who = operator.post("Practitioner", {"resourceType": "Practitioner"}).json()["id"]
    patient = operator.post(
        "Patient", {"resourceType": "Patient", "generalPractitioner": [{"reference": f"Practitioner/{who}"}]}
    ).json()["id"]
    subject = {"reference": f"Patient/{patient}"}
    for day in ("2024-03-01", "2025-03-01", "2026-03-01"):
        operator.post("Observation", observation(subject=subject, effectiveDateTime=day))
    operator.post("Observation", observation(subject=subject))
    condition = {"resourceType": "Condition", "subject": subject, "recordedDate": "2024-05-01", "code": {"text": "x"}}
    assert operator.post("Condition", condition).status_code == 201
    return f"Patient/{patient}/$everything"


def test_everything_names_each_resource_once_on_however_many_pages(operator: Client, record: str) -> None:
    found = [entry["fullUrl"] for entry in follow(operator, f"{record}?_count=2")]
    assert len(found) == len(set(found)) == 7
    link = operator.get(f"{record}?_count=2").json()["link"][0]["url"]
    assert link.endswith("$everything?_count=2")


@pytest.mark.parametrize(
    ("types", "found"),
    [
        ("Observation", ["Observation"] * 4),
        ("Condition,Patient", ["Condition", "Patient"]),
        ("Practitioner", ["Practitioner"]),
        ("Practitioner,Condition", ["Condition", "Practitioner"]),
    ],
)
def test_everything_of_some_types_has_no_others(operator: Client, record: str, types: str, found: list[str]) -> None:
    entries = follow(operator, f"{record}?_type={types}&_count=2")
    assert sorted(entry["resource"]["resourceType"] for entry in entries) == found


def test_everything_since_a_time_has_nothing_older(operator: Client, record: str) -> None:
    patient = record.split("/")[1]
    made = operator.post("Observation", observation(subject={"reference": f"Patient/{patient}"})).json()
    entries = follow(operator, f"{record}?_since={made['meta']['lastUpdated']}")
    assert [entry["resource"]["id"] for entry in entries] == [made["id"]]


@pytest.mark.parametrize(
    ("range_", "observations", "conditions"),
    [("start=2025", 3, 0), ("end=2024-12-31", 2, 1), ("start=2025-01-01&end=2025-12-31", 2, 0), ("start=2024", 4, 1)],
)
def test_everything_of_a_time_of_care_has_what_is_of_that_time_or_of_none(
    operator: Client, record: str, range_: str, observations: int, conditions: int
) -> None:
    kinds = [entry["resource"]["resourceType"] for entry in follow(operator, f"{record}?{range_}&_count=2")]
    assert kinds.count("Observation") == observations
    assert kinds.count("Condition") == conditions
    assert kinds.count("Patient") == kinds.count("Practitioner") == 1


@pytest.mark.parametrize(
    "query", ["start=nonsense", "end=2024-13", "_since=x", "_type=Nonsense", "start=2024&start=25"]
)
def test_everything_refuses_what_makes_no_sense(operator: Client, record: str, query: str) -> None:
    answer = operator.get(f"{record}?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["issue"][0]["expression"][0]


def test_document_gathers_a_composition_and_what_it_refers_to(operator: Client) -> None:
    patient = operator.post("Patient", {"resourceType": "Patient"}).json()["id"]
    composition = operator.post(
        "Composition",
        {
            "resourceType": "Composition",
            "status": "final",
            "type": {"text": "x"},
            "date": "2026-01-01",
            "title": "x",
            "subject": {"reference": f"Patient/{patient}"},
            "author": [{"display": "y"}],
        },
    ).json()["id"]
    bundle = operator.get(f"Composition/{composition}/$document").json()
    assert bundle["type"] == "document"
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["Composition", "Patient"]


def test_every_operation_is_declared_and_unknown_ones_are_404(operator: Client) -> None:
    rest = operator.get("metadata").json()["rest"][0]
    patient = next(item for item in rest["resource"] if item["type"] == "Patient")
    assert {"validate", "everything", "meta", "meta-add", "meta-delete"} <= {
        item["name"] for item in patient["operation"]
    }
    assert operator.post("Patient/$nonsense", {"resourceType": "Parameters"}).status_code == 404


def test_everything_of_a_deleted_patient_is_gone(operator: Client) -> None:
    path = f"Patient/{operator.post('Patient', {'resourceType': 'Patient', 'active': True}).json()['id']}"
    operator.delete(path)
    assert operator.get(f"{path}/$everything").status_code == 410

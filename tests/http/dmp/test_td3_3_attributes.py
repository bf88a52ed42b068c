"""TD3.3a to d: hide, show, delete, archive by a conditional PATCH, in the three patch formats and the guides' paths."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.demo import people
from fhirserver.dmp.names import IS_ARCHIVED
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, act, join, make_record, part, professional

Submit = Callable[..., dict[str, Any]]
SYSTEM = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
JSON_PATCH, XML_PATCH = "application/json-patch+json", "application/xml-patch+xml"
MEMBER = people.rpps("1000076100")


class Document:
    """A document that was fed, addressed by its uniqueId."""

    def __init__(self, hospital: Client, bundle: dict[str, Any]) -> None:
        answer = hospital.post("", bundle)
        assert answer.status_code == 200, answer.text
        places = [entry["response"]["location"].split("/")[-4:-2] for entry in answer.json()["entry"]]
        self.ids = dict(places)
        master = part(bundle, "DocumentReference")["masterIdentifier"]
        self.query = f"DocumentReference?identifier={master['system']}|{master['value']}"
        self.path = f"DocumentReference/{self.ids['DocumentReference']}"


@pytest.fixture(scope="module")
def author(server: Server) -> Client:
    return Client(server, server.token("doctor", rpps=people.DOCTOR_RPPS, structure="1750000001"))


@pytest.fixture(scope="module")
def member(server: Server) -> Client:
    return Client(server, server.token("doctor", rpps=MEMBER))


@pytest.fixture
def patient(server: Server, record: Record) -> Client:
    ins = {"system": people.INS_TEST, "value": record.ins}
    return Client(server, server.token("patient", ins=ins, scope="patient/*.cruds"))


@pytest.fixture
def fed(hospital: Client, member: Client, record: Record, submit: Submit) -> Document:
    document = Document(hospital, submit(record))
    join(member, record, MEMBER)
    return document


def json_patch(*operations: tuple[str, str, Any]) -> bytes:
    return json.dumps([{"op": op, "path": path, "value": value} for op, path, value in operations]).encode()


def label(code: str) -> list[dict[str, Any]]:
    return [{"coding": [{"system": CONFIDENTIALITY if code == "N" else SYSTEM, "code": code}]}]


def set_label(client: Client, document: Document, *codes: str) -> Any:
    value = [item for code in codes for item in label(code)]
    return client.patch(document.query, json_patch(("replace", "/securityLabel", value)), Content_Type=JSON_PATCH)


def labels(client: Client, document: Document) -> set[str]:
    found = client.get(document.path).json()["securityLabel"]
    return {coding["code"] for concept in found for coding in concept["coding"]}


def test_td3_3a_a_masked_document_leaves_professionals_and_comes_back(
    author: Client, member: Client, patient: Client, fed: Document
) -> None:
    assert member.get(fed.path).status_code == 200
    masked = set_label(patient, fed, "MASQUE_PS")
    assert masked.status_code == 200, masked.text
    assert masked.json()["meta"]["versionId"] == "2"
    assert masked.json()["id"] == fed.ids["DocumentReference"]
    assert member.get(fed.path).status_code == 404
    assert member.get(f"Binary/{fed.ids['Binary']}").status_code == 404
    assert author.get(fed.path).status_code == 200
    shown = set_label(patient, fed, "N")
    assert shown.status_code == 200, shown.text
    assert member.get(fed.path).status_code == 200


def test_td3_3a_an_earlier_version_is_not_read_once_the_document_is_masked(
    member: Client, patient: Client, fed: Document
) -> None:
    set_label(patient, fed, "MASQUE_PS")
    assert member.get(f"{fed.path}/_history/1").status_code == 404
    assert member.get(f"{fed.path}/_history").status_code == 404


def test_td3_3b_a_professional_hides_a_document_from_the_patient_and_shows_it(
    member: Client, patient: Client, fed: Document
) -> None:
    assert set_label(member, fed, "INVISIBLE_PATIENT").status_code == 200
    assert patient.get(fed.path).status_code == 404
    assert member.get(fed.path).status_code == 200
    assert set_label(member, fed, "N").status_code == 200
    assert patient.get(fed.path).status_code == 200


def test_td3_3b_a_minors_secret_is_kept_from_representatives(
    server: Server, as_role: Callable[[str], Client], hospital: Client, author: Client, submit: Submit
) -> None:
    operator = as_role("operator")
    record = make_record(operator, "2014-05-17")
    guardian = people.ins("1700175123001")
    bundle = submit(record)
    part(bundle, "DocumentReference")["contained"][1]["birthDate"] = "2014-05-17"
    document = Document(hospital, bundle)
    act(operator, record, "represent", who=("valueIdentifier", {"system": people.INS_TEST, "value": guardian}))
    ins = {"system": people.INS_TEST, "value": record.ins}
    parent = Client(server, server.token("patient", ins=ins, representative=guardian, scope="patient/*.cruds"))
    assert parent.get(document.path).status_code == 200
    assert set_label(author, document, "INVISIBLE_REPRESENTANTS_LEGAUX").status_code == 200
    assert parent.get(document.path).status_code == 404
    assert set_label(parent, document, "N").status_code == 404
    assert set_label(author, document, "N").status_code == 200


def test_td3_3b_the_minors_secret_is_no_label_for_adults(author: Client, fed: Document) -> None:
    refused = set_label(author, fed, "INVISIBLE_REPRESENTANTS_LEGAUX")
    assert refused.status_code == 422
    assert "securityLabel" in refused.json()["issue"][0]["expression"][0]


def test_td3_3b_a_patient_does_not_hide_a_document_from_himself(patient: Client, fed: Document) -> None:
    assert set_label(patient, fed, "INVISIBLE_PATIENT").status_code == 403


def test_td3_3_masked_and_invisible_do_not_stand_together(author: Client, fed: Document) -> None:
    refused = set_label(author, fed, "MASQUE_PS", "INVISIBLE_PATIENT")
    assert refused.status_code == 422
    assert labels(author, fed) == {"N"}


@pytest.mark.parametrize("codes", [("MASQUE",), ("X",), ()])
def test_td3_3_an_unknown_label_or_none_is_refused(author: Client, fed: Document, codes: tuple[str, ...]) -> None:
    assert set_label(author, fed, *codes).status_code in (400, 422)
    assert labels(author, fed) == {"N"}


XML_DELETE = (
    b'<diff xmlns:f="http://hl7.org/fhir">'
    b'<replace sel="f:DocumentReference/f:status/@value">entered-in-error</replace></diff>'
)
DELETE_AS = {
    "JSON Patch": (JSON_PATCH, json_patch(("replace", "/status", "entered-in-error"))),
    "XML Patch": (XML_PATCH, XML_DELETE),
    "FHIRPath Patch": (
        "application/fhir+json",
        json.dumps(
            {
                "resourceType": "Parameters",
                "parameter": [
                    {
                        "name": "operation",
                        "part": [
                            {"name": "type", "valueCode": "replace"},
                            {"name": "path", "valueString": "DocumentReference.status"},
                            {"name": "value", "valueCode": "entered-in-error"},
                        ],
                    }
                ],
            }
        ).encode(),
    ),
}


@pytest.mark.parametrize("language", DELETE_AS)
def test_td3_3c_the_author_deletes_his_document(  # noqa: PLR0913, PLR0917 - fixtures
    author: Client, member: Client, patient: Client, record: Record, fed: Document, language: str
) -> None:
    media, body = DELETE_AS[language]
    deleted = author.patch(fed.query, body, Content_Type=media)
    assert deleted.status_code == 200, deleted.text
    assert deleted.json()["status"] == "entered-in-error"
    for client in (member, patient):
        assert client.get(fed.path).status_code == 404
        assert client.get(f"DocumentReference?{record.query}").json()["total"] == 0
    assert author.get(f"DocumentReference?{record.query}&status=current").json()["total"] == 0
    assert author.get(fed.path).json()["status"] == "entered-in-error"


@pytest.mark.parametrize("language", DELETE_AS)
def test_td3_3c_nobody_else_deletes_a_document(  # noqa: PLR0913, PLR0917 - fixtures
    member: Client, patient: Client, author: Client, as_role: Callable[[str], Client], fed: Document, language: str
) -> None:
    media, body = DELETE_AS[language]
    for client in (member, patient, as_role("operator")):
        assert client.patch(fed.query, body, Content_Type=media).status_code == 403
    assert author.get(fed.path).json()["status"] == "current"


def test_td3_3c_a_deleted_document_stays_deleted(author: Client, fed: Document) -> None:
    media, body = DELETE_AS["JSON Patch"]
    author.patch(fed.query, body, Content_Type=media)
    back = author.patch(fed.query, json_patch(("replace", "/status", "current")), Content_Type=JSON_PATCH)
    assert back.status_code == 422


ARCHIVE = {"url": IS_ARCHIVED, "valueBoolean": True}


def test_td3_3d_a_document_is_archived_and_taken_out_again(member: Client, record: Record, fed: Document) -> None:
    archived = member.patch(fed.query, json_patch(("add", "/extension", [ARCHIVE])), Content_Type=JSON_PATCH)
    assert archived.status_code == 200, archived.text
    for value, total in (("true", 1), ("false", 0)):
        found = member.get(f"DocumentReference?{record.query}&isArchived={value}").json()
        assert found["total"] == total
    bracket = f"/extension[url:'{IS_ARCHIVED}']/valueBoolean"
    back = member.patch(fed.query, json_patch(("replace", bracket, False)), Content_Type=JSON_PATCH)
    assert back.status_code == 200, back.text
    assert member.get(f"DocumentReference?{record.query}&isArchived=false").json()["total"] == 1


@pytest.mark.parametrize(
    ("operation", "element"),
    [
        (("replace", "/description", "autre"), "description"),
        (("replace", "/date", "2020-01-01T00:00:00Z"), "date"),
        (("remove", "/subject", None), "subject"),
        (("replace", "/content/0/attachment/title", "x"), "content"),
        (("add", "/extension", [{"url": "urn:x", "valueString": "x"}]), "extension"),
        (("add", "/relatesTo", [{"code": "appends", "target": {"display": "x"}}]), "relatesTo"),
        (("add", "/meta/tag", [{"code": "x"}]), "meta"),
    ],
)
def test_td3_3_any_other_element_is_not_changed(
    author: Client, fed: Document, operation: tuple[str, str, Any], element: str
) -> None:
    refused = author.patch(fed.query, json_patch(operation), Content_Type=JSON_PATCH)
    assert refused.status_code == 405, refused.text
    assert refused.headers["Allow"] == "GET, HEAD, PATCH"
    assert refused.json()["issue"][0]["expression"] == [f"DocumentReference.{element}"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/securityLabel", "MASQUE_PS"),
        ("/securityLabel", ["MASQUE_PS"]),
        ("/securityLabel", [{"coding": "MASQUE_PS"}]),
        ("/securityLabel", [{"coding": ["MASQUE_PS"]}]),
        ("/securityLabel", [{"coding": [{"code": ["MASQUE_PS"]}]}]),
        ("/securityLabel/0/coding/0/code", {"value": "MASQUE_PS"}),
        ("/extension", ["archived"]),
        ("/extension", [{"url": IS_ARCHIVED, "valueBoolean": "true"}]),
        ("/meta", "x"),
        ("/status", ["current"]),
        ("", []),
    ],
)
def test_td3_3_what_is_no_document_any_more_is_refused(author: Client, fed: Document, path: str, value: object) -> None:
    refused = author.patch(fed.query, json_patch(("add", path, value)), Content_Type=JSON_PATCH)
    assert refused.status_code in (400, 405, 422), refused.text
    assert author.get(fed.path).json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize("persona", ["operator", "hospital", "prescriber"])
def test_td3_3_put_and_delete_are_not_offered_whoever_asks(
    as_role: Callable[[str], Client], author: Client, fed: Document, record: Record, persona: str
) -> None:
    client = as_role(persona)
    if persona == "prescriber":
        join(client, record, "10000421353")
    operator = as_role("operator")
    for kind in ("DocumentReference", "Binary", "List"):
        path = f"{kind}/{fed.ids[kind]}"
        resource = operator.get(path, Accept="application/fhir+json").json()
        if kind != "Binary":
            resource["language"] = "fr"
        else:
            resource["contentType"] = "text/plain"
        assert client.put(path, resource).status_code == 405, kind
        # nor is another body looked for that would do
        assert client.put(path, {"resourceType": kind, "id": fed.ids[kind]}).status_code == 405, kind
        assert client.put(path, {"resourceType": kind}).status_code == 405, kind
        assert client.delete(path).status_code == 405, kind
    assert author.get(fed.path).json()["meta"]["versionId"] == "1"


def test_td3_3_what_an_operator_stores_by_himself_is_plain_fhir(
    as_role: Callable[[str], Client], fed: Document
) -> None:
    operator = as_role("operator")
    master = {"use": "usual", "system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{uuid.uuid4().int}"}
    plain = {**operator.get(fed.path).json(), "masterIdentifier": master}
    for name in ("id", "meta"):
        plain.pop(name)
    created = operator.post("DocumentReference", plain)
    assert created.status_code == 201, created.text
    path = f"DocumentReference/{created.json()['id']}"
    changed = {**created.json(), "description": "autre"}
    assert operator.put(path, changed).status_code == 200
    assert operator.delete(path).status_code == 204


@pytest.mark.parametrize("status", ["superseded", "current", "draft"])
def test_td3_3_a_patch_alone_neither_supersedes_nor_brings_back(  # noqa: PLR0913, PLR0917 - fixtures
    author: Client, hospital: Client, record: Record, submit: Submit, fed: Document, status: str
) -> None:
    if status == "current":
        bundle = submit(record)
        part(bundle, "DocumentReference")["relatesTo"] = [{"code": "replaces", "target": {"reference": fed.path}}]
        bundle["entry"].append(_supersede(fed.path))
        assert hospital.post("", bundle).status_code == 200
    refused = author.patch(fed.query, json_patch(("replace", "/status", status)), Content_Type=JSON_PATCH)
    assert refused.status_code == 422, refused.text


def _supersede(path: str) -> dict[str, Any]:
    operation = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    resource = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}
    return {"fullUrl": "urn:uuid:5d2b5c7e-8c4a-4d5e-9f20-2c8f0a3d9b11", "resource": resource,
            "request": {"method": "PATCH", "url": path}}  # fmt: skip


def test_td3_3_a_stranger_is_told_that_there_is_no_such_document(server: Server, fed: Document) -> None:
    stranger = Client(server, server.token("doctor", rpps=people.rpps("1000076999")))
    for path in (fed.path, fed.query):
        refused = stranger.patch(path, json_patch(("replace", "/status", "current")), Content_Type=JSON_PATCH)
        assert refused.status_code == 404


def test_td3_3_a_token_that_only_reads_is_told_so_and_not_to_patch(
    server: Server, record: Record, fed: Document
) -> None:
    ins = {"system": people.INS_TEST, "value": record.ins}
    reader = Client(server, server.token("patient", ins=ins, scope="patient/*.rs"))
    refused = reader.patch(fed.path, json_patch(("replace", "/description", "x")), Content_Type=JSON_PATCH)
    assert refused.status_code == 403
    assert "DocumentReference.u" in refused.text
    for method in ("PUT", "DELETE"):
        fixed = reader.send(method, fed.path, reader.get(fed.path).json() if method == "PUT" else None)
        assert fixed.status_code == 405
        assert method in fixed.json()["issue"][0]["diagnostics"]


def test_td3_3_a_blocked_author_changes_nothing(patient: Client, author: Client, record: Record, fed: Document) -> None:
    act(patient, record, "block", who=professional(people.DOCTOR_RPPS))
    media, body = DELETE_AS["JSON Patch"]
    assert author.patch(fed.query, body, Content_Type=media).status_code == 404


def test_td3_3_labels_may_be_changed_in_a_transaction_too(patient: Client, member: Client, fed: Document) -> None:
    operation = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.securityLabel[0]"},
        {"name": "value", "valueCodeableConcept": label("MASQUE_PS")[0]},
    ]
    resource = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}
    for kind in ("transaction", "batch"):
        entry = {"resource": resource, "request": {"method": "PATCH", "url": fed.path}}
        answer = patient.post("", {"resourceType": "Bundle", "type": kind, "entry": [entry]})
        assert answer.status_code == 200, answer.text
        assert answer.json()["entry"][0]["response"]["status"].startswith("200")
    assert member.get(fed.path).status_code == 404

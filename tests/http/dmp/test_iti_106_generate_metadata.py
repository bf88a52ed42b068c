"""ITI-106 (generate metadata): a document that describes itself is submitted under metadata made from it."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from fhirserver.demo import people
from tests.http.conftest import Client, issue
from tests.http.dmp.conftest import Record, sha1
from tests.unit.dmp.cda import cda


def of_binary(content: bytes, media: str = "text/xml") -> dict[str, Any]:
    binary = {"resourceType": "Binary", "contentType": media, "data": base64.b64encode(content).decode()}
    return {"resourceType": "Parameters", "parameter": [{"name": "document", "resource": binary}]}


def a_number() -> str:
    return f"2.25.{uuid.uuid4().int}"


def test_iti_106_a_cda_becomes_a_document_of_its_patient(hospital: Client, record: Record) -> None:
    number = a_number()
    content = cda(root=number, ins=record.ins)
    answer = hospital.post("DocumentReference/$generate-metadata", of_binary(content))
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["parameter"]
    document = hospital.get(told["valueReference"]["reference"]).json()
    assert document["masterIdentifier"]["value"] == f"urn:oid:{number}"
    assert document["subject"]["reference"] == record.reference
    assert document["type"]["coding"][0]["code"] == "11488-4"
    assert document["category"][0]["coding"][0]["code"] == "10"
    assert document["context"]["period"]["start"] == "2026-03-02T08:30:00+01:00"
    assert document["contained"][0]["practitioner"]["identifier"]["value"] == "810000693076"
    attachment = document["content"][0]["attachment"]
    assert (attachment["size"], attachment["hash"]) == (len(content), sha1(content))
    assert hospital.get(attachment["url"], Accept="text/xml").content == content


def test_iti_106_a_cda_that_replaces_another_supersedes_it(hospital: Client, record: Record) -> None:
    first, second = a_number(), a_number()
    old = hospital.post("DocumentReference/$generate-metadata", of_binary(cda(root=first, ins=record.ins)))
    related = (
        f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{first}"/></parentDocument></relatedDocument>'
    )
    new = cda(root=second, ins=record.ins, related=related)
    answer = hospital.post("DocumentReference/$generate-metadata", of_binary(new))
    assert answer.status_code == 200, answer.text
    reference = old.json()["parameter"][0]["valueReference"]["reference"]
    assert hospital.get(reference).json()["status"] == "superseded"


def test_iti_106_a_fhir_document_is_kept_as_the_bundle_that_it_is(
    hospital: Client, doctor: Client, record: Record
) -> None:
    urls = [f"urn:uuid:{uuid.uuid4()}" for _ in range(3)]
    bundle = {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{a_number()}"},
        "type": "document",
        "timestamp": "2026-03-02T09:15:00+01:00",
        "entry": [
            {
                "fullUrl": urls[0],
                "resource": {
                    "resourceType": "Composition",
                    "status": "final",
                    "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5"}]},
                    "subject": {"reference": urls[1]},
                    "date": "2026-03-02T09:15:00+01:00",
                    "author": [{"reference": urls[2]}],
                    "title": "Synthèse médicale",
                },
            },
            {
                "fullUrl": urls[1],
                "resource": {
                    "resourceType": "Patient",
                    "identifier": [{"system": people.INS_TEST, "value": record.ins}],
                },
            },
            {
                "fullUrl": urls[2],
                "resource": {
                    "resourceType": "Practitioner",
                    "identifier": [{"system": people.NATIONAL_PROFESSIONAL_ID, "value": f"8{people.DOCTOR_RPPS}"}],
                },
            },
        ],
    }
    given = {"resourceType": "Parameters", "parameter": [{"name": "document", "resource": bundle}]}
    answer = hospital.post("DocumentReference/$generate-metadata", given)
    assert answer.status_code == 200, answer.text
    # its author reads it
    document = doctor.get(answer.json()["parameter"][0]["valueReference"]["reference"]).json()
    assert document["category"][0]["coding"][0]["code"] == "11"
    url = document["content"][0]["attachment"]["url"]
    assert url.startswith("Bundle/")
    read = doctor.get(url, Accept="application/fhir+json").json()
    assert (read["type"], read["identifier"]) == ("document", bundle["identifier"])


def test_iti_106_what_does_not_describe_itself_is_refused(hospital: Client, record: Record) -> None:
    path = "DocumentReference/$generate-metadata"
    assert issue(hospital.post(path, of_binary(b"%PDF-1.4", "application/pdf")))["severity"] == "error"
    assert hospital.post(path, of_binary(b"%PDF-1.4", "application/pdf")).status_code == 422
    assert hospital.post(path, of_binary(b"<!DOCTYPE x><x/>")).status_code == 400
    assert hospital.post(path, {"resourceType": "Parameters"}).status_code == 400
    stranger = cda(root=a_number(), ins=people.ins("2840588321999"))
    assert hospital.post(path, of_binary(stranger)).status_code == 400
    assert hospital.post(path, of_binary(cda(root=a_number(), ins=record.ins, family="AUTRE"))).status_code == 400

"""What strangers send instead of documents: it is refused with a clear answer, soon, and leaves nothing behind."""

from __future__ import annotations

import base64
import copy
import io
import threading
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import requests

from fhirserver.demo import people
from tests.http.conftest import Client, Server, issue
from tests.http.dmp.conftest import PDF, Record, build_submission, faults, ids, part, put_content, sha1
from tests.http.dmp.test_td2_1_replacement import replacing
from tests.unit.dmp.cda import SECTIONS, cda, enclosed
from tests.unit.dmp.test_cda_reading import xdm

Submit = Callable[..., dict[str, Any]]
NOS = "https://mos.esante.gouv.fr/NOS"


def count(client: Client, record: Record, more: str = "") -> int:
    total: int = client.get(f"DocumentReference?{record.query}{more}&_summary=count").json()["total"]
    return total


def with_archive(bundle: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Put an archive in place of the PDF of a submission."""
    put_content(bundle, data, "application/zip")
    document = part(bundle, "DocumentReference")
    document["content"][0]["format"] = {
        "system": f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode",
        "code": "urn:ihe:pcc:ips:2020",
        "display": "IHE International Patient Summary (IPS)",
    }
    document["content"][0]["attachment"]["creation"] = "2026-03-02T09:15:00+01:00"
    document["context"]["period"] = {"start": "2026-03-02T08:30:00+01:00", "end": "2026-03-02T09:00:00+01:00"}
    return bundle


def header_of(bundle: dict[str, Any], record: Record) -> dict[str, str]:
    """Return what a CDA must say to go with a submission."""
    document = part(bundle, "DocumentReference")
    return {
        "root": document["masterIdentifier"]["value"].removeprefix("urn:oid:"),
        "title": document["content"][0]["attachment"]["title"],
        "ins": record.ins,
        "rpps": people.DOCTOR_RPPS,
    }


def test_an_xdm_archive_is_taken_and_read_back_as_it_was_sent(hospital: Client, record: Record, submit: Submit) -> None:
    bundle = submit(record)
    data = xdm(cda(**header_of(bundle, record)))
    answer = hospital.post("", with_archive(bundle, data))
    assert answer.status_code == 200, answer.text
    assert hospital.get(f"Binary/{ids(answer)['Binary']}", Accept="application/zip").content == data


def test_an_xdm_archive_of_another_patient_is_refused(hospital: Client, record: Record, submit: Submit) -> None:
    bundle = submit(record)
    data = xdm(cda(**(header_of(bundle, record) | {"ins": "284058832102532"})))
    refused = hospital.post("", with_archive(bundle, data))
    assert refused.status_code == 400
    assert "Bundle.entry[1].resource.subject" in faults(refused)


def _bomb() -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("IHE_XDM/SUBSET01/METADATA.XML", bytes(100_000_000))
    return output.getvalue()


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    b'<ClinicalDocument xmlns="urn:hl7-org:v3">&c;</ClinicalDocument>'
)
FILE = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
    b'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>&b;</title></ClinicalDocument>'
)
DEEP = b'<ClinicalDocument xmlns="urn:hl7-org:v3">' + b"<a>" * 100_000


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (_bomb(), "application/zip"),
        (xdm(cda(), members={"BOMB": bytes(4 * 1024 * 1024)}), "application/zip"),
        (b"PK\x03\x04", "application/zip"),
        (ENTITIES, "text/xml"),
        (FILE, "text/xml"),
        (DEEP, "text/xml"),
        (b"\x7fELF\x02\x01\x01" + bytes(100), "application/pdf"),
        (b"#!/bin/sh\nrm -rf /", "application/pdf"),
        (b"MZ" + bytes(100), "text/plain"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "application/pdf"),
    ],
    ids=["bomb", "bomb inside", "cut off", "entities", "file", "deep", "ELF", "script", "Windows program", "picture"],
)
def test_a_content_that_harms_or_lies_is_refused(
    hospital: Client, record: Record, submit: Submit, content: bytes, media: str
) -> None:
    bundle = submit(record)
    put_content(bundle, content, media)
    refused = hospital.post("", bundle)
    assert refused.status_code == 400
    assert {"Bundle.entry[2].resource.data", "Bundle.entry[1].resource.content[0].attachment.contentType"} & set(
        faults(refused)
    )
    assert "root:" not in refused.text
    assert count(hospital, record) == 0


_ELSEWHERE = (
    '<component><nonXMLBody><text mediaType="application/pdf"> <reference value="http://example.org/x.pdf"/> </text>'
    "</nonXMLBody></component>"
)
_SECOND_PATIENT = (
    '<recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="170017512300159"/></patientRole>'
    "</recordTarget>"
)


@pytest.mark.parametrize(
    ("body", "related", "place"),
    [
        (enclosed(b"MZ" + bytes(100)), "", "Bundle.entry[2].resource.data"),
        (enclosed(b"\x89PNG\r\n\x1a\n" + bytes(100)), "", "Bundle.entry[2].resource.data"),
        (enclosed(PDF).replace("</text>", "*</text>").replace(">J", ">*J"), "", "Bundle.entry[2].resource.data"),
        (enclosed(b""), "", "Bundle.entry[2].resource.data"),
        (_ELSEWHERE, "", "Bundle.entry[2].resource.data"),
        (SECTIONS, _SECOND_PATIENT, "Bundle.entry[1].resource.subject"),
    ],
    ids=["program", "picture that claims to be a PDF", "junk in base64", "nothing", "elsewhere", "two patients"],
)
def test_a_cda_that_encloses_what_harms_or_lies_is_refused(  # noqa: PLR0913, PLR0917 - fixtures
    hospital: Client, record: Record, submit: Submit, body: str, related: str, place: str
) -> None:
    bundle = submit(record)
    put_content(bundle, cda(body, related, **header_of(bundle, record)), "text/xml")
    document = part(bundle, "DocumentReference")
    document["content"][0]["attachment"]["creation"] = "2026-03-02T09:15:00+01:00"
    document["context"]["period"] = {"start": "2026-03-02T08:30:00+01:00", "end": "2026-03-02T09:00:00+01:00"}
    refused = hospital.post("", bundle)
    assert refused.status_code == 400
    assert set(faults(refused)) == {place}
    assert count(hospital, record) == 0


@pytest.mark.parametrize(
    "text", ["JVBE*", "JVB", "JVBERi0=JVBE", "%PDF-1.7", "data:application/pdf;base64,JVBERi0xLjcK"]
)
def test_junk_in_base64_is_told_at_the_content(hospital: Client, record: Record, submit: Submit, text: str) -> None:
    bundle = submit(record)
    part(bundle, "Binary")["data"] = text
    refused = hospital.post("", bundle)
    assert refused.status_code == 400
    assert "Bundle.entry[2].resource.data" in faults(refused)


def test_base64_in_lines_is_taken(hospital: Client, record: Record, submit: Submit) -> None:
    bundle = submit(record)
    text = part(bundle, "Binary")["data"]
    part(bundle, "Binary")["data"] = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    assert hospital.post("", bundle).status_code == 200


def test_a_hash_of_base64_text_is_told_by_the_simplified_publish_too(
    hospital: Client, record: Record, custodian: str
) -> None:
    document = part(build_submission(record, custodian), "DocumentReference")
    text = base64.b64encode(PDF).decode()
    attachment = document["content"][0]["attachment"]
    del attachment["url"]
    attachment |= {"data": text, "size": len(PDF), "hash": sha1(text.encode())}
    refused = hospital.post("DocumentReference", document, Accept_Language="en")
    assert refused.status_code == 400
    assert "DocumentReference.content[0].attachment.hash" in faults(refused)
    assert "is that of the base64 text" in refused.text


def test_a_hundred_thousand_entries_are_refused_at_once(hospital: Client, record: Record, submit: Submit) -> None:
    bundle = submit(record)
    bundle["entry"] += [{"request": {"method": "POST", "url": "List"}}] * 100_000
    refused = hospital.post("", bundle)
    assert refused.status_code in (400, 413), refused.text
    assert len(refused.content) < 10_000
    assert count(hospital, record) == 0


@pytest.mark.parametrize("kind", ["List", "DocumentReference", "Patient", "Binary"])
def test_thousands_of_faulty_entries_of_one_kind_are_refused_in_bounded_time(
    hospital: Client, record: Record, submit: Submit, kind: str
) -> None:
    bundle = submit(record)
    names = [f"urn:uuid:{uuid.UUID(int=number)}" for number in range(2_000)]
    for number, name in enumerate(names):
        resource: dict[str, Any] = {"resourceType": kind}
        if kind == "DocumentReference":
            # a chain of relations over all of them
            resource["relatesTo"] = [{"code": "appends", "target": {"reference": names[(number + 1) % len(names)]}}]
        bundle["entry"].append({"fullUrl": name, "resource": resource, "request": {"method": "POST", "url": kind}})
    refused = hospital.post("", bundle)
    assert refused.status_code in (400, 422), refused.text[:500]
    assert count(hospital, record) == 0


def test_a_hundred_generations_are_replaced_one_after_the_other(
    hospital: Client, record: Record, submit: Submit
) -> None:
    latest = ids(hospital.post("", submit(record)))["DocumentReference"]
    for _ in range(100):
        answer = hospital.post("", replacing(submit(record), latest))
        assert answer.status_code == 200, answer.text
        latest = ids(answer)["DocumentReference"]
    assert count(hospital, record, "&status=current") == 1
    assert count(hospital, record, "&status=superseded") == 100


def test_a_circle_of_relations_over_several_submissions_cannot_come_about(
    hospital: Client, record: Record, submit: Submit
) -> None:
    first = submit(record)
    old = ids(hospital.post("", first))["DocumentReference"]
    new = ids(hospital.post("", replacing(submit(record), old)))["DocumentReference"]
    # the old one would have to be changed, or replaced once more
    back = replacing(submit(record), old)
    assert hospital.post("", back).status_code == 400
    patch = [{"op": "add", "path": "/relatesTo", "value": [{"code": "appends", "target": {"reference": new}}]}]
    assert (
        hospital.patch(f"DocumentReference/{old}", patch, Content_Type="application/json-patch+json").status_code == 405
    )


def test_of_two_clients_that_race_with_one_unique_id_exactly_one_wins(
    server: Server, record: Record, submit: Submit
) -> None:
    bundles = [submit(record) for _ in range(6)]
    for bundle in bundles[1:]:
        part(bundle, "DocumentReference")["masterIdentifier"] = part(bundles[0], "DocumentReference")[
            "masterIdentifier"
        ]
    clients = [Client(server, server.token("hospital", client_id=f"editor-{number}")) for number in range(6)]
    answers: list[requests.Response] = []
    gate = threading.Barrier(len(clients))

    def send(client: Client, bundle: dict[str, Any]) -> None:
        gate.wait(30)
        answers.append(client.post("", bundle))

    threads = [threading.Thread(target=send, args=pair) for pair in zip(clients, bundles, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5
    for refused in (answer for answer in answers if answer.status_code == 400):
        assert issue(refused)["details"]["coding"][0]["code"] == "unique-id-used"
    assert count(clients[0], record) == 1


def test_a_submission_sent_at_once_by_one_client_is_stored_once_and_answered_alike(
    server: Server, record: Record, submit: Submit
) -> None:
    bundle = submit(record)
    answers: list[requests.Response] = []
    gate = threading.Barrier(4)

    def send() -> None:
        client = Client(server, server.token("hospital"))
        gate.wait(30)
        answers.append(client.post("", copy.deepcopy(bundle)))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.text for answer in answers}) == 1
    assert count(Client(server, server.token("hospital")), record) == 1


def test_patients_that_were_merged_have_one_record(
    hospital: Client, as_role: Callable[[str], Client], record: Record, submit: Submit, custodian: str
) -> None:
    operator = as_role("operator")
    first = ids(hospital.post("", submit(record)))["DocumentReference"]
    # the identity was created twice; the second Patient survives, the first says by whom it is replaced
    twin = {key: value for key, value in record.patient.items() if key not in ("id", "meta")}
    survivor = operator.post("Patient", twin)
    assert survivor.status_code == 201, survivor.text
    other = Record(record.patient, f"Patient/{survivor.json()['id']}", record.ins)
    second = hospital.post("", build_submission(other, custodian))
    assert second.status_code == 200, second.text
    found = hospital.get(f"DocumentReference?{record.query}").json()["entry"]
    assert {entry["resource"]["id"] for entry in found} == {first, ids(second)["DocumentReference"]}
    # which of the two is meant by the INS alone is not guessed
    vague = submit(record)
    for kind in ("List", "DocumentReference"):
        part(vague, kind)["subject"] = {"reference": f"Patient?identifier={people.INS_TEST}|{record.ins}"}
    refused = hospital.post("", vague)
    assert refused.status_code == 400
    assert "Bundle.entry[1].resource.subject" in faults(refused)

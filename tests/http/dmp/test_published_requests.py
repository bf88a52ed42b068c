"""The example requests of PDSm 3.1.1 and PDSm4DMP 0.1.0: refused for their faults, taken once these are mended.

What is wrong with each is listed by hand, with the reason; a fault that is not listed fails the test as well.
"""

from __future__ import annotations

import base64
import json
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhirserver.demo import people
from tests.http.conftest import Client
from tests.http.dmp.conftest import PDF, Record, build_submission, faults, ids, part, sha1
from tests.http.dmp.test_td2_1_replacement import SUPERSEDE
from tests.unit.dmp.cda import cda

PDSM = "ans.fhir.fr.pdsm-3.1.1.tgz"
DMP = "ans.fhir.fr.pdsm4dmp-0.1.0.tgz"
SUBMISSION = (DMP, "Bundle-example-td2-iti65-lot-soumission")
REPLACEMENT = (DMP, "Bundle-example-td2-1-remplacement")
PUBLICATION = (DMP, "DocumentReference-example-td2-iti105-publication-simplifiee")
PUBLICATION_OF_PDSM = (PDSM, "DocumentReference-PDSmSimplifiedExample")

_OF_BOTH_BUNDLES = {
    "Bundle.entry[0].resource.subject": "INS 123456789012345: its key does not fit",
    "Bundle.entry[1].resource.subject": "the same",
    "Bundle.entry[0].resource.contained[0].identifier": "the same",
    "Bundle.entry[1].resource.contained[0].identifier": "the same",
    "Bundle.entry[0].resource.source": "a Practitioner, where the profile wants PractitionerRole, Device or Patient",
    "Bundle.entry[1].resource.masterIdentifier": "use is missing",
    "Bundle.entry[1].resource": "custodian is missing",
}
FAULTY: dict[tuple[str, str], dict[str, str]] = {
    SUBMISSION: {**_OF_BOTH_BUNDLES, "Bundle.entry[2].resource.data": "a CDA without any header"},
    REPLACEMENT: {
        **_OF_BOTH_BUNDLES,
        "Bundle.entry[3].resource.data": "a CDA without any header",
        "Bundle.entry[1].resource.relatesTo[0].target": "the document that it replaces is not here",
        "Bundle.entry[2].request.url": "the same",
    },
    PUBLICATION: {
        "DocumentReference.subject": "INS 123456789012345: its key does not fit",
        "DocumentReference.content[0].attachment.data": "a CDA without any header",
        "DocumentReference": "custodian is missing",
    },
    PUBLICATION_OF_PDSM: {
        "DocumentReference.masterIdentifier.value": "urn:uuid:abcd-efgh-ijkl-mnop is no UUID",
        "DocumentReference.subject": "the patient is not here",
        "DocumentReference.content[0].attachment.hash": "not that of the content",
        "DocumentReference.content[0].attachment.size": "250000 for 11 bytes",
        "DocumentReference.content[0].attachment.contentType": "the content is a text of 11 letters, no PDF",
    },
}

_OF_EVERY_DOCUMENT = {
    "subject": "INS 123456789012345: its key does not fit; or no value at all",
    "contained[0].identifier": "the same INS",
    "masterIdentifier": "use is missing",
    "": "custodian is missing",
}
FAULTY_DOCUMENTS: dict[tuple[str, str], dict[str, str]] = {
    (DMP, "DocumentReference-example-td3-1a-cr-consultation"): _OF_EVERY_DOCUMENT,
    (DMP, "DocumentReference-example-td3-1a-ordonnance"): {
        **_OF_EVERY_DOCUMENT,
        "category[0].coding[0]": "class 03 is not in TRE_A03",
    },
    (DMP, "DocumentReference-example-td3-1a-fhir-document"): _OF_EVERY_DOCUMENT,
    (DMP, "DocumentReference-example-annexe-docref-cda"): _OF_EVERY_DOCUMENT,
    (DMP, "DocumentReference-example-annexe-docref-fhir"): _OF_EVERY_DOCUMENT,
    (DMP, "DocumentReference-doc-x-id"): {**_OF_EVERY_DOCUMENT, "status": "superseded: it is the replaced one"},
    (PDSM, "DocumentReference-exemple-pdsm-documentreference"): {
        "subject": "the patient is not here",
        "context.sourcePatientInfo": "has to be contained",
        "author[0]": "has to be contained",
        "authenticator": "has to be contained",
        "contained[0]": "nothing refers to it",
        "contained[0].meta": "has lastUpdated, which no contained resource may",
        "content[0].format": "a CDA of biology that is a PDF",
    },
}
"""The documents that the guides show as answers and in annexes, submitted: what stops each but its content."""


def example(shared: Path, name: tuple[str, str]) -> dict[str, Any]:
    """Read a published request."""
    with tarfile.open(shared / "packages" / name[0]) as archive:
        file = archive.extractfile(f"package/example/{name[1]}.json")
        assert file is not None
        read: dict[str, Any] = json.load(file)
        return read


def send(client: Client, request: dict[str, Any]) -> Any:
    return client.post("" if request["resourceType"] == "Bundle" else "DocumentReference", request)


@pytest.mark.parametrize("name", FAULTY, ids=lambda name: str(name[1]))
def test_a_published_request_is_refused_for_the_listed_faults_and_no_other(
    shared: Path, hospital: Client, name: tuple[str, str]
) -> None:
    answer = send(hospital, example(shared, name))
    assert answer.status_code == 400
    assert set(faults(answer)) == set(FAULTY[name])


def test_the_published_submission_is_taken_once_mended(
    shared: Path, hospital: Client, record: Record, custodian: str
) -> None:
    bundle = mended(example(shared, SUBMISSION), record, custodian)
    answer = send(hospital, bundle)
    assert answer.status_code == 200, answer.text
    stored = hospital.get(f"DocumentReference/{ids(answer)['DocumentReference']}").json()
    assert stored["masterIdentifier"]["value"] == "urn:oid:1.2.250.1.213.1.4.8.99999.2"


def test_the_published_replacement_is_taken_once_mended(
    shared: Path, hospital: Client, record: Record, custodian: str, submit: Callable[..., dict[str, Any]]
) -> None:
    old = ids(hospital.post("", submit(record)))["DocumentReference"]
    bundle = mended(example(shared, REPLACEMENT), record, custodian)
    assert part(bundle, "Parameters")["parameter"] == SUPERSEDE["parameter"]
    bundle = json.loads(json.dumps(bundle).replace("DocumentReference/doc-x-id", f"DocumentReference/{old}"))
    answer = send(hospital, bundle)
    assert answer.status_code == 200, answer.text
    assert hospital.get(f"DocumentReference/{old}").json()["status"] == "superseded"


def test_the_published_simplified_publish_is_taken_once_mended(
    shared: Path, hospital: Client, record: Record, custodian: str
) -> None:
    document = example(shared, PUBLICATION)
    document["subject"] = {"reference": f"Patient?identifier={people.INS_TEST}|{record.ins}"}
    document["custodian"] = {"reference": custodian}
    content = cda(root="1.2.250.1.213.1.4.8.99999.1", ins=record.ins, rpps="99700218896")
    document["content"][0]["attachment"]["data"] = base64.b64encode(content).decode()
    answer = send(hospital, document)
    assert answer.status_code == 201, answer.text
    attachment = answer.json()["content"][0]["attachment"]
    assert (attachment["size"], attachment["hash"]) == (len(content), sha1(content))


def test_pdsms_simplified_publish_is_taken_once_mended(
    shared: Path, hospital: Client, record: Record, custodian: str
) -> None:
    document = example(shared, PUBLICATION_OF_PDSM)
    document["masterIdentifier"]["value"] = "urn:uuid:6f1c0a52-5b0d-4c2e-9c57-1d8f0d6b2f11"
    document["subject"] = {"reference": record.reference}
    document["custodian"] = {"reference": custodian}
    attachment = document["content"][0]["attachment"]
    attachment |= {"data": base64.b64encode(PDF).decode(), "size": len(PDF), "hash": sha1(PDF)}
    answer = send(hospital, document)
    assert answer.status_code == 201, answer.text


def mended(bundle: dict[str, Any], record: Record, custodian: str) -> dict[str, Any]:
    """Mend what is wrong with both published Bundles."""
    text = json.dumps(bundle).replace("urn:oid:1.2.250.1.213.1.4.8|123456789012345", f"{people.INS_TEST}|{record.ins}")
    bundle = json.loads(text)
    document, submission_set, binary = (part(bundle, kind) for kind in ("DocumentReference", "List", "Binary"))
    for resource in (document, submission_set):
        resource["contained"][0]["identifier"] = [{"system": people.INS_TEST, "value": record.ins}]
    author = submission_set["contained"][1]
    submission_set["contained"][1] = {
        "resourceType": "PractitionerRole",
        "id": author["id"],
        "practitioner": {"identifier": author["identifier"][0]},
    }
    document["masterIdentifier"]["use"] = "usual"
    document["custodian"] = {"reference": custodian}
    number = document["masterIdentifier"]["value"].removeprefix("urn:oid:")
    attachment = document["content"][0]["attachment"]
    title = attachment["title"]
    content = cda(root=number, title=title, day="20260612", ins=record.ins, rpps="99700218896")
    binary["data"] = base64.b64encode(content).decode()
    attachment |= {"size": len(content), "hash": sha1(content)}
    return bundle


def around(document: dict[str, Any], record: Record, custodian: str) -> dict[str, Any]:
    """Return a submission of a published document; its content is a PDF, since none was published."""
    bundle = build_submission(record, custodian)
    bundle["entry"][1]["resource"] = document
    attachment = document["content"][0]["attachment"]
    content = base64.b64decode(part(bundle, "Binary")["data"])
    attachment |= {
        "url": bundle["entry"][2]["fullUrl"],
        "contentType": "application/pdf",
        "size": len(content),
        "hash": sha1(content),
    }
    return bundle


@pytest.mark.parametrize("name", FAULTY_DOCUMENTS, ids=lambda name: str(name[1]))
def test_a_published_document_is_refused_for_the_listed_faults_and_no_other(
    shared: Path, hospital: Client, record: Record, custodian: str, name: tuple[str, str]
) -> None:
    answer = hospital.post("", around(example(shared, name), record, custodian))
    assert answer.status_code == 400
    expected = {f"Bundle.entry[1].resource.{element}".rstrip(".") for element in FAULTY_DOCUMENTS[name]}
    assert set(faults(answer)) == expected


@pytest.mark.parametrize("name", FAULTY_DOCUMENTS, ids=lambda name: str(name[1]))
def test_a_published_document_is_taken_once_mended(
    shared: Path, hospital: Client, record: Record, custodian: str, name: tuple[str, str]
) -> None:
    document = example(shared, name)
    bundle = around(document, record, custodian)
    ours = part(build_submission(record, custodian), "DocumentReference")
    document |= {"subject": {"reference": record.reference}, "custodian": {"reference": custodian}, "status": "current"}
    document["masterIdentifier"] |= {"use": "usual", "value": f"urn:uuid:{uuid.uuid4()}"}
    document["content"][0]["format"] = ours["content"][0]["format"]
    document["category"] = ours["category"] if "ordonnance" in name[1] else document["category"]
    for contained in document["contained"]:
        if contained["resourceType"] == "Patient":
            contained["identifier"] = [{"system": people.INS_TEST, "value": record.ins}]
    if name[0] == PDSM:
        document |= {element: ours[element] for element in ("contained", "author", "context")}
        del document["authenticator"]
    answer = hospital.post("", bundle)
    assert answer.status_code == 200, answer.text
    stored = hospital.get(f"DocumentReference/{ids(answer)['DocumentReference']}").json()
    assert stored["type"] == document["type"]

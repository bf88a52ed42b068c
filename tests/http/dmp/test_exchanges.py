"""Each transaction of the DMP as an editor sends it, with the server's answers: the pages of docs/exchanges."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fhirserver.demo import people
from fhirserver.dmp.names import IS_ARCHIVED, SIMPLIFIED_PUBLISH
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, build_submission, ids, join, part
from tests.http.dmp.exchanges import Page
from tests.http.dmp.test_td2_1_replacement import replacing
from tests.unit.dmp.cda import cda

PDF = b"%PDF-1.4\n% Compte rendu de consultation\n%%EOF\n"
READER = people.rpps("1000079100")
LABELS = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
JSON_PATCH = "application/json-patch+json"
HOSPITAL, AUTHOR, DOCTOR = "token of the hospital's software", "token of the author", "token of a doctor"
Pages = Callable[[str, str, str], Page]
Submit = Callable[[], dict[str, Any]]


@pytest.fixture
def page(request: pytest.FixtureRequest, record: Record) -> Iterator[Pages]:
    """Begin the page of a test; it is written, or held against the one that stands, at the test's end."""
    begun: list[Page] = []

    def begin(name: str, title: str, about: str) -> Page:
        begun.append(Page(name, title, about, record))
        return begun[0]

    yield begin
    if begun:
        begun[0].finish(write=request.config.getoption("--write-exchanges"))


@pytest.fixture
def submission(record: Record, custodian: str) -> Submit:
    return lambda: build_submission(record, custodian, PDF)


@pytest.fixture(scope="module")
def author(server: Server) -> Client:
    return Client(server, server.token("doctor", rpps=people.DOCTOR_RPPS, structure="1750000001"))


@pytest.fixture(scope="module")
def reader(server: Server) -> Client:
    """A doctor with DMP software."""
    return Client(server, server.token("doctor", rpps=READER, dmp_mode="normal"))


@pytest.fixture
def fed(hospital: Client, reader: Client, record: Record, submission: Submit) -> dict[str, str]:
    """A document in the record, and the reader in the care team."""
    answer = hospital.post("", bundle := submission())
    assert answer.status_code == 200, answer.text
    join(reader, record, READER)
    master = part(bundle, "DocumentReference")["masterIdentifier"]
    return {**ids(answer), "uniqueId": f"{master['system']}|{master['value']}"}


def test_td0_2(page: Pages, reader: Client, record: Record, hospital: Client, submission: Submit) -> None:
    told = page("TD0.2", "does the DMP exist, and may I read it", "Asked before any other transaction.")
    asked = f"Patient?identifier={people.INS_TEST}|{record.ins}&_revinclude=Consent:patient"
    told.exchange("There is no DMP", reader, DOCTOR, "GET", asked)
    hospital.post("", submission())
    told.exchange("It is active, the reader is not authorised", reader, DOCTOR, "GET", asked)
    parameters = [
        {"name": "act", "valueCode": "join"},
        {"name": "who", "valueIdentifier": {"system": people.NATIONAL_PROFESSIONAL_ID, "value": f"8{READER}"}},
        {"name": "informed", "valueBoolean": True},
    ]
    joined = {"resourceType": "Parameters", "parameter": parameters}
    told.exchange(
        "The reader joins the care team, the patient being informed",
        reader,
        DOCTOR,
        "POST",
        f"{record.reference}/$dmp",
        joined,
    )
    told.exchange("It is active, the reader is authorised", reader, DOCTOR, "GET", asked)


def test_td2(page: Pages, hospital: Client, submission: Submit) -> None:
    about = "ITI-65 under PDSm's profile. All of it is stored, or nothing."
    told = page("TD2", "feed the DMP", about)
    bundle = submission()
    fed = told.exchange("Submit a document", hospital, HOSPITAL, "POST", "", bundle)
    assert fed.status_code == 200
    again = told.exchange(
        "Submit it again, having had no answer: the first answer", hospital, HOSPITAL, "POST", "", bundle
    )
    assert again.json() == fed.json()
    wrong = submission()
    part(wrong, "DocumentReference")["content"][0]["attachment"]["size"] = 12
    del part(wrong, "DocumentReference")["masterIdentifier"]
    refused = told.exchange(
        "A submission with faults: each is named, nothing is stored", hospital, HOSPITAL, "POST", "", wrong
    )
    assert refused.status_code == 400


def test_td2_1(page: Pages, hospital: Client, author: Client, submission: Submit, fed: dict[str, str]) -> None:
    about = "The new document says `replaces`; an entry of the same Bundle supersedes the old one."
    told = page("TD2.1", "replace a document", about)
    bundle = replacing(submission(), fed["DocumentReference"])
    assert told.exchange("Replace", hospital, HOSPITAL, "POST", "", bundle).status_code == 200
    old = f"DocumentReference/{fed['DocumentReference']}"
    assert told.exchange("The old document", author, AUTHOR, "GET", old).json()["status"] == "superseded"


def test_td3_1a(page: Pages, reader: Client, record: Record, fed: dict[str, str]) -> None:
    told = page("TD3.1a", "find documents", "ITI-67. At least the patient and the status are named.")
    asked = f"DocumentReference?{record.query}&status=current&type=http://loinc.org|11488-4&_sort=-date&_count=10"
    found = told.exchange("Find the current reports of consultations", reader, DOCTOR, "GET", asked).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [fed["DocumentReference"]]
    none = f"DocumentReference?{record.query}&status=current&category=42"
    told.exchange("Nothing is found", reader, DOCTOR, "GET", none)


def test_td3_1b(page: Pages, reader: Client, record: Record, fed: dict[str, str]) -> None:
    told = page(
        "TD3.1b", "find a document by its uniqueId", "The technical id is `DocumentReference.id` of what is found."
    )
    asked = f"DocumentReference?{record.query}&identifier={fed['uniqueId']}"
    found = told.exchange("Ask by uniqueId", reader, DOCTOR, "GET", asked).json()
    assert found["entry"][0]["resource"]["id"] == fed["DocumentReference"]


def test_td3_2(page: Pages, reader: Client, fed: dict[str, str]) -> None:
    told = page("TD3.2", "read a document", "ITI-68: `GET` of the attachment's url; `Accept` chooses the form.")
    path = f"Binary/{fed['Binary']}"
    native = told.exchange("The document itself", reader, DOCTOR, "GET", path, Accept="application/pdf")
    assert native.content == PDF
    told.exchange("As a resource", reader, DOCTOR, "GET", path, Accept="application/fhir+json")
    entry = {"request": {"method": "GET", "url": path}}
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    told.exchange("Several at once", reader, DOCTOR, "POST", "", batch)
    told.exchange("A document that is not there, or not for the reader", reader, DOCTOR, "GET", "Binary/unknown")


def changed(*operations: tuple[str, str, Any]) -> bytes:
    """Write a JSON Patch: an operation a line."""
    told = [json.dumps({"op": op, "path": path, "value": value}) for op, path, value in operations]
    return f"[{','.join(told)}]".encode()


def label(system: str, code: str) -> list[dict[str, Any]]:
    return [{"coding": [{"system": system, "code": code}]}]


NORMAL = label("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")


@pytest.mark.parametrize(
    ("name", "title", "code", "hidden_from"),
    [
        ("TD3.3a", "hide a document from professionals, and show it", "MASQUE_PS", "professionals"),
        ("TD3.3b", "hide a document from the patient, and show it", "INVISIBLE_PATIENT", "the patient"),
    ],
)
def test_td3_3_labels(  # noqa: PLR0913, PLR0917 - what differs
    page: Pages, author: Client, fed: dict[str, str], name: str, title: str, code: str, hidden_from: str
) -> None:
    told = page(
        name, title, "A conditional PATCH of `securityLabel`; JSON Patch, XML Patch and FHIRPath Patch are read."
    )
    place = f"DocumentReference?identifier={fed['uniqueId']}"
    hide = changed(("replace", "/securityLabel", label(LABELS, code)))
    caption = f"Hide it from {hidden_from}"
    hidden = told.exchange(caption, author, AUTHOR, "PATCH", place, hide, Content_Type=JSON_PATCH)
    assert hidden.status_code == 200, hidden.text
    show = changed(("replace", "/securityLabel", NORMAL))
    shown = told.exchange("Show it again", author, AUTHOR, "PATCH", place, show, Content_Type=JSON_PATCH)
    assert shown.json()["securityLabel"] == NORMAL


def test_td3_3c(page: Pages, author: Client, reader: Client, fed: dict[str, str]) -> None:
    about = "The author's alone. The resource stays, and leaves whatever others read."
    told = page("TD3.3c", "delete a document", about)
    place = f"DocumentReference?identifier={fed['uniqueId']}"
    delete = changed(("replace", "/status", "entered-in-error"))
    refused = told.exchange("Somebody else", reader, DOCTOR, "PATCH", place, delete, Content_Type=JSON_PATCH)
    assert refused.status_code == 403
    deleted = told.exchange("Its author", author, AUTHOR, "PATCH", place, delete, Content_Type=JSON_PATCH)
    assert deleted.status_code == 200, deleted.text
    gone = told.exchange("What others read", reader, DOCTOR, "GET", f"DocumentReference/{fed['DocumentReference']}")
    assert gone.status_code == 404


def test_td3_3d(page: Pages, author: Client, fed: dict[str, str]) -> None:
    told = page("TD3.3d", "archive a document", "The extension `isArchived`; the guides' bracket path is read as well.")
    place = f"DocumentReference?identifier={fed['uniqueId']}"
    extension = {"url": IS_ARCHIVED, "valueBoolean": True}
    archive = changed(("add", "/extension", [extension]))
    done = told.exchange("Archive it", author, AUTHOR, "PATCH", place, archive, Content_Type=JSON_PATCH)
    assert done.status_code == 200, done.text
    back = changed(("replace", f"/extension[url:'{IS_ARCHIVED}']/valueBoolean", False))
    undone = told.exchange("Take it back", author, AUTHOR, "PATCH", place, back, Content_Type=JSON_PATCH)
    assert undone.json()["extension"] == [{"url": IS_ARCHIVED, "valueBoolean": False}]


def test_iti_105(page: Pages, hospital: Client, submission: Submit) -> None:
    about = "One document with its content inside. The server makes the Binary and the submission set."
    told = page("ITI-105", "simplified publish", about)
    document = part(submission(), "DocumentReference")
    document["meta"]["profile"] = [SIMPLIFIED_PUBLISH]
    attachment = document["content"][0]["attachment"]
    for element in ("url", "size", "hash"):
        del attachment[element]
    attachment["data"] = base64.b64encode(PDF).decode()
    created = told.exchange("Publish a document", hospital, HOSPITAL, "POST", "DocumentReference", document)
    assert created.status_code == 201, created.text


def test_iti_106(page: Pages, hospital: Client, record: Record) -> None:
    about = "The metadata are made from a CDA's header, and the document is submitted with them."
    told = page("ITI-106", "generate metadata", about)
    content = cda(root=f"2.25.{10**37 + uuid.uuid4().int % 10**37}", ins=record.ins)
    binary = {"resourceType": "Binary", "contentType": "text/xml", "data": base64.b64encode(content).decode()}
    asked = {"resourceType": "Parameters", "parameter": [{"name": "document", "resource": binary}]}
    path = "DocumentReference/$generate-metadata"
    answer = told.exchange("Submit a CDA", hospital, HOSPITAL, "POST", path, asked)
    made = answer.json()["parameter"][0]["valueReference"]["reference"]
    told.exchange("What was made of it", hospital, HOSPITAL, "GET", made)

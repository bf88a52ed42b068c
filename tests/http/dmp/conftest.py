"""A server under the French policy, a patient known by his INS, and submissions to send."""

from __future__ import annotations

import base64
import copy
import hashlib
import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests
from pymongo.database import Database

from fhirserver.demo import document, people
from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from fhirserver.store.profile import profiled
from tests.http.conftest import Client, Server, start, stop
from tests.http.dmp.gateway import Gateway, opened

if TYPE_CHECKING:
    from tests.http.dmp.seen import Fed

PDF = document.pdf(datetime(2026, 3, 2, 9, tzinfo=UTC))
_NUMBERS = itertools.count(1)


class Record(NamedTuple):
    """A patient's record: his Patient resource, and where it is."""

    patient: dict[str, Any]
    reference: str
    ins: str

    @property
    def query(self) -> str:
        return f"patient.identifier={people.INS_TEST}|{self.ins}"


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    """The operator's gateway of messages to patients."""
    with opened() as listening:
        yield listening


@pytest.fixture(scope="session")
def server(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory, gateway: Gateway) -> Iterator[Server]:
    """A server of its own, under the French policy."""
    folder = tmp_path_factory.mktemp("dmp-server")
    running, process = start(folder, mongod.uri, database="dmp-tests", dmp_notify_url=gateway.url)
    yield running
    stop(process)
    assert "Traceback" not in running.log.read_text(), running.log.read_text()[-3000:]


@pytest.fixture(scope="session")
def profile(mongod: LocalMongod, server: Server) -> Iterator[Database[dict[str, Any]]]:
    """The database of that server, which notes every operation."""
    store = Store(mongod.uri, "dmp-tests")
    with profiled(store.database):
        yield store.database
    store.close()


@pytest.fixture(scope="session")
def as_role(server: Server) -> Callable[[str], Client]:
    """Clients by persona."""
    made: dict[str, Client] = {}

    def client(persona: str) -> Client:
        return made.setdefault(persona, Client(server, server.token(persona)))

    return client


@pytest.fixture(scope="session")
def hospital(as_role: Callable[[str], Client]) -> Client:
    """The editor's software of a hospital."""
    return as_role("hospital")


@pytest.fixture(scope="session")
def doctor(as_role: Callable[[str], Client]) -> Client:
    return as_role("doctor")


@pytest.fixture(scope="session")
def custodian(as_role: Callable[[str], Client]) -> str:
    created = as_role("operator").post("Organization", people.hospital())
    assert created.status_code == 201, created.text
    return f"Organization/{created.json()['id']}"


@pytest.fixture(scope="module")  # what one module adds to it, no other counts
def fed(server: Server, as_role: Callable[[str], Client], custodian: str) -> Fed:
    """A record with one document for each label, and its readers."""
    from tests.http.dmp import seen  # noqa: PLC0415 - it builds upon this module

    return seen.feed(server, as_role, custodian)


@pytest.fixture
def new_record(as_role: Callable[[str], Client]) -> Callable[[], Record]:
    """Make records of patients whom no other test uses."""
    return lambda: make_record(as_role("operator"))


@pytest.fixture
def record(new_record: Callable[[], Record]) -> Record:
    return new_record()


def make_record(operator: Client, birth_date: str = "1984-05-17") -> Record:
    """Store a patient with an INS of his own."""
    number = people.ins(f"2840588{uuid.uuid4().int % 10**6:06d}")
    patient = copy.deepcopy(people.patient())
    patient["identifier"][0]["value"] = number
    patient["birthDate"] = birth_date
    created = operator.post("Patient", patient)
    assert created.status_code == 201, created.text
    return Record(patient, f"Patient/{created.json()['id']}", number)


@pytest.fixture
def submit(custodian: str) -> Callable[..., dict[str, Any]]:
    """Build submissions (ITI-65) of one PDF."""

    return lambda record, content=None: build_submission(record, custodian, content)


def build_submission(record: Record, custodian: str, content: bytes | None = None) -> dict[str, Any]:
    """Build a submission of one PDF, which is another one each time."""
    bundle = document.bundle(people.DOCTOR_RPPS, record.reference, custodian, datetime.now(UTC))
    source = part(bundle, "DocumentReference")["contained"][1]
    source["identifier"][0]["value"], source["birthDate"] = record.ins, record.patient["birthDate"]
    put_content(bundle, content or PDF + f"\n% {next(_NUMBERS)} {uuid.uuid4()}".encode())
    return bundle


def part(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the first resource of a type."""
    found: dict[str, Any] = next(
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind
    )
    return found


def put_content(bundle: dict[str, Any], content: bytes, media: str | None = None) -> None:
    """Give a submission another content, with the hash and size of it."""
    part(bundle, "Binary")["data"] = base64.b64encode(content).decode()
    attachment = part(bundle, "DocumentReference")["content"][0]["attachment"]
    attachment |= {"size": len(content), "hash": sha1(content)}
    if media is not None:
        attachment["contentType"] = part(bundle, "Binary")["contentType"] = media


def sha1(content: bytes) -> str:
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()


def faults(answer: Any) -> dict[str, str]:
    """Return the errors of an OperationOutcome: rule (or code) by expression."""
    told = answer.json()
    assert told["resourceType"] == "OperationOutcome", told
    return {
        issue.get("expression", ["?"])[0]: issue.get("details", {}).get("text", "")
        for issue in told["issue"]
        if issue["severity"] in ("error", "fatal")
    }


def ids(answer: Any) -> dict[str, str]:
    """Return what a transaction created: id by type."""
    created = [each["response"] for each in answer.json()["entry"] if each["response"]["status"].startswith("201")]
    return {each["location"].split("/")[-4]: each["location"].split("/")[-3] for each in created}


def act(client: Client, record: Record, name: str, **parameters: Any) -> requests.Response:
    """Change a record by `$dmp`; parameters as `name=(type, value)`, the type as in `valueBoolean`."""
    given = [{"name": "act", "valueCode": name}]
    given += [{"name": key, kind: value} for key, (kind, value) in parameters.items()]
    return client.post(f"{record.reference}/$dmp", {"resourceType": "Parameters", "parameter": given})


def professional(rpps: str) -> tuple[str, dict[str, str]]:
    """Return the parameter that names a professional."""
    return "valueIdentifier", {"system": people.NATIONAL_PROFESSIONAL_ID, "value": f"8{rpps}"}


def join(client: Client, record: Record, rpps: str) -> None:
    """Have a professional state that he belongs to the care team, the patient having been informed."""
    joined = act(client, record, "join", who=professional(rpps), informed=("valueBoolean", True))
    assert joined.status_code == 200, joined.text

"""A record with one document for each label, and readers of every kind, for tests of who sees what."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fhirserver.demo import document, people
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, act, join, make_record, part, professional, put_content

SYSTEM = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
NOS = "https://mos.esante.gouv.fr/NOS"
MEMBER, TREATING, BLOCKED, NURSE, PHARMACIST = (people.rpps(f"100007{number}000") for number in range(1, 6))
STRANGER = people.rpps("1000079900")
GUARDIAN = people.ins("1700175123001")

LABELS = {
    "N": None,
    "PS": "MASQUE_PS",
    "PATIENT": "INVISIBLE_PATIENT",
    "SECRET": "INVISIBLE_REPRESENTANTS_LEGAUX",
    "SOCIAL": "MASQUE_PSOCIAL",
    "THIRD": "MASQUE_PT",
    "DELETED": None,
    "RESIDENCE": None,
}
"""One document for each; RESIDENCE is a residence certificate, which doctors do not read."""

EVERYTHING = set(LABELS)
NOTHING: set[str] = set()
SEES = {
    "operator": EVERYTHING,
    "author": EVERYTHING,
    "custodian": EVERYTHING,
    "member": {"N", "PATIENT", "SECRET", "SOCIAL", "THIRD"},
    "treating": {"N", "PS", "PATIENT", "SECRET", "SOCIAL", "THIRD"},
    "emergency": {"N", "PATIENT", "SECRET", "SOCIAL", "THIRD"},
    "regulation": {"N", "PATIENT", "SECRET", "SOCIAL", "THIRD"},
    "secret": {"SECRET"},
    "nurse": {"N", "PATIENT", "SECRET", "SOCIAL", "THIRD", "RESIDENCE"},
    "pharmacist": NOTHING,
    "stranger": NOTHING,
    "blocked": NOTHING,
    "blocked in emergency": NOTHING,
    "laboratory": NOTHING,
    "patient": {"N", "PS", "SECRET", "SOCIAL", "THIRD", "RESIDENCE"},
    "representative": {"N", "PS", "SOCIAL", "RESIDENCE"},
    "no representative": NOTHING,
    "another patient": NOTHING,
}
"""Written by hand from the rules."""


@dataclass
class Fed:
    """A record with one document for each label, and the readers."""

    record: Record
    custodian: str
    documents: dict[str, str]
    contents: dict[str, str]
    lists: dict[str, str]
    unique_ids: dict[str, str]
    readers: dict[str, Client]

    def place(self, kind: str, name: str) -> str:
        """Return the id of a document, of its content, or of the set that lists it."""
        return {"DocumentReference": self.documents, "Binary": self.contents, "List": self.lists}[kind][name]

    def name(self, identity: str) -> str | None:
        return next((name for name, each in self.documents.items() if each == identity), None)


def feed(server: Server, as_role: Callable[[str], Client], custodian: str) -> Fed:
    """Make the record, its readers, and what binds them to it."""
    operator, hospital = as_role("operator"), as_role("hospital")
    record = make_record(operator, "2014-05-17")
    documents, contents, lists, unique_ids = {}, {}, {}, {}
    author = Client(server, server.token("doctor", rpps=people.DOCTOR_RPPS, structure="1750000001"))
    for name, label in LABELS.items():
        answer = hospital.post("", _submission(record, custodian, name, label))
        assert answer.status_code == 200, answer.text
        places = [entry["response"]["location"].split("/")[-4:-2] for entry in answer.json()["entry"]]
        of_kind = dict(places)
        documents[name], contents[name] = of_kind["DocumentReference"], of_kind["Binary"]
        lists[name] = of_kind["List"]
        unique_ids[name] = author.get(f"DocumentReference/{documents[name]}").json()["masterIdentifier"]["value"]
    removed = author.send(
        "PATCH",
        f"DocumentReference/{documents['DELETED']}",
        b'[{"op":"replace","path":"/status","value":"entered-in-error"}]',
        Content_Type="application/json-patch+json",
    )
    assert removed.status_code == 200, removed.text
    readers = dict(_readers(server, record, as_role))
    join(readers["member"], record, MEMBER)
    join(readers["nurse"], record, NURSE)
    join(readers["pharmacist"], record, PHARMACIST)
    join(readers["blocked"], record, BLOCKED)
    for name, parameters in (
        ("block", {"who": professional(BLOCKED)}),
        ("treat", {"who": professional(TREATING)}),
        ("represent", {"who": ("valueIdentifier", {"system": people.INS_TEST, "value": GUARDIAN})}),
    ):
        assert act(operator, record, name, **parameters).status_code == 200
    return Fed(record, custodian, documents, contents, lists, unique_ids, readers)


def _submission(record: Record, custodian: str, name: str, label: str | None) -> dict[str, Any]:
    bundle = document.bundle(people.DOCTOR_RPPS, record.reference, custodian, datetime.now(UTC))
    sent = part(bundle, "DocumentReference")
    sent["contained"][1]["identifier"][0]["value"] = record.ins
    sent["contained"][1]["birthDate"] = record.patient["birthDate"]
    if label is not None:
        sent["securityLabel"] = [{"coding": [{"system": SYSTEM, "code": label}]}]
    if name == "RESIDENCE":
        types = f"{NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
        sent["type"] = {"coding": [{"system": types, "code": "ATTEST-RESID", "display": "Attestation de résidence"}]}
        classes = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
        sent["category"] = [{"coding": [{"system": classes, "code": "52", "display": "Certificat, déclaration"}]}]
    put_content(bundle, document.pdf(datetime.now(UTC)) + f"\n% {uuid.uuid4()}".encode())
    return bundle


def _readers(server: Server, record: Record, as_role: Callable[[str], Client]) -> Iterator[tuple[str, Client]]:
    def token(persona: str, **claims: Any) -> Client:
        return Client(server, server.token(persona, **claims))

    def doctor(rpps: str, **claims: Any) -> Client:
        return token("doctor", rpps=rpps, structure="1750000019", **claims)

    own = {"system": people.INS_TEST, "value": record.ins}
    yield "operator", as_role("operator")
    yield "author", token("doctor", rpps=people.DOCTOR_RPPS, structure="1750000001")
    yield "custodian", as_role("hospital")
    yield "member", doctor(MEMBER)
    yield "treating", doctor(TREATING)
    yield "emergency", doctor(STRANGER, dmp_mode="emergency")
    yield "regulation", doctor(STRANGER, Acces_Regulation_Medicale="true")
    yield "secret", doctor(MEMBER, dmp_mode="normal", secret_connection=True)
    yield "nurse", token("nurse", rpps=NURSE)
    yield "pharmacist", token("pharmacist", rpps=PHARMACIST)
    yield "stranger", doctor(STRANGER)
    yield "blocked", doctor(BLOCKED)
    yield "blocked in emergency", doctor(BLOCKED, purpose="BTG")
    yield "laboratory", as_role("laboratory")
    yield "patient", token("patient", ins=own, scope="patient/*.cruds")
    yield "representative", token("patient", ins=own, representative=GUARDIAN, scope="patient/*.cruds")
    yield "no representative", token("patient", ins=own, representative="170017512300159")
    yield "another patient", token("patient", ins={**own, "value": people.ins("2840588999999")})

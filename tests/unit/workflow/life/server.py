"""The whole server in this process, with a clock that can be moved; its callers by name."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import mongoengine
from flask.testing import FlaskClient

from fhirserver import app, jsontext
from fhirserver.access import issuer
from fhirserver.demo import people
from fhirserver.prescription.lines import PARIS
from fhirserver.settings import Settings
from fhirserver.store import Store
from fhirserver.workflow import context
from fhirserver.workflow.acts import expiring, issuing
from fhirserver.workflow.after.handlers import handlers

Json = dict[str, Any]
_CALLERS: dict[str, dict[str, Any]] = {
    "prescriber": {"persona": "prescriber"},
    "doctor": {"persona": "doctor"},
    "operator": {"persona": "operator"},
    "laboratory": {"persona": "laboratory"},
    "nurse": {"persona": "nurse"},
    "pharmacy-a": {"persona": "pharmacist", "rpps": people.rpps("1000000001"), "structure": "1750000101"},
    "pharmacy-b": {"persona": "pharmacist", "rpps": people.rpps("1000000002"), "structure": "1750000102"},
}
BASE = "http://localhost/fhir"
_MEDIA = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
_TABLET = {"unit": "comprimé"}
_DAILY = {
    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
    "doseAndRate": [{"doseQuantity": {"value": 1, **_TABLET}}],
}


class Clock(datetime):
    """What the workflow takes for `datetime`: its present stands still until it is moved."""

    present: datetime

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a plain moment
        return cls.present.astimezone(tz)


class InProcess:
    """The application, called without a socket."""

    def __init__(self, mongodb_uri: str, database: str, state: Path) -> None:
        settings = Settings(mongodb_uri=mongodb_uri, database=database, state=state, profile_policy="base")
        self._store = Store(mongodb_uri, database)
        self._store.prepare(app.indexes())
        self._client: FlaskClient = app.create_app(settings).test_client()
        self._services = app.services(settings, self._store)
        self._workflow = context.workflow(settings)
        self.answered: Counter[tuple[str, int]] = Counter()
        self._tokens = {}
        for name, claims in _CALLERS.items():
            given = dict(claims)
            self._tokens[name] = issuer.mint(state, settings.token_audience, given.pop("persona"), **given)

    def close(self) -> None:
        self._store.close()
        mongoengine.disconnect_all()

    def send(self, caller: str, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Send a request; return status and body."""
        answer = self._client.open(
            f"/fhir/{path}".rstrip("/"),
            method=method,
            data=None if body is None else jsontext.write(body),
            headers={"Authorization": f"Bearer {self._tokens[caller]}", **_MEDIA},
        )
        assert answer.status_code < 500, answer.get_data(as_text=True)
        return answer.status_code, jsontext.read(answer.get_data())

    def operate(self, caller: str, path: str, **given: Any) -> tuple[int, Json]:
        """Invoke an operation with parameters: texts, and resources; note how it was answered."""
        listed = [
            {"name": name, "resource" if isinstance(value, dict) else "valueString": value}
            for name, value in given.items()
            if value is not None
        ]
        status, answer = self.send(caller, "POST", path, {"resourceType": "Parameters", "parameter": listed})
        self.answered[path.rpartition("/")[2], status] += 1
        return status, answer

    def stored(self, references: Iterable[str]) -> dict[str, Json]:
        """Return resources as they are stored, by reference."""
        found = self._store.read_many([tuple(each.split("/")) for each in references])
        return {f"{kind}/{identity}": jsontext.read(each.body) for (kind, identity), each in found.items()}

    def expire(self, task: str) -> None:
        """Do what the outbox does on the day after a Task's last."""
        expiring.expire(self._workflow, self._services, task, BASE)

    def look(self) -> bool:
        """Do what the outbox does next of expiry, whenever it is due; tell whether anything waited."""
        lease = self._store.outbox.take([issuing.EXPIRE], now=Clock.present + timedelta(days=3650))
        if lease is not None:
            handlers(self._workflow)[issuing.EXPIRE](self._services, lease)
        return lease is not None


def push(kinds: list[str], drafted: datetime, until: date | None) -> Json:
    """Return the push of a prescription: lines `single` (30 tablets), `renewed` (three times 28 days), `act`."""
    patient, doctor = people.patient(), people.practitioner(people.PRESCRIBER_RPPS, "LEFÈVRE", "Hélène")
    urls = [f"urn:uuid:{uuid.uuid4()}" for _ in range(2)]
    entries = [
        {
            "fullUrl": url,
            "resource": each,
            "request": {
                "method": "POST",
                "url": each["resourceType"],
                "ifNoneExist": f"identifier={each['identifier'][0]['system']}|{each['identifier'][0]['value']}",
            },
        }
        for url, each in zip(urls, (patient, doctor), strict=True)
    ]
    group = {"system": "urn:oid:1.2.250.1.999.42.1", "value": f"ORD-{uuid.uuid4()}"}
    for kind in kinds:
        line = _act(group) if kind == "act" else _medicine(kind, group, until)
        line |= {
            "status": "active",
            "intent": "order",
            "subject": {"reference": urls[0]},
            "requester": {"reference": urls[1]},
            "authoredOn": drafted.isoformat(timespec="seconds"),
        }
        request = {"method": "POST", "url": line["resourceType"]}
        entries.append({"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": line, "request": request})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _medicine(kind: str, group: Json, until: date | None) -> Json:
    asked: Json = {"numberOfRepeatsAllowed": 0, "quantity": {"value": 30, **_TABLET}}
    if kind == "renewed":
        days = {"value": 28, "unit": "jour", "system": "http://unitsofmeasure.org", "code": "d"}
        asked = {"numberOfRepeatsAllowed": 2, "expectedSupplyDuration": days}
    elif until is not None:
        asked["validityPeriod"] = {"end": until.isoformat()}
    return {
        "resourceType": "MedicationRequest",
        "groupIdentifier": group,
        "medicationCodeableConcept": {"text": f"Essai {kind}"},
        "dosageInstruction": [_DAILY],
        "dispenseRequest": asked,
    }


def _act(group: Json) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "requisition": group,
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "108252007"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "58410-2"}], "text": "Numération"},
    }


def execution(line: str, identifier: str, on: datetime, count: int | None, *, confirmed: bool) -> Json:
    """Return what executes a line: so many tablets, an act's report, or a line that is not delivered."""
    given = {"identifier": [{"system": "urn:oid:1.2.250.1.999.7", "value": identifier}]}
    if line.startswith("ServiceRequest"):
        return {
            "resourceType": "DiagnosticReport",
            **given,
            "basedOn": [{"reference": line}],
            "status": "final",
            "code": {"text": "Numération"},
            "effectiveDateTime": on.isoformat(timespec="seconds"),
        }
    body: Json = {
        "resourceType": "MedicationDispense",
        **given,
        "status": "completed",
        "medicationCodeableConcept": {"text": "Essai"},
        "authorizingPrescription": [{"reference": line}],
        "whenHandedOver": on.isoformat(timespec="seconds"),
    }
    if count is None:
        body["status"] = "declined"
        body["statusReasonCodeableConcept"] = {"coding": [{"code": "patient-refusal"}]}
        return body
    body["quantity"] = {"value": count, **_TABLET}
    if confirmed:
        parts = [{"url": "rule", "valueCode": "early-delivery"}, {"url": "reason", "valueString": "départ en voyage"}]
        body["extension"] = [{"url": "urn:fhirserver:StructureDefinition:confirmed-alert", "extension": parts}]
    return body


def begun(server: InProcess, days_left: int | None) -> tuple[str, str]:
    """Return Task and number of a prescription of which a part was delivered, and which pharmacy A holds."""
    until = None if days_left is None else Clock.present.astimezone(PARIS).date() + timedelta(days=days_left)
    status, answer = server.send("prescriber", "POST", "", push(["single"], Clock.present, until))
    assert status == 200, answer
    number = answer["identifier"]["value"]
    status, task = server.operate("pharmacy-a", "$take", number=number)
    assert status == 200, task
    line = task["input"][0]["valueReference"]["reference"]
    given = execution(line, str(uuid.uuid4()), Clock.present, 10, confirmed=False)
    assert server.send("pharmacy-a", "POST", "MedicationDispense", given)[0] == 201
    return task["id"], number


def signed(task: Json) -> bool:
    """Tell whether all deliveries that a Task counts stand on a receipt."""
    parts = [entry["type"]["coding"][0]["code"] for entry in task.get("output", ())]
    last = max((place for place, part in enumerate(parts) if part == "receipt"), default=-1)
    return "dispense" not in parts[last + 1 :]

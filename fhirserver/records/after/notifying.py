"""Tells the patient, as he chose (`notify`): a Communication in his record, and a message to the operator's gateway.

Both are done from the outbox: the Communication exactly once; the message (`FHIRSERVER_DMP_NOTIFY_URL`) until the
gateway takes it with a status of 2xx, under an `Idempotency-Key` by which it knows a repetition.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import requests

from fhirserver import jsontext
from fhirserver.dmp import marks
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.records import notice as notices_as_fhir
from fhirserver.dmp.records.notice import Notice
from fhirserver.dmp.records.record import Record
from fhirserver.dmp.visibility import Part, Reader, decide
from fhirserver.interactions.outbox import Handler
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown.selecting import identities
from fhirserver.records import keeping
from fhirserver.records.after.notices import NOTIFY
from fhirserver.store import Draft, Task, Transaction
from fhirserver.store.outbox import Lease

SEND: Final = "dmp-send"
"""Kind of the outbox task that takes a notification to the operator's gateway."""
_SECONDS: Final = 10
_log: Final = logging.getLogger("fhirserver")
_FHIR: Final = "application/fhir+json"


def writing(matrix: Habilitation) -> Mapping[str, Handler]:
    """Return what writes notifications."""
    return {NOTIFY: partial(_write, matrix)}


def sending() -> Mapping[str, Handler]:
    """Return what takes them to the gateway: apart, since a gateway may be slow."""
    return {SEND: _send}


def _write(matrix: Habilitation, services: Services, lease: Lease) -> None:
    body = lease.body

    def attempt(transaction: Transaction) -> None:
        record = keeping.read(transaction, str(body["record"]))
        if body["event"] in record.notified and not transaction.exists(notices_as_fhir.KIND, body["id"]):
            told = _notice(services, transaction, matrix, record, body)
            if told is not None:
                _keep(services, transaction, record, told, secret=bool(body.get("secret")))
        services.store.outbox.complete(transaction, lease)

    services.store.transact(attempt)


def _send(services: Services, lease: Lease) -> None:
    url = services.settings.dmp_notify_url
    refusal = _refusal(url, lease.body) if url else None
    if refusal is None:
        services.store.transact(lambda transaction: services.store.outbox.complete(transaction, lease))
        return
    _log.warning("notification %s is not taken, attempt %s: %s", lease.body["id"], lease.tries, refusal)
    services.store.outbox.fail(lease, refusal)


def _refusal(url: str, body: Mapping[str, Any]) -> str | None:
    """Offer a message to the gateway; return why it was not taken, None if it was."""
    head = {"Content-Type": _FHIR, "Idempotency-Key": body["id"]}
    try:
        answer = requests.post(url, body["message"].encode(), headers=head, timeout=_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return type(error).__name__
    return None if 200 <= answer.status_code < 300 else str(answer.status_code)  # noqa: PLR2004 - taken


def _notice(
    services: Services, transaction: Transaction, matrix: Habilitation, record: Record, body: Mapping[str, Any]
) -> Notice | None:
    """Return the notification of an event; None where the patient may not know of it."""
    title = ""
    if "document" in body:
        stored = transaction.read("DocumentReference", body["document"])
        mark = None if stored is None or stored.deleted else stored.origin.get("dmp")
        if stored is None or mark is None:
            return None
        judged = marks.judged(mark, (f"ins:{record.ins}",))
        if not decide(Reader(Part.PATIENT), judged, record.standing, matrix).visible:
            return None
        title = _title(jsontext.read(stored.body))
    return Notice(
        id=body["id"],
        event=body["event"],
        what=body["what"],
        subject=_subject(services, transaction, record),
        at=datetime.now(UTC),
        who=body.get("who", ""),
        document=body.get("document"),
        title=title,
    )


def _keep(services: Services, transaction: Transaction, record: Record, told: Notice, *, secret: bool) -> None:
    language = services.settings.language
    resource = notices_as_fhir.communication(told, language)
    mark = marks.of_notice(record.key, told.event, told.document, secret=secret)
    transaction.create(
        Draft(
            resource=resource,
            id=told.id,
            index=services.indexer.extract(resource),
            origin={"who": {"client": "fhirserver"}, "why": None, "where": {}, "dmp": mark},
        )
    )
    if services.settings.dmp_notify_url:
        message = jsontext.write(notices_as_fhir.outside(told, language)).decode()
        transaction.enqueue(Task(SEND, {"id": told.id, "message": message}))


def _subject(services: Services, transaction: Transaction, record: Record) -> dict[str, Any]:
    subject: dict[str, Any] = {"identifier": {"system": record.system, "value": record.ins}}
    found = identities(services, "Patient", [("identifier", record.key)], 1, transaction)
    return {"reference": f"Patient/{found[0]}", **subject} if found else subject


def _title(document: Mapping[str, Any]) -> str:
    coding: Mapping[str, Any] = next(iter(document.get("type", {}).get("coding", ())), {})
    return str(document.get("description") or coding.get("display") or coding.get("code") or "")

from __future__ import annotations

from collections.abc import Callable

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, ExecutionTimeout, OperationFailure

from fhirserver.errors import TooLarge, Unavailable
from fhirserver.store import Draft, HistoryQuery, Store
from fhirserver.store.connection import failure_of

NOWHERE = "mongodb://127.0.0.1:1/?directConnection=true&serverSelectionTimeoutMS=50"
PATIENT = {"resourceType": "Patient"}


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (AutoReconnect("lost"), Unavailable),
        (ExecutionTimeout("slow", 50), Unavailable),
        (OperationFailure("stepped down", 189), Unavailable),
        (BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64}]}), Unavailable),
        (BulkWriteError({"writeErrors": [{"code": 10334}], "writeConcernErrors": []}), TooLarge),
        (DocumentTooLarge("17 MB"), TooLarge),
        (OperationFailure("no such command", 59), None),
        (InvalidDocument("cannot encode object"), None),
    ],
)
def test_an_error_of_the_driver_means_503_or_413_or_is_a_fault_of_ours(
    error: Exception, failure: type[Exception] | None
) -> None:
    found = failure_of(error)
    assert type(found) is failure if failure else found is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.read("Patient", "1"),
        lambda store: store.vread("Patient", "1", 1),
        lambda store: store.history(HistoryQuery("Patient")),
        lambda store: store.find({"t": "Patient"}),
        lambda store: store.create(Draft(PATIENT)),
        lambda store: store.transact(lambda tx: tx.update(Draft(PATIENT, id="1"))),
        lambda store: store.audit.record([{"who": "a"}]),
        lambda store: store.files.open("0" * 64),
        lambda store: store.files.upload([b"x" * 2_000_000]),
        lambda store: store.outbox.take(["pdf"]),
        lambda store: store.horizon(),
        lambda store: store.ping(),
        lambda store: store.prepare(),
    ],
)
def test_without_mongodb_every_request_is_503_with_the_time_to_come_back(
    ask: Callable[[Store], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhirserver.store.commits.commit.PATIENCE", 0.2)
    store = Store(NOWHERE)
    try:
        with pytest.raises(Unavailable) as caught:
            ask(store)
        assert caught.value.headers["Retry-After"]
    finally:
        store.close()

from __future__ import annotations

from collections.abc import Callable

import pytest
from bson.errors import InvalidDocument
from mongoengine.errors import OperationError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    WTimeoutError,
)

from fhirserver.errors import TooLarge, Unavailable
from fhirserver.settings import SettingError
from fhirserver.store import Draft, HistoryQuery, Store
from fhirserver.store.connection import Seldom, failure_of, options, translated

NOWHERE = "mongodb://127.0.0.1:1/?directConnection=true&serverSelectionTimeoutMS=50"
PATIENT = {"resourceType": "Patient"}


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (AutoReconnect("lost"), Unavailable),
        (ExecutionTimeout("slow", 50), Unavailable),
        (OperationFailure("stepped down", 189), Unavailable),
        (OperationFailure("cursor id not found", 43), Unavailable),
        (OperationFailure("not authorized", 13), Unavailable),
        (OperationFailure("Authentication failed.", 18), Unavailable),
        (OperationFailure("operation was interrupted", 11601), Unavailable),
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


def test_an_address_that_asks_for_reads_from_secondaries_is_refused() -> None:
    """They may not know yet what was acknowledged."""
    with pytest.raises(SettingError, match="MONGODB_URI: readPreference"):
        Store(f"{NOWHERE}&readPreference=secondaryPreferred")


def test_an_address_with_an_option_that_is_none_is_refused() -> None:
    with pytest.raises(SettingError, match="MONGODB_URI: Unknown option: foo"):
        Store(f"{NOWHERE}&foo=bar")


def test_a_refused_command_is_logged_seldom_and_without_what_it_was_about(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhirserver.store.connection._refusals", Seldom(3600))
    said = 'not authorized on fhirserver to execute command { find: "resources", filter: { k: "279035121518989" } }'
    for _ in range(3):
        failure_of(OperationFailure(said, 13, {"errmsg": said}))
    assert len(caplog.records) == 1
    assert 'execute command { find: "resources"' in caplog.text
    assert "279035121518989" not in caplog.text


def test_an_update_of_mongoengine_s_that_no_majority_confirms_means_503() -> None:
    with pytest.raises(Unavailable):
        _unconfirmed()


def test_a_connection_is_not_given_up_while_a_query_may_take_so_long() -> None:
    """Searches that are answered later may take minutes, and the index of a large collection is built for hours."""
    assert options(NOWHERE, 300)["socketTimeoutMS"] > 300_000
    assert "socketTimeoutMS" not in options(NOWHERE, None)
    assert "socketTimeoutMS" not in options(f"{NOWHERE}&socketTimeoutMS=1000")


@translated()
def _unconfirmed() -> None:
    try:
        raise WTimeoutError("waiting for replication timed out", 64)
    except OperationFailure as error:
        raise OperationError(str(error)) from None

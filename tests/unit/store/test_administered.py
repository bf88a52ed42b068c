from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from fhirserver.store import Store, administered, jobs
from fhirserver.store.administered import Client, Job
from fhirserver.store.jobs import JobGone
from fhirserver.store.local import LocalMongod
from fhirserver.store.outbox import LeaseLost


@pytest.fixture
def connected(mongod: LocalMongod, store: Store) -> Iterator[Store]:
    administered.connect(store, mongod.uri)
    yield store
    administered.disconnect()


def test_a_client_is_kept_with_its_keys_and_can_be_withdrawn(connected: Store) -> None:
    Client(id="software", name="Logiciel", scopes=["system/*.rs"], keys=[{"kty": "EC"}]).save()
    found = Client.objects.get(id="software")
    assert (found.name, found.keys, found.active) == ("Logiciel", [{"kty": "EC"}], True)
    found.active = False
    found.save()
    assert connected.database["clients"].find_one({"_id": "software"})["active"] is False


def test_who_withdraws_a_request_keeps_its_work_from_committing(connected: Store) -> None:
    connected.transact(lambda tx: jobs.accept(tx, Job(id="1", owner="software", request={"path": "Patient"})))
    assert (jobs.waiting("software"), jobs.find("1", "another"), jobs.forget("1", "another")) == (1, None, False)
    assert jobs.note("1", "half")
    assert jobs.forget("1", "software")
    assert not jobs.note("1", "more")
    with pytest.raises(JobGone):
        connected.transact(lambda tx: jobs.finish(tx, "1", result=b"{}", values={"status": 200}))


def test_of_two_workers_that_do_one_entry_one_commits(connected: Store) -> None:
    connected.transact(lambda tx: jobs.keep_entry(tx, "1", 3, {"status": 201}))
    with pytest.raises(LeaseLost):
        connected.transact(lambda tx: jobs.keep_entry(tx, "1", 3, {"status": 201}))
    assert jobs.entries(connected, "1") == {3: {"status": 201}}


def test_content_stays_while_a_job_names_it(connected: Store) -> None:
    ref = connected.transact(lambda tx: tx.put_file(b"result"))
    Job(id="1", owner="software", request={"path": "Patient"}, result=ref.hash, files=[ref.hash]).save()
    later = datetime.now(UTC) + timedelta(days=2)
    assert connected.files.collect(later) == 0
    Job.objects.get(id="1").delete()
    assert connected.files.collect(later) == 1

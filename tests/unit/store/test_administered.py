from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from fhirserver.store import Store, administered
from fhirserver.store.administered import Client, Job
from fhirserver.store.local import LocalMongod


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


def test_of_two_workers_that_start_a_job_one_does(connected: Store) -> None:
    Job(id="1", client="software", request={"method": "GET", "path": "Patient"}).save()
    first, second = Job.objects.get(id="1"), Job.objects.get(id="1")
    assert [first.move("waiting", "running"), second.move("waiting", "running")] == [True, False]


def test_content_stays_while_a_job_names_it(connected: Store) -> None:
    ref = connected.transact(lambda tx: tx.put_file(b"result"))
    Job(id="1", client="software", request={"path": "Patient"}, result=ref.hash, files=[ref.hash]).save()
    later = datetime.now(UTC) + timedelta(days=2)
    assert connected.files.collect(later) == 0
    Job.objects.get(id="1").delete()
    assert connected.files.collect(later) == 1

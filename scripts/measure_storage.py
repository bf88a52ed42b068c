"""Measure the store beside bare MongoDB operations: figures of docs/decisions/storage-layout.md.

python scripts/measure_storage.py [--documents 20000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

from fhirserver import jsontext
from fhirserver.search.indexing.indexes import INDEXES
from fhirserver.store import Draft, Store, key, new_id
from fhirserver.store.local import LocalMongod

REPEATS = 5
CALLS = 150
THREADS = 8


def prescription(number: int) -> dict[str, Any]:
    """Return a MedicationRequest of 3.5 kB; the text makes up for what a real one has in codings and dosage."""
    return {
        "resourceType": "MedicationRequest",
        "identifier": [{"system": "urn:oid:1.2.250.1.213.1", "value": f"{number:012d}"}],
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{number % 500}"},
        "authoredOn": "2026-03-01T10:00:00+01:00",
        "note": [{"text": "".join(f"{(number * 7919 + step) % 99991:05d} " for step in range(530))}],
    }


def index_values(number: int) -> dict[str, Any]:
    """Return index values in the number and shape that a MedicationRequest has."""
    keys = [f"{name}|{(number * 31 + place) % 1000}" for place, name in enumerate("abcdefghijkl")]
    return {"k": [f"identifier|{number}", *keys], "a": [f"Patient/{number % 500}"], "c": "x", "d": number}


def timed(call: Callable[[int], object]) -> float:
    """Return the fewest milliseconds of a call, on the average of a run, over several runs."""
    best = float("inf")
    for run in range(REPEATS):
        began = time.perf_counter()
        for number in range(CALLS):
            call(run * CALLS + number)
        best = min(best, (time.perf_counter() - began) / CALLS * 1000)
    return best


def timed_at_once(call: Callable[[int], object]) -> float:
    """Return calls per second from several threads, the best of several runs."""
    best = 0.0
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(REPEATS):
            began = time.perf_counter()
            list(pool.map(call, range(CALLS * THREADS)))
            best = max(best, CALLS * THREADS / (time.perf_counter() - began))
    return best


@contextmanager
def fresh(mongod: LocalMongod, name: str, *, indexed: bool = True) -> Iterator[Store]:
    """A store with an empty database."""
    store = Store(mongod.uri, name)
    store.client.drop_database(name)
    if indexed:
        store.prepare(INDEXES)
    yield store
    store.client.drop_database(name)
    store.close()


def draft(number: int, identity: str | None = None) -> Draft:
    """Return a prescription to be written."""
    origin = {"who": "software", "why": "TREAT", "at": datetime.now(UTC), "from": "10.0.0.1"}
    return Draft(prescription(number), id=identity, index=index_values(number), origin=origin)


def bare(number: int) -> dict[str, Any]:
    """Return a document of the same bytes as a bare MongoDB user would write it."""
    return {"_id": ObjectId(), "body": jsontext.write(prescription(number))}


def measure_writes(mongod: LocalMongod) -> None:
    """One insert, an update, a transaction of ten; beside the bare operations."""
    with fresh(mongod, "bare", indexed=False) as store:
        things: Collection[dict[str, Any]] = store.database["things"]
        show("bare insert, w: majority, j: true", timed(lambda n: things.insert_one(bare(n))))
        show("bare insert, 8 threads", timed_at_once(lambda n: things.insert_one(bare(n))), "/s")

        def ten(_: int) -> None:
            with store.client.start_session() as session, session.start_transaction():
                things.insert_many([bare(n) for n in range(10)], session=session)
                store.database["others"].insert_one({"_id": ObjectId()}, session=session)

        store.database.create_collection("others")
        show("bare transaction: insertMany of 10, and 1 insert", timed(ten))
    for indexed in (False, True):
        with fresh(mongod, "ours", indexed=indexed) as store:
            name = "with 6 indexes" if indexed else "without indexes"
            show(f"create {name}", timed(lambda n: store.create(draft(n))))
            show(f"create {name}, 8 threads", timed_at_once(lambda n: store.create(draft(n))), "/s")
    with fresh(mongod, "ours") as store:
        store.create(draft(0, "1"))
        show("update (find, replace, insert into history, commit)", timed(lambda n: update(store, n)))
        show("update in two writes, no transaction (not taken)", timed(lambda n: update_in_two(store, n)))
        show(
            "transaction of 10 creates",
            timed(lambda n: store.transact(lambda tx: [tx.create(draft(n)) for _ in range(10)])),
        )
        show("read by id", timed(lambda _: store.read("MedicationRequest", "1")))
        name = key("MedicationRequest", "1")
        show("find {_id} alone", timed(lambda _: store.resources.find_one({"_id": name})))
        store.resources.create_index([("t", 1), ("_id", 1)])
        show(
            "find {bucket, _id} by a second index",
            timed(lambda _: store.resources.find_one({"_id": name, "t": "MedicationRequest"}, hint="t_1__id_1")),
        )


def update(store: Store, number: int) -> None:
    """Write the next version of one resource."""
    store.transact(lambda tx: tx.update(draft(number, "1")))


def update_in_two(store: Store, number: int) -> None:
    """Write history first, then the guarded replacement: what a transaction saves us from explaining."""
    current = store.resources.find_one({"_id": key("MedicationRequest", "1")})
    assert current is not None
    store.history_collection.insert_one({**current, "_id": ObjectId()})
    replaced = {**current, "v": current["v"] + 1, "body": jsontext.write(prescription(number))}
    store.resources.replace_one({"_id": current["_id"], "v": current["v"]}, replaced)


def measure_audit(mongod: LocalMongod) -> None:
    """Records of reads from eight threads: one insert each, and shared inserts."""
    record = {
        "who": {"client": "software", "rpps": "810000000001"},
        "what": "read",
        "which": "Patient/1",
        "why": "TREAT",
    }
    with fresh(mongod, "audit") as store:
        audit = store.database["audit"]
        show("audit, one insert each, 1 thread", timed(lambda _: audit.insert_one(dict(record))))
        show("audit, shared inserts, 1 thread", timed(lambda _: store.audit.record([record])))
        show("audit, one insert each, 8 threads", timed_at_once(lambda _: audit.insert_one(dict(record))), "/s")
        show("audit, shared inserts, 8 threads", timed_at_once(lambda _: store.audit.record([record])), "/s")


def measure_sizes(mongod: LocalMongod, documents: int) -> None:
    """Bytes of a document and of its entries in each index."""
    with fresh(mongod, "sizes") as store:
        for start in range(0, documents, 1000):
            store.transact(lambda tx, s=start: [tx.create(draft(n, new_id(str(n % 500)))) for n in range(s, s + 1000)])
        store.client.admin.command("fsync")
        stats = store.database.command("collStats", "resources")
        show("JSON of a resource", len(jsontext.write(prescription(documents))), " B")
        show("document, uncompressed", stats["avgObjSize"], " B")
        show("document, on disk (snappy)", stats["storageSize"] / documents, " B")
        for name, size in stats["indexSizes"].items():
            show(f"index {name}", size / documents, " B")


def show(what: str, figure: float, unit: str = " ms") -> None:
    """Print one line of the table."""
    print(f"| {what} | {figure:,.2f}{unit} |" if unit == " ms" else f"| {what} | {figure:,.0f}{unit} |", flush=True)


def main() -> None:
    """Measure everything on a mongod of our own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalMongod(Path(folder)) as mongod:
        measure_writes(mongod)
        measure_audit(mongod)
        measure_sizes(mongod, arguments.documents)


if __name__ == "__main__":
    main()

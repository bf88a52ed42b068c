"""A process that writes, for tests that run several of them or kill one: `writer.py URI DATABASE TASK COUNT [LOG]`."""

from __future__ import annotations

import json
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fhirserver.errors import Unavailable
from fhirserver.store import Draft, Store, Transaction


def conditional_creates(store: Store, count: int) -> list[Any]:
    """Create a patient unless one with that identifier is there, many times at once."""

    def work(tx: Transaction) -> bool:
        if tx.find({"t": "Patient", "s.identifier": "a|1"}):
            return False
        tx.lock("Patient?identifier=a|1")
        tx.create(Draft({"resourceType": "Patient"}, index={"identifier": "a|1"}))
        return True

    with ThreadPoolExecutor(50) as pool:
        return list(pool.map(lambda _: store.transact(work), range(count)))


def updates(store: Store, count: int) -> list[Any]:
    """Update one patient many times at once."""

    def work(tx: Transaction) -> int:
        return tx.update(Draft({"resourceType": "Patient"}, id="1", method="PUT")).version

    with ThreadPoolExecutor(25) as pool:
        return list(pool.map(lambda _: store.transact(work), range(count)))


class Storm:
    """Writes of all kinds until killed; each line of the log states what was acknowledged."""

    def __init__(self, store: Store, log: str) -> None:
        self.store = store
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def run(self, thread: int) -> None:
        while True:
            token = f"{os.getpid()}-{thread}-{random.getrandbits(40):x}"
            try:
                acknowledged = random.choice([self.create, self.update, self.submit, self.submit_large])(token)
            except Unavailable:
                continue
            os.write(self.log, (json.dumps(acknowledged) + "\n").encode())

    def create(self, token: str) -> Any:
        created = self.store.create(Draft({"resourceType": "Basic", "token": token}))
        return [[created.id, 1, token]]

    def update(self, token: str) -> Any:
        draft = Draft({"resourceType": "Basic", "token": token}, id=f"shared-{random.randrange(4)}", method="PUT")
        updated = self.store.transact(lambda tx: tx.update(draft))
        return [[updated.id, updated.version, token]]

    def submit(self, token: str, size: int = 2000) -> Any:
        def work(tx: Transaction) -> list[Any]:
            ref = tx.put_file(token.encode() * size)
            resource = {"resourceType": "Basic", "token": token}
            shared = tx.update(Draft(resource, id=f"shared-{random.randrange(4)}", method="PUT"))
            made = [tx.create(Draft({**resource, "parts": 3}, files=(ref,), origin={"token": token})) for _ in range(3)]
            tx.audit([{"token": token}])
            return [[planned.id, planned.version, token] for planned in [shared, *made]]

        return self.store.transact(work)

    def submit_large(self, token: str) -> Any:
        return self.submit(token, 80_000)


def main() -> None:
    uri, database, task, count, *log = sys.argv[1:]
    store = Store(uri, database)
    if task == "storm":
        storm = Storm(store, log[0])
        with ThreadPoolExecutor(int(count)) as pool:
            list(pool.map(storm.run, range(int(count))))
    results = {"conditional_creates": conditional_creates, "updates": updates}[task](store, int(count))
    store.close()
    print(json.dumps(results))  # noqa: T201 - the answer to the test


if __name__ == "__main__":
    main()

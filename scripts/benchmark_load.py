"""Measure `fhirserver load`, with validation and without, beside a bare insertMany of the same documents and indexes.

The load has two processes for each core, as it has by itself, the bare insert a thread; both store 500 in a commit.
What a load of the first thousand takes is taken off: the start of the processes, and the profiles that each compiles
once. Processor time (of the loading processes and of mongod) is told beside the time on the clock, since other work
on the machine lengthens the latter.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import orjson
from generate_resources import Generator

from fhirserver import app
from fhirserver.interactions.loading import BATCH
from fhirserver.store import Store
from fhirserver.store.connection import DURABLE

SIZE: Final = 20_000
_FIRST: Final = 1_000
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """Seconds on the clock, of the loading processes, and of mongod."""

    clock: float
    loader: float
    mongod: float

    @classmethod
    def now(cls, mongod: int) -> Self:
        """Return what was spent up to now; `mongod` is its process id."""
        times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        fields = Path(f"/proc/{mongod}/stat").read_text().rsplit(")", 1)[1].split()
        user, system = int(fields[11]), int(fields[12])
        return cls(time.perf_counter(), sum(each.ru_utime + each.ru_stime for each in times), (user + system) * _TICK)

    def since(self, before: Spent) -> Spent:
        """Return what was spent since then."""
        return Spent(*(now - then for now, then in zip(self, before, strict=True)))

    def told(self, count: int) -> dict[str, float]:
        """Return rates of a second and microseconds for each of so many resources."""
        cores = os.cpu_count() or 1
        return {
            "per_second": count / self.clock,
            "loader_us": self.loader / count * 1e6,
            "mongod_us": self.mongod / count * 1e6,
            "per_second_of_all_cores": cores * count / (self.loader + self.mongod),
        }


def measure(uri: str, folder: Path, size: int = SIZE) -> dict[str, Any]:
    """Load so many resources in each way; return rates, processor time, and ratios to the bare insert."""
    every = [orjson.dumps(each) for each in Generator(size, seed=3).resources()]
    whole, first = folder / "whole.ndjson", folder / "first.ndjson"
    whole.write_bytes(b"\n".join(every))
    first.write_bytes(b"\n".join(every[:_FIRST]))
    store = Store(uri, "load-measured")
    mongod = int(store.client.admin.command("serverStatus")["pid"])
    told: dict[str, Any] = {"resources": len(every)}
    try:
        for name, options in (("validation_on", ()), ("validation_off", ("--no-validation",))):
            spent = [_load(uri, mongod, folder, place, options) for place in (first, whole)]
            told[name] = spent[1].since(spent[0]).told(len(every) - _FIRST)
        bare = _insert(uri, mongod, list(store.resources.find())).told(len(every))
    finally:
        store.client.drop_database(store.database.name)
        store.close()
    told["bare_insert"] = bare
    for name in ("validation_on", "validation_off"):
        for rate in ("per_second", "per_second_of_all_cores"):
            told[name][f"ratio_{rate}"] = told[name][rate] / bare[rate]
    return told


def _load(uri: str, mongod: int, folder: Path, place: Path, options: Iterable[str]) -> Spent:
    store = Store(uri, "load-measured")
    store.client.drop_database(store.database.name)
    store.close()
    environment = {"MONGODB_URI": uri, "FHIRSERVER_DATABASE": "load-measured", "FHIRSERVER_STATE": str(folder)}
    command = [sys.executable, "-m", "fhirserver.cli", "load", *options, str(place)]
    before = Spent.now(mongod)
    subprocess.run(command, env={**os.environ, **environment}, check=True)  # noqa: S603 - a fixed command
    return Spent.now(mongod).since(before)


def _insert(uri: str, mongod: int, documents: list[dict[str, Any]]) -> Spent:
    store = Store(uri, "load-bare")
    store.client.drop_database(store.database.name)
    store.prepare(app.indexes())
    bare = store.resources.with_options(write_concern=DURABLE)
    parts = [documents[start : start + BATCH] for start in range(0, len(documents), BATCH)]
    before = Spent.now(mongod)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda part: bare.insert_many(part, ordered=False), parts))
    spent = Spent.now(mongod).since(before)
    store.client.drop_database(store.database.name)
    store.close()
    return spent

"""Measure search: what index values and loading cost, and hot queries over bases of growing size, as ratios.

    scripts/benchmark search [--sizes 10000 100000] [--mongodb URI] [--json FILE]

Bases are loaded by `fhirserver load` without validation: with index values, history and audit. Queries are asked over
HTTP (benchmark_search_http.py); `keys` is what MongoDB examined at most for a page. MongoDB is a local mongod of the
measurement's own, unless `--mongodb` names one: bases that it has (`level10000`, …) are used again and kept.

Ten million (`--sizes 10000000`) take about an hour on two quiet cores, and 36 GB of disk (in `TMPDIR`):
21 for the base, 15 for the file that is loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from benchmark_load import measure as measure_load
from benchmark_search_http import Bench
from generate_resources import INS_TEST, LINES, Generator

from fhirserver import jsontext
from fhirserver.definitions import development
from fhirserver.search import INDEXES, Indexer, Registry, Searcher, parse
from fhirserver.search.mongo.run import Runner
from fhirserver.store import Draft, Store
from fhirserver.store.kept import documents
from fhirserver.store.kept.ids import key
from fhirserver.store.local import LocalMongod

HERE: Final = Path(__file__).resolve().parent
REPEATS: Final = 200

Text = Callable[[int], str]


def load(uri: str, database: str, size: int, folder: Path) -> float:
    """Fill a base by `fhirserver load`; return how many resources a second that took."""
    place = folder / f"{size}.ndjson"
    with place.open("wb") as output:
        for resource in Generator(size).resources():
            output.write(orjson.dumps(resource) + b"\n")
    shared = {"MONGODB_URI": uri, "FHIRSERVER_DATABASE": database, "FHIRSERVER_STATE": str(folder)}
    command = [sys.executable, "-m", "fhirserver.cli", "load", "--no-validation", str(place)]
    begin = time.perf_counter()
    subprocess.run(command, env={**os.environ, **shared}, check=True)  # noqa: S603 - a fixed command
    place.unlink()
    return size / (time.perf_counter() - begin)


def cost(store: Store) -> dict[str, float]:
    """Return what the documents and indexes of a base take."""
    statistics_of = store.database.command("collStats", "resources")
    written = next(
        iter(store.resources.aggregate([{"$group": {"_id": None, "n": {"$sum": {"$binarySize": "$body"}}}}]))
    )
    count = statistics_of["count"]
    indexes = {name: size / count for name, size in statistics_of["indexSizes"].items()}
    values = next(iter(store.resources.aggregate([{"$group": {"_id": None, "n": {"$sum": {"$bsonSize": "$s"}}}}])))
    return {
        "json_bytes": written["n"] / count,
        "index_bytes": sum(indexes.values()),
        "index_ratio": sum(indexes.values()) * count / written["n"],
        "values_bytes": values["n"] / count,
        **{f"index {name}": size for name, size in indexes.items()},
    }


def median(run: Callable[[int], Any], repeats: int = REPEATS) -> float:
    """Return the median time of a call, in milliseconds."""
    times = []
    for at in range(repeats):
        begin = time.perf_counter()
        run(at)
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1_000


def queries(generator: Generator, store: Store) -> dict[str, tuple[str, Text]]:
    """Return the hot queries: type, and the query string for the n-th patient or line."""
    busiest = max(1, generator.patients // 20)  # as many documents each, whatever the size of the base
    patients = [f"{INS_TEST}|{generator.ins(at * 37 % busiest)}" for at in range(REPEATS)]
    numbers = [at * (generator.count // 3) // (10 * REPEATS) for at in range(10 * REPEATS)]
    keys = [key("MedicationRequest", f"ligne-{number}-0") for number in numbers]
    lines = [each["i"] for each in store.find({"_id": {"$in": keys}}, projection={"i": 1}, hint="_id_")][:REPEATS]
    return {
        "documents of a patient": (
            "DocumentReference",
            lambda at: f"patient.identifier={patients[at]}&status=current&_sort=-date&_count=20",
        ),
        "a prescription line": ("MedicationRequest", lambda at: f"identifier={LINES}|{lines[at % len(lines)]}"),
        "what changed": (
            "DocumentReference",
            lambda at: f"patient.identifier={patients[at]}&_lastUpdated=gt2026-01-01&_count=20",
        ),
    }


class Watched(Runner):
    """Remembers the last find: condition, sort, limit and hint."""

    last: tuple[Any, list[Any], int, str | None]

    def find(self, condition: Any, projection: Any, context: Any, **options: Any) -> list[dict[str, Any]]:
        """Return documents."""
        self.last = condition, list(options.get("sort", ())), options["limit"], options["hint"]
        return super().find(condition, projection, context, **options)


def finds(store: Store, registry: Registry, asked: dict[str, tuple[str, Text]]) -> dict[str, list[Any]]:
    """Return, for each query, the find that its page comes down to once the patient is known."""
    searcher = Searcher(store, registry)
    searcher.runner = watched = Watched(store)
    result: dict[str, list[Any]] = {}
    for name, (kind, text) in asked.items():
        result[name] = []
        for at in range(REPEATS):
            searcher.run(parse(registry, [kind], parse_qsl(text(at))))
            condition, sort, limit, hint = watched.last
            result[name].append([condition, sort, limit - 1, hint])
    return result


def examined(store: Store, registry: Registry, asked: dict[str, tuple[str, Text]]) -> dict[str, int]:
    """Return, for each query, the most keys that MongoDB examined in one find."""
    searcher = Searcher(store, registry)
    most: dict[str, int] = {}
    for name, (kind, text) in asked.items():
        store.database.command("profile", 0)
        store.database["system.profile"].drop()
        store.database.command("profile", 2)
        for at in range(0, REPEATS, 10):
            searcher.run(parse(registry, [kind], parse_qsl(text(at))))
        store.database.command("profile", 0)
        noted = store.database["system.profile"].find({"op": "query"})
        most[name] = max(entry["keysExamined"] for entry in noted if entry["ns"].endswith(".resources"))
    return most


def writing(uri: str, registry: Registry) -> dict[str, float]:
    """Compare a durable insert with all index values to a bare one, and extraction to a clock."""
    indexer = Indexer(registry)
    store = Store(uri, "write-indexed")
    store.prepare(INDEXES)
    bare = Store(uri, "write-bare").database["bare"]
    lines = [one for one in Generator(4_000, seed=2).resources() if one["resourceType"] == "MedicationRequest"]
    filler = {"text": "x" * 2_100}
    lines = [jsontext.read(orjson.dumps({**one, "note": [filler]})) for one in lines]
    found = {"extraction_us": min(median(lambda at: indexer.extract(lines[at]), 200) for _ in range(3)) * 1_000}
    all_documents = []
    now = datetime.now(UTC).replace(microsecond=0)
    for one in lines:
        body = documents.stamp(one, one["id"], 1, now)
        all_documents.append(
            documents.live(Draft(one, id=one["id"], index=indexer.extract(one)), one["id"], 1, now, body)
        )
    found["json_bytes"] = statistics.mean(len(one["body"]) for one in all_documents)
    indexed_times, bare_times = [], []
    half = len(all_documents) // 4
    for at in range(0, half * 4, half):
        part = all_documents[at : at + half]
        without = [{name: value for name, value in one.items() if name != "s"} for one in part]
        indexed_times.append(median(lambda n, part=part: store.resources.insert_one(part[n]), half))
        bare_times.append(median(lambda n, without=without: bare.insert_one(without[n]), half))
    found |= {"insert_ms": min(indexed_times), "bare_insert_ms": min(bare_times)}
    found["insert_ratio"] = found["insert_ms"] / found["bare_insert_ms"]
    for name in ("write-indexed", "write-bare"):
        store.client.drop_database(name)
    store.close()
    return found


def main() -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    reader.add_argument("--mongodb", help="address of a MongoDB whose bases are used again and kept")
    reader.add_argument("--rounds", type=int, default=REPEATS)
    reader.add_argument("--json", type=Path)
    asked = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        uri = asked.mongodb or stack.enter_context(LocalMongod(Path(folder) / "mongodb")).uri
        result = run(asked.sizes, uri, Path(folder), min(asked.rounds, REPEATS))
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1, ensure_ascii=False))


def run(sizes: list[int], uri: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Measure over bases of these sizes."""
    registry = Registry(development(HERE.parent / "profiles"))
    result: dict[str, Any] = {
        "processors": os.cpu_count(), "write": writing(uri, registry), "load": measure_load(uri, folder), "sizes": {}
    }  # fmt: skip
    with Bench(uri, folder, rounds) as bench:
        for size in sizes:
            database = f"level{size}"
            store = Store(uri, database)
            of_size = result["sizes"][size] = {}
            if not store.resources.estimated_document_count():
                of_size["loaded_per_second"] = load(uri, database, size, folder)
            asked = queries(Generator(size), store)
            of_size |= {"cost": cost(store), "keys": examined(store, registry, asked)}
            bench.add(size, database, asked, finds(store, registry, asked))
            store.close()
        result["http"] = bench.measure()
    return result


if __name__ == "__main__":
    main()

"""Measure search: what index values cost, and hot queries over bases of growing size, as ratios.

    python scripts/benchmark_search.py [--sizes 10000 100000] [--json FILE]

Each query is measured beside the bare find of the same index and projection, interleaved, in this process; MongoDB is a
local mongod of the measurement's own. Medians; `keys` is what MongoDB examined for the page.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from generate_resources import INS_TEST, LINES, Generator

from fhirserver import jsontext
from fhirserver.definitions import development
from fhirserver.search import INDEXES, Indexer, Registry, Searcher, parse
from fhirserver.store import Draft, Store, documents
from fhirserver.store.local import LocalMongod

BATCH: Final = 1_000
REPEATS: Final = 200


def documents_of(generator: Generator, indexer: Indexer) -> Any:
    """Yield the documents of a base, as the store would write them."""
    now = datetime.now(UTC).replace(microsecond=0)
    for resource in generator.resources():
        body = documents.stamp(resource, resource["id"], 1, now)
        draft = Draft(resource, id=resource["id"], index=indexer.extract(resource))
        yield documents.live(draft, resource["id"], 1, now, body)


def load(store: Store, generator: Generator, indexer: Indexer) -> dict[str, float]:
    """Fill a base; return what its documents and indexes take."""
    found = documents_of(generator, indexer)
    while batch := list(islice(found, BATCH)):
        store.resources.insert_many(batch, ordered=False)
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


def queries(generator: Generator) -> dict[str, tuple[str, Callable[[int], str]]]:
    """Return the hot queries: type, and the query string for the n-th patient or line."""
    ins = [f"{INS_TEST}|{generator.ins(number)}" for number in range(min(generator.patients, 200))]
    spread = [ins[(at * 37) % len(ins)] for at in range(REPEATS)]
    return {
        "documents of a patient": (
            "DocumentReference",
            lambda at: f"patient.identifier={spread[at]}&status=current&_sort=-date&_count=20",
        ),
        "a prescription line": ("MedicationRequest", lambda at: f"identifier={LINES}|ligne-{at}-0"),
        "what changed": (
            "DocumentReference",
            lambda at: f"patient.identifier={spread[at]}&_lastUpdated=gt2026-01-01&_count=20",
        ),
        "a patient": ("Patient", lambda at: f"identifier={spread[at]}"),
    }


def measure(store: Store, registry: Registry, generator: Generator) -> dict[str, dict[str, float]]:
    """Measure each hot query beside its bare find."""
    searcher = Searcher(store, registry)
    result: dict[str, dict[str, float]] = {}
    for name, (resource_type, text) in queries(generator).items():
        read = [parse(registry, [resource_type], parse_qsl(text(at))) for at in range(REPEATS)]
        bare = [_bare(store, searcher, query) for query in read]

        def search(at: int, resource_type: str = resource_type, text: Callable[[int], str] = text) -> Any:
            return searcher.run(parse(registry, [resource_type], parse_qsl(text(at))))

        times = [(median(search), median(lambda at, bare=bare: bare[at]())) for _ in range(3)]
        searched, found = min(one for one, _ in times), min(other for _, other in times)
        result[name] = {"ms": searched, "bare_ms": found, "ratio": searched / found, **_examined(store, search)}
    return result


def _bare(store: Store, searcher: Searcher, query: Any) -> Callable[[], Any]:
    """Return the find that the page comes down to, once the patient is known."""
    commands: list[tuple[Any, dict[str, Any]]] = []
    original = searcher.runner.find

    def remember(condition: Any, projection: Any, _context: Any, **options: Any) -> Any:
        commands.append((condition, {"projection": projection, **options}))
        return original(condition, projection, _context, **options)

    searcher.runner.find = remember  # type: ignore[method-assign] # watched for one call
    searcher.run(query)
    searcher.runner.find = original  # type: ignore[method-assign]
    condition, options = commands[-1]
    return lambda: store.find(
        condition,
        projection=options["projection"],
        sort=options.get("sort", ()),
        limit=options["limit"],
        hint=options["hint"],
    )


def _examined(store: Store, search: Callable[[int], Any]) -> dict[str, float]:
    """Return the most keys that MongoDB examined beyond what a page may cost (3 for each result, and 100)."""
    store.database.command("profile", 2)
    worst = 0
    most = 0
    for at in range(0, REPEATS, 10):
        begin = store.database["system.profile"].estimated_document_count()
        search(at)
        for entry in store.database["system.profile"].find().skip(begin):
            if entry.get("op") == "query" and "resources" in entry["ns"]:
                worst = max(worst, entry["keysExamined"] - 3 * entry["nreturned"])
                most = max(most, entry["keysExamined"])
    store.database.command("profile", 0)
    return {"keys": most, "keys_beyond_3_per_result": worst}


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
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    reader.add_argument("--json", type=Path)
    asked = reader.parse_args()
    result = run(asked.sizes)
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1, ensure_ascii=False))


def run(sizes: list[int]) -> dict[str, Any]:
    """Measure over bases of these sizes; `scripts/benchmark` calls this."""
    registry = Registry(development(Path(__file__).resolve().parent.parent / "profiles"))
    result: dict[str, Any] = {"processors": os.cpu_count(), "sizes": {}}
    with tempfile.TemporaryDirectory() as folder, LocalMongod(Path(folder)) as mongod:
        result["write"] = writing(mongod.uri, registry)
        for size in sizes:
            store = Store(mongod.uri, f"search-{size}")
            store.prepare(INDEXES)
            generator = Generator(size)
            begin = time.perf_counter()
            cost = load(store, generator, Indexer(registry))
            cost["loaded_per_second"] = size / (time.perf_counter() - begin)
            result["sizes"][size] = {"cost": cost, "queries": measure(store, registry, generator)}
            store.client.drop_database(store.database.name)
            store.close()
    return result


if __name__ == "__main__":
    main()

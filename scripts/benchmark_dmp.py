"""Measure the DMP beside its floors, interleaved in one run: a submission (TD2), and a large record's list (TD3.1a).

    scripts/benchmark dmp [--size 100000] [--record 1000] [--pdf 200000] [--rounds 5] [--count 20] [--json FILE]

TD2 is an ITI-65 Bundle with one PDF, checked, committed whole and audited; each is for another patient than the one
before it; what is left to be done after it (notifications) is not done meanwhile. Its floor is a bare Flask route on
the same WSGI server that takes and answers as many bytes, and sends the same durable transaction: the find of a real
submission, and the inserts of its documents (versions with their index values, content, claims, outbox), into
collections with the same indexes.

TD3.1a is asked by a member of the care team about a record of `--record` documents in a base of `--size`, by the
guide's criteria. Its floor is a route that does the find of that page by its index, writes one durable audit record,
and answers the bodies. One client at a time: what counts is the ratio of the best times; beside other work, that of the
processor time that the server's (or the floor's) processes and mongod take.
"""

from __future__ import annotations

import argparse
import base64
import copy
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import benchmark_floor
import bson
import requests
from benchmark_prescription import family, processor
from benchmark_server import running
from bson import json_util

from fhirserver import app, settings
from fhirserver.access import issuer
from fhirserver.demo import document, people
from fhirserver.demo.running import free_port
from fhirserver.store import Draft, Store, Transaction
from fhirserver.store.local import LocalMongod
from fhirserver.store.profile import profiled

FHIR: Final = {"Content-Type": "application/fhir+json"}
DATABASE: Final = "fhirserver"
PATIENTS: Final = 20
READER: Final = people.rpps("1000070001")
_BATCH: Final = 500
_OTHERS: Final = 200
"""Documents of each other record."""


def patient(number: int) -> tuple[str, dict[str, Any]]:
    """Return the INS and the Patient of a number."""
    ins = people.ins(f"2840588{number:06d}")
    resource = copy.deepcopy(people.patient())
    resource["identifier"][0]["value"] = ins
    return ins, resource


def submission(reference: str, ins: str, custodian: str, size: int) -> bytes:
    """Return an ITI-65 Bundle with one PDF of some bytes, another one each time."""
    content = b"%PDF-1.7\n" + secrets.token_bytes(size)
    bundle = document.bundle(people.DOCTOR_RPPS, reference, custodian, datetime.now(UTC))
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Binary":
            resource["data"] = base64.b64encode(content).decode()
        if resource["resourceType"] == "DocumentReference":
            resource["contained"][1]["identifier"][0]["value"] = ins
            digest = base64.b64encode(sha1(content, usedforsecurity=False).digest()).decode()
            resource["content"][0]["attachment"] |= {"size": len(content), "hash": digest}
    return json.dumps(bundle).encode()


class Base:
    """A base with one large record, and a server and a floor upon it.

    Args:
        uri: of MongoDB.
        folder: state of the server, logs, and what the floor does.
        mongod: its process.
    """

    def __init__(self, uri: str, folder: Path, mongod: int) -> None:
        self._uri, self._folder = uri, folder
        self._mongod = mongod
        self._processes: dict[str, list[int]] = {}
        self._session = requests.Session()
        self._patients: list[tuple[str, str]] = []
        self._custodian = ""
        self._stack = ExitStack()
        self.floor = ""
        port = free_port()
        serve = [sys.executable, "-m", "fhirserver.cli", "serve", "--port", str(port)]
        self._start("server", serve, self._environment(), port)
        self.fhir = f"http://127.0.0.1:{port}/fhir"

    def close(self) -> None:
        """End server and floor."""
        self._stack.close()

    def _start(self, name: str, command: list[str], environment: dict[str, str], port: int) -> None:
        """Start a server, and note which processes work for it."""
        begun = self._stack.enter_context(running(command, environment, port, self._folder / f"{name}.log"))
        self._processes[name] = [self._mongod, *family(begun.pid)]

    def _environment(self) -> dict[str, str]:
        return {
            "MONGODB_URI": self._uri,
            "FHIRSERVER_STATE": str(self._folder),
            "FHIRSERVER_DATABASE": DATABASE,
            "FHIRSERVER_WORKERS": "1",
            "FHIRSERVER_OUTBOX_PROCESSES": "0",
        }

    def headers(self, persona: str, **claims: Any) -> dict[str, str]:
        """Return the headers of a caller."""
        return {"Authorization": f"Bearer {issuer.mint(self._folder, 'fhirserver', persona, **claims)}", **FHIR}

    def send(self, path: str, body: bytes | dict[str, Any], headers: Mapping[str, str]) -> requests.Response:
        """POST something; raises RuntimeError where it is refused."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self._session.post(f"{self.fhir}{path}", data=data, headers=headers, timeout=60)
        if not answer.ok:
            raise RuntimeError(answer.text[:2000])
        return answer

    def populate(self, size: int, record: int) -> str:
        """Fill the base; return the query of the large record."""
        operator, hospital = self.headers("operator"), self.headers("hospital")
        self._custodian = f"Organization/{self.send('/Organization', people.hospital(), operator).json()['id']}"
        for number in range(PATIENTS + 1):
            ins, resource = patient(number)
            self._patients.append((ins, f"Patient/{self.send('/Patient', resource, operator).json()['id']}"))
        ins, reference = self._patients.pop()
        self.send("", submission(reference, ins, self._custodian, 1_000), hospital)
        joined = [
            {"name": "act", "valueCode": "join"},
            {"name": "who", "valueIdentifier": {"system": people.NATIONAL_PROFESSIONAL_ID, "value": f"8{READER}"}},
            {"name": "informed", "valueBoolean": True},
        ]
        self.send(f"/{reference}/$dmp", {"resourceType": "Parameters", "parameter": joined}, self.reader)
        self._multiply(ins, reference, record, size)
        since = datetime.now(UTC).date() - timedelta(days=730)
        return f"patient.identifier={people.INS_TEST}|{ins}&status=current&date=ge{since}"

    @property
    def reader(self) -> dict[str, str]:
        """The headers of a doctor of the care team."""
        return self.headers("doctor", rpps=READER, structure="1750000019")

    def _multiply(self, ins: str, reference: str, record: int, size: int) -> None:
        """Store copies of the one document: `record` in its own record, the rest in those of others."""
        parts = [(ins, reference, start, min(_BATCH, record - start)) for start in range(1, record, _BATCH)]
        for start in range(record, size, _OTHERS):
            number = 900_000 - start // _OTHERS
            parts.append((people.ins(f"1700588{number:06d}"), f"Patient/other-{number}", start, _OTHERS))
        begun = time.perf_counter()
        with ProcessPoolExecutor(os.cpu_count(), initializer=_begin, initargs=(self._environment(),)) as pool:
            for _ in pool.map(_copy, parts, chunksize=10):
                pass
        print(f"{size} documents in {time.perf_counter() - begun:.0f} s")

    def start_floor(self, query: str, pdf: int) -> None:
        """Start the floor with what a real submission and a real search leave to MongoDB."""
        store = Store(self._uri, DATABASE)
        Store(self._uri, f"{DATABASE}-floor").prepare(app.indexes())
        source = self.submissions(pdf)
        for _ in range(PATIENTS):  # the first one creates the record
            self.submit(next(source))
        reads = benchmark_floor.reads(store.database, lambda: self.submit(next(source)))
        before = datetime.now(UTC) + timedelta(milliseconds=500)
        time.sleep(1)
        answer = self.submit(next(source))
        parts = list(store.resources.find({"u": {"$gte": before}}))
        hashes = [name for each in parts for name in each.get("files", ())]
        kept = {
            "documents": {
                "resources": parts,
                "claims": list(store.database["claims"].find({"at": {"$gte": before}})),
                "files": list(store.database["files"].find({"_id": {"$in": hashes}})),
                "outbox": list(store.database["outbox"].find({"_id": {"$gte": f"{before:%Y%m%dT%H%M%S%f}"}})),
            },
            "answer": answer.content,
            "reads": reads,
        }
        print({"reads": len(reads), **{name: len(documents) for name, documents in kept["documents"].items()}})
        (self._folder / "submission.bson").write_bytes(bson.encode(kept))
        (self._folder / "finds.json").write_text(json_util.dumps({"list": [self._page(store, query)]}))
        store.close()
        port = free_port()
        floor = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1",
            "--blocking-threads", "4", "--port", str(port), "--no-log", "benchmark_floor:application",
        ]  # fmt: skip
        environment = self._environment() | {
            "FLOOR_DATABASE": DATABASE,
            "FLOOR_FINDS": str(self._folder / "finds.json"),
            "FLOOR_SUBMISSION": str(self._folder / "submission.bson"),
        }
        self._start("floor", floor, environment, port)
        self.floor = f"http://127.0.0.1:{port}"

    def _page(self, store: Store, query: str) -> list[Any]:
        """Return the find that a page of the record comes down to: the last one that MongoDB was asked for."""
        with profiled(store.database):
            self.list(query)
            noted = list(store.database["system.profile"].find({"op": "query", "command.find": "resources"}))
            page = next(each for each in reversed(noted) if each["command"].get("limit", 0) > 1)
        last = page["command"]
        print(f"queries for a page: {len(noted)}, keys examined: {page['keysExamined']}, by {last['hint']}")
        return [last["filter"], list(last.get("sort", {}).items()), last["limit"] - 1, last["hint"]]

    def submissions(self, pdf: int) -> Iterator[bytes]:
        """Give submissions, for one patient after the other."""
        while True:
            for ins, reference in self._patients:
                yield submission(reference, ins, self._custodian, pdf)

    def submit(self, body: bytes) -> requests.Response:
        """Feed a record."""
        return self.send("", body, self.headers("hospital"))

    def list(self, query: str) -> requests.Response:
        """Ask for the documents of a record."""
        address = f"{self.fhir}/DocumentReference?{quote(query, safe='=&:,.|_-')}"
        answer = self._session.get(address, headers=self.reader, timeout=60)
        answer.raise_for_status()
        return answer

    def measure(self, query: str, options: argparse.Namespace) -> tuple[dict[str, float], dict[str, float]]:
        """Send all kinds of requests in turns; return the best tenth of their times, and the least processor time."""
        hospital, reader = self.headers("hospital"), self.reader
        address = f"{self.fhir}/DocumentReference?{quote(query, safe='=&:,.|_-')}"
        source, session = self.submissions(options.pdf), self._session
        kinds: dict[str, Callable[[bytes], requests.Response]] = {
            "TD2": lambda body: session.post(self.fhir, data=body, headers=hospital, timeout=60),
            "TD2 floor": lambda body: session.post(f"{self.floor}/submission", data=body, headers=FHIR, timeout=60),
            "TD3.1a": lambda _: session.get(address, headers=reader, timeout=60),
            "TD3.1a floor": lambda _: session.get(f"{self.floor}/search/list/0", timeout=60),
        }
        times: dict[str, list[float]] = {name: [] for name in kinds}
        worked: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(options.rounds):
            for name, send in kinds.items():
                # what a client sends is made before the clock runs
                bodies = [next(source) if name.startswith("TD2") else b"" for _ in range(options.count)]
                at_work = self._processes["floor" if name.endswith("floor") else "server"]
                before = processor(at_work)
                for body in bodies:
                    begun = time.perf_counter()
                    answer = send(body)
                    times[name].append(time.perf_counter() - begun)
                    answer.raise_for_status()
                worked[name].append((processor(at_work) - before) / options.count)
        least = {name: min(found) for name, found in worked.items()}
        for name, found in times.items():
            found.sort()
            shown = f"p10 {found[len(found) // 10] * 1e3:7.2f} ms   p50 {found[len(found) // 2] * 1e3:7.2f} ms"
            print(f"{name:14} {shown}   processor {least[name] * 1e3:6.2f} ms")
        return {name: found[len(found) // 10] for name, found in times.items()}, least


_parts: dict[str, Any] = {}


def _begin(environment: dict[str, str]) -> None:
    chosen = settings.read({**os.environ, **environment})
    store = Store(chosen.mongodb_uri, chosen.database)
    _parts["services"] = app.services(chosen, store)
    _parts["store"] = store
    found = store.resources.find_one({"t": "DocumentReference"})
    assert found is not None, "one document was fed before"
    _parts["model"], _parts["origin"] = json.loads(found["body"]), found["w"]


def _copy(part: tuple[str, str, int, int]) -> None:
    """Store some copies of the model for a patient, a day older each, in one commit."""
    ins, reference, start, count = part
    store, services = _parts["store"], _parts["services"]
    origin = {**_parts["origin"], "dmp": {**_parts["origin"]["dmp"], "record": f"{people.INS_TEST}|{ins}"}}
    drafts = []
    for number in range(start, start + count):
        resource = copy.deepcopy(_parts["model"])
        identity = f"copy-{number}"
        day = datetime.now(UTC) - timedelta(days=number % _BATCH)
        resource |= {"id": identity, "subject": {"reference": reference}, "date": day.isoformat(timespec="seconds")}
        resource["masterIdentifier"]["value"] = f"urn:oid:1.2.250.1.999.7.{number}"
        resource["contained"][1]["identifier"][0]["value"] = ins
        drafts.append(Draft(resource, identity, services.indexer.extract(resource), origin))

    def work(transaction: Transaction) -> None:
        for draft in drafts:
            transaction.create(draft)

    store.transact(work)


def main() -> None:
    """Measure, and print times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100_000, help="documents in the base")
    parser.add_argument("--record", type=int, default=1_000, help="documents of the record that is read")
    parser.add_argument("--pdf", type=int, default=200_000, help="bytes of each PDF")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, LocalMongod(Path(name) / "mongodb") as mongod:
        base = Base(mongod.uri, Path(name), mongod.pid)
        try:
            query = base.populate(options.size, options.record)
            base.start_floor(query, options.pdf)
            best, worked = base.measure(query, options)
        finally:
            base.close()
    ratios = {kind: best[f"{kind} floor"] / best[kind] for kind in ("TD2", "TD3.1a")}
    of_work = {kind: worked[f"{kind} floor"] / worked[kind] for kind in ratios}
    for kind, floor, wanted in (("TD2", "bare transaction", 0.5), ("TD3.1a", "bare find", 0.6)):
        print(f"{kind} / {floor}: {ratios[kind]:.2f} (to reach: {wanted}); by processor time {of_work[kind]:.2f}")
    if options.json:
        found = {"seconds": best, "processor": worked, "ratios": ratios, "of_work": of_work}
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

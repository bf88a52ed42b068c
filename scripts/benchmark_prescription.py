"""Measure the push of a 5-line prescription and `$find-prescription` beside their floors, interleaved in one run.

    scripts/benchmark prescription [--rounds 5] [--count 60] [--prints]

The push is validated, checked by all rules, numbered, committed with its Tasks and audited; its PDF is drawn by another
process, which is at rest meanwhile unless `--prints`. Each push is for another patient than the one before it.

The floors are bare Flask routes on the same WSGI server that take and answer as many bytes. That of the push sends the
same durable transaction: the find of a real push (patient and prescriber, by index), then its inserts (versions with
their index values, claims, outbox, audit) into collections with the same indexes; beside it, its writes alone. That of
`$find-prescription` is the same find by index, and one durable insert of the same audit records. One client at a time:
what counts is the ratio of the best times, and, beside other work, of the processor time that the server's (or the
floor's) processes and mongod take.

With `--prints`: also after how long the PDF and the documents in the patient's record are there.

Beside them: `$check-prescription` of ten lines, less what an empty authenticated request takes.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import benchmark_floor
import bson
import requests
from benchmark_server import running

from fhirserver import app
from fhirserver.access import issuer
from fhirserver.demo import ordonnance, people
from fhirserver.demo.running import free_port
from fhirserver.store import Store
from fhirserver.store.local import LocalMongod

FHIR: Final = {"Content-Type": "application/fhir+json"}
PATIENTS: Final = 20
_TYPES: Final = 2
"""Types of documents, medicines and biology, that a push makes of its lines in the record."""
DATABASE: Final = "fhirserver"
FLOORS: Final = {"push floor": "push", "its writes": "push", "find floor": "find"}
"""The bare routes, and what is measured beside them."""
WANTED: Final = {"push floor": 0.5, "find floor": 0.7}


def bundle(patient: int = 0, lines: int = 5) -> dict[str, Any]:
    """Return a push of some lines under a group of its own, for one of several patients."""
    made = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC) - timedelta(minutes=1))
    ins = people.ins(f"28405883210{patient:02d}")
    made["entry"][0]["resource"]["identifier"][0]["value"] = ins
    made["entry"][0]["request"]["ifNoneExist"] = f"identifier={people.INS_TEST}|{ins}"
    orders = made["entry"][2:]
    for number in range(lines - len(orders)):
        made["entry"].append({**copy.deepcopy(orders[number % 2]), "fullUrl": f"urn:uuid:{uuid.uuid4()}"})
    return made


def main() -> None:
    """Measure and print times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--prints", action="store_true", help="have the PDFs drawn meanwhile, by another process")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mongod = stack.enter_context(LocalMongod(folder / "mongodb"))
        environment = {
            "MONGODB_URI": mongod.uri,
            "FHIRSERVER_STATE": str(folder),
            "FHIRSERVER_DATABASE": DATABASE,
            "FHIRSERVER_WORKERS": "1",
            "FHIRSERVER_OUTBOX_PROCESSES": "1" if options.prints else "0",
            "FLOOR_PUSH": str(folder / "floor.bson"),
            "FLOOR_DATABASE": DATABASE,
        }
        port, bare = free_port(), free_port()
        serve = [sys.executable, "-m", "fhirserver.cli", "serve", "--port", str(port)]
        server = stack.enter_context(running(serve, environment, port, folder / "server.log"))
        bench = Bench(f"http://127.0.0.1:{port}/fhir", f"http://127.0.0.1:{bare}", folder)
        bench.keep_floor(mongod.uri)
        granian = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1",
            "--blocking-threads", "4", "--port", str(bare), "--no-log", "benchmark_floor:application",
        ]  # fmt: skip
        floor = stack.enter_context(running(granian, environment, bare, folder / "floor.log"))
        at_work = {name: [*family(process.pid), mongod.pid] for name, process in (("", server), ("floor", floor))}
        bench.measure(options.rounds, options.count, at_work)
        if options.prints:
            bench.follow(options.count)


class Bench:
    """Requests of each kind, and what they need.

    Args:
        base: of the server.
        floor: address of the bare routes.
        folder: state of the server.
    """

    def __init__(self, base: str, floor: str, folder: Path) -> None:
        self._base, self._floor, self._folder = base, floor, folder
        self._session = requests.Session()
        self._prescriber = {"Authorization": f"Bearer {issuer.mint(folder, 'fhirserver', 'prescriber')}", **FHIR}
        self._pharmacist = {"Authorization": f"Bearer {issuer.mint(folder, 'fhirserver', 'pharmacist')}", **FHIR}
        self._ready: list[bytes] = []
        self._check = json.dumps(bundle(lines=10)).encode()
        for patient in range(PATIENTS):
            self._ready = [json.dumps(bundle(patient)).encode()]
            self._push()

    def keep_floor(self, uri: str) -> None:
        """Write what the floor finds, inserts and answers: what a push and a find do, and leave behind."""
        store = Store(uri, DATABASE)
        Store(uri, f"{DATABASE}-floor").prepare(app.indexes())
        self._ready = [json.dumps(bundle(patient)).encode() for patient in range(2)]
        reads = benchmark_floor.reads(store.database, self._push)
        audit = store.database["audit"]
        before = audit.count_documents({})
        self._told = self._push()
        told = list(audit.find().sort("$natural", 1).skip(before))
        number = self._told.json()["identifier"]["value"]
        asked = {"resourceType": "Parameters", "parameter": [{"name": "number", "valueString": number}]}
        self._asked = json.dumps(asked).encode()
        found = self._find()
        key = f"group-identifier={number}\t"
        parts = [each for each in store.resources.find() if any(k.startswith(key) for k in each["s"]["k"])]
        moment = max(each["u"] for each in parts)
        (point,) = {k for each in parts for k in each["s"]["k"] if k.startswith(key)}
        documents = {
            "resources": parts,
            "claims": list(store.database["claims"].find({"at": {"$gte": moment}})),
            "outbox": list(store.database["outbox"].find({"_id": {"$gte": f"{moment:%Y%m%dT%H%M%S}"}}))[-4:],
            "audit": told,
        }
        kept = {
            "push": {"reads": reads, "documents": documents, "answer": self._told.content},
            "point": point,
            "audit": list(store.database["audit"].find().sort("_id", -1).limit(2)),
            "found": found.content,
        }
        print({"reads": len(reads), **{name: len(each) for name, each in documents.items()}})
        (self._folder / "floor.bson").write_bytes(bson.encode(kept))
        store.close()

    def measure(self, rounds: int, count: int, processes: Mapping[str, Sequence[int]]) -> None:
        """Send all kinds of requests in turns, and tell how long they took.

        Args:
            rounds: of all kinds.
            count: requests of a kind in a round.
            processes: that work for the server (""), and for the floor.
        """
        kinds: dict[str, Callable[[], requests.Response]] = {
            "push": self._push,
            "push floor": lambda: self._bare("push", self._body),
            "its writes": lambda: self._bare("push-writes", self._body),
            "find": self._find,
            "find floor": lambda: self._bare("find-prescription", self._asked),
            "check": lambda: self._post("$check-prescription", self._check, self._prescriber),
            "empty": lambda: self._post("$no-such-operation", self._check, self._prescriber),
        }
        times: dict[str, list[float]] = {name: [] for name in kinds}
        worked: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(rounds):
            for name, send in kinds.items():
                # what a client sends is made before the clock runs
                self._ready = [json.dumps(bundle(at % PATIENTS)).encode() for at in range(count)] * (name == "push")
                at_work = processes["floor" if name in FLOORS else ""]
                before = processor(at_work)
                for _ in range(count):
                    begun = time.perf_counter()
                    send()
                    times[name].append(time.perf_counter() - begun)
                worked[name].append((processor(at_work) - before) / count)
        best = {name: sorted(found)[len(found) // 10] for name, found in times.items()}
        middle = {name: sorted(found)[len(found) // 2] for name, found in times.items()}
        for name in kinds:
            shown = f"p10 {best[name] * 1000:6.2f} ms   p50 {middle[name] * 1000:6.2f} ms"
            print(f"{name:12} {shown}   processor {min(worked[name]) * 1000:6.2f} ms")
        for floor, name in FLOORS.items():
            ratio, of_work = best[floor] / best[name], min(worked[floor]) / min(worked[name])
            to_reach = f" (to reach: {WANTED[floor]})" if floor in WANTED else ""
            print(f"{name} / {floor}: {ratio:.2f}{to_reach}; by processor time {of_work:.2f}")
        print(f"check of ten lines: {(middle['check'] - middle['empty']) * 1000:.2f} ms (to reach: 5)")

    def follow(self, count: int) -> None:
        """Tell after how long what follows a push is there: its PDF, and its documents in the patient's record."""
        operator = {"Authorization": f"Bearer {issuer.mint(self._folder, 'fhirserver', 'operator')}", **FHIR}
        found = self._told.json()["entry"][0]["response"]["location"].split("/_history")[0]
        create = {"resourceType": "Parameters", "parameter": [{"name": "act", "valueCode": "create"}]}
        self._session.post(f"{found}/$dmp", json=create, headers=operator, timeout=30).raise_for_status()
        documents = f"{self._base}/DocumentReference?patient={found.rpartition('/')[2]}&_summary=count"
        printed, published = [], []
        for number in range(1, count + 2):
            self._ready = [json.dumps(bundle(PATIENTS - 1)).encode()]
            told, begun = self._push().json(), time.perf_counter()
            (task, *_) = self._tasks(told["identifier"]["value"], operator)
            (paper,) = (each["valueReference"]["reference"] for each in task["output"])
            self._until(f"{self._base}/{paper}", operator, lambda answer: answer.ok)
            printed.append(time.perf_counter() - begun)
            wanted = number * _TYPES
            self._until(documents, operator, lambda answer, wanted=wanted: answer.json()["total"] == wanted)
            published.append(time.perf_counter() - begun)
        for what, times in (("PDF", printed), ("documents in the record", published)):
            middle, last = statistics.median(times[1:]), max(times[1:])  # the first one waited for those of `measure`
            print(f"{what} there after {middle:.2f} s, {last:.2f} s at most (to reach: 5 s)")

    def _tasks(self, number: str, headers: dict[str, str]) -> list[dict[str, Any]]:
        asked = {"group-identifier": number}
        answer = self._session.post(
            f"{self._base}/Task/_search", data=asked, headers={"Authorization": headers["Authorization"]}, timeout=30
        )
        return [entry["resource"] for entry in answer.json()["entry"]]

    def _until(
        self, address: str, headers: dict[str, str], there: Callable[[requests.Response], bool], patience: float = 300
    ) -> None:
        """Ask until an answer is as it should be; raises TimeoutError."""
        last = time.monotonic() + patience
        while not there(self._session.get(address, headers=headers, timeout=30)):
            if time.monotonic() > last:
                raise TimeoutError(address)
            time.sleep(0.02)

    def _push(self) -> requests.Response:
        self._body = self._ready.pop()
        answer = self._session.post(self._base, data=self._body, headers=self._prescriber, timeout=30)
        answer.raise_for_status()
        return answer

    def _find(self) -> requests.Response:
        answer = self._post("$find-prescription", self._asked, self._pharmacist)
        answer.raise_for_status()
        return answer

    def _bare(self, route: str, body: bytes) -> requests.Response:
        return self._session.post(f"{self._floor}/{route}", data=body, headers=FHIR, timeout=30)

    def _post(self, operation: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        return self._session.post(f"{self._base}/{operation}", data=body, headers=headers, timeout=30)


def family(process: int) -> list[int]:
    """Return a process and all that it started, as Linux knows them."""
    found = [process]
    for one in found:  # it grows meanwhile
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def processor(processes: Sequence[int]) -> float:
    """Return the seconds of processor time that processes have taken."""
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in processes]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

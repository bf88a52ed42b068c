"""Measure read and validated create of a 3.5 kB MedicationRequest beside a floor, in one run, interleaved.

    scripts/benchmark [--seconds 3] [--rounds 5] [--clients 8] [--json FILE]
    scripts/benchmark search [--sizes 10000 100000] [--json FILE]     (see benchmark_search.py)
    scripts/benchmark dmp [--size 100000] [--json FILE]               (see benchmark_dmp.py)

Token check, access decision, validation against fr-medicationrequest and audit are on. The floor (benchmark_floor.py)
is a bare Flask route on the same WSGI server, with as many processes and threads, that does one durable insert, one
find, or one find and one durable audit insert, of the same bytes in the same MongoDB. Figures are requests a second;
what counts is the ratio, taken in each round and then as the median of all rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from fhirserver.access import issuer
from fhirserver.demo.running import free_port
from fhirserver.serving.running import THREADS
from fhirserver.store.local import LocalMongod

HERE = Path(__file__).resolve().parent
SIZE = 3500
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
PROFILE = "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/fr-medicationrequest"


def medication_request() -> bytes:
    """Return a valid MedicationRequest of 3.5 kB."""
    body = {
        "resourceType": "MedicationRequest",
        "meta": {"profile": [PROFILE]},
        "identifier": [{"system": "urn:oid:1.2.250.1.999.1", "value": "bench"}],
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://data.esante.gouv.fr/ansm/medicament/UCD", "code": "3400892088310"}],
            "text": "Paracétamol 1 g, comprimé",
        },
        "subject": {"reference": "Patient/bench-patient", "display": "Camille MOREL"},
        "authoredOn": "2026-03-02T10:15:00+01:00",
        "requester": {"reference": "Practitioner/bench-prescriber", "display": "Dr Hélène LEFÈVRE"},
        "groupIdentifier": {"system": "urn:oid:1.2.250.1.999.2", "value": "ORD-1"},
        "dosageInstruction": [
            {
                "sequence": number,
                "text": "1 comprimé 3 fois par jour pendant 5 jours",
                "timing": {
                    "repeat": {
                        "boundsDuration": {
                            "value": 5,
                            "unit": "jour",
                            "system": "http://unitsofmeasure.org",
                            "code": "d",
                        },
                        "frequency": 3,
                        "period": 1,
                        "periodUnit": "d",
                    }
                },
                "doseAndRate": [
                    {"doseQuantity": {"value": 1.5, "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}}
                ],
            }
            for number in (1, 2, 3, 4)
        ],
        "dispenseRequest": {
            "numberOfRepeatsAllowed": 0,
            "expectedSupplyDuration": {"value": 5, "unit": "jour", "system": "http://unitsofmeasure.org", "code": "d"},
        },
        "note": [{"text": ""}],
    }
    missing = SIZE - len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    body["note"] = [{"text": "x" * max(missing, 1)}]
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass
class Load:
    """One kind of request, sent over and over by all clients."""

    name: str
    port: int
    raw: list[bytes]
    expected: bytes


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body:
        head += f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Client:
    """One keep-alive connection of a load: sends a request, and the next one when its answer is complete."""

    def __init__(self, load: Load, number: int, step: int) -> None:
        self._load, self._at, self._step = load, number, step
        self._buffer, self._end = b"", 0
        self._begun = 0.0
        self.connection = socket.create_connection(("127.0.0.1", load.port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.times: list[float] = []

    def send(self) -> None:
        """Send the next request."""
        raw = self._load.raw[self._at % len(self._load.raw)]
        self._at += self._step
        self._buffer, self._end = b"", 0
        self._begun = time.perf_counter()
        self.connection.sendall(raw)

    def receive(self) -> bool:
        """Take what has come; tell whether the answer is complete. Raises RuntimeError for an unexpected status."""
        self._buffer += self.connection.recv(65536)
        if not self._end:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return False
            if self._load.expected not in self._buffer[:16]:
                raise RuntimeError(f"{self._load.name}: {self._buffer[:2000]!r}")
            length = _LENGTH.search(self._buffer, 0, head)
            self._end = head + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < self._end:
            return False
        self.times.append(time.perf_counter() - self._begun)
        return True


def run(load: Load, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Send a load for some seconds; return requests a second, and their times in seconds.

    One thread drives all connections: a client shares the cores with what is measured, so it has to be cheap.
    """
    every = [Client(load, number, clients) for number in range(clients)]
    waiting = {client.connection.fileno(): client for client in every}
    poll = select.epoll()
    for number in waiting:
        poll.register(number, select.EPOLLIN)
    begun = time.perf_counter()
    until = begun + seconds
    for client in every:
        client.send()
    while waiting:
        for number, _ in poll.poll():
            client = waiting[number]
            if not client.receive():
                continue
            if time.perf_counter() < until:
                client.send()
            else:
                del waiting[number]
    spent = time.perf_counter() - begun
    for client in every:
        client.connection.close()
    poll.close()
    found = [one for client in every for one in client.times]
    return len(found) / spent, found


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it has begun when it answers on its port, whatever it answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a fixed command
            command, env={**os.environ, **environment}, stdout=output, stderr=output, cwd=HERE
        )
    try:
        for _ in range(600):
            with contextlib.suppress(requests.RequestException):
                requests.get(f"http://127.0.0.1:{port}/ready", timeout=2)
                break
            time.sleep(0.1)
        else:
            raise RuntimeError(log.read_text())
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def servers(folder: Path, workers: int) -> Iterator[tuple[int, int, str]]:
    """Start MongoDB, the server and the floor; give their ports and an operator's token, who writes plain FHIR."""
    port, floor = free_port(), free_port()
    with LocalMongod(folder / "mongodb") as mongod:
        shared = {"MONGODB_URI": mongod.uri, "FHIRSERVER_STATE": str(folder), "FHIRSERVER_WORKERS": str(workers)}
        granian = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", str(workers),
            "--blocking-threads", str(THREADS), "--port", str(floor), "--no-log", "benchmark_floor:application",
        ]  # fmt: skip
        serve = [sys.executable, "-m", "fhirserver.cli", "serve", "--port", str(port)]
        with (
            running(serve, shared, port, folder / "server.log"),
            running(granian, shared, floor, folder / "floor.log"),
        ):
            yield port, floor, issuer.mint(folder, "fhirserver", "operator")


def loads(port: int, floor: int, token: str) -> dict[str, Load]:
    """Return all kinds of requests, with resources to read made first."""
    body = medication_request()
    made, kept = [], []
    for _ in range(200):
        created = requests.post(
            f"http://127.0.0.1:{port}/fhir/MedicationRequest",
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"},
            timeout=30,
        )
        if created.status_code != requests.codes.created:
            raise RuntimeError(created.text)
        made.append(created.json()["id"])
        kept.append(requests.post(f"http://127.0.0.1:{floor}/insert", data=created.content, timeout=30).text)
    return {
        "create": Load("create", port, [request("POST", "/fhir/MedicationRequest", token, body)], b" 201"),
        "create floor": Load("create floor", floor, [request("POST", "/insert", body=body)], b" 201"),
        "read": Load("read", port, [request("GET", f"/fhir/MedicationRequest/{one}", token) for one in made], b" 200"),
        "find and audit floor": Load(
            "find and audit floor", floor, [request("GET", f"/find-audit/{one}") for one in kept], b" 200"
        ),
        "find floor": Load("find floor", floor, [request("GET", f"/find/{one}") for one in kept], b" 200"),
    }


RATIOS = (
    ("create / insert", "create", "create floor", 0.5),
    ("read / find and audit", "read", "find and audit floor", 0.7),
    ("read / find alone", "read", "find floor", None),
)


def main() -> None:
    """Measure, and print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console = Console()
    rates: dict[str, list[float]] = {}
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder), options.workers) as (port, floor, token):
        kinds = loads(port, floor, token)
        for load in kinds.values():
            run(load, options.clients, 1.0)
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("measuring", total=options.rounds * len(kinds))
            for _ in range(options.rounds):
                for name, load in kinds.items():
                    rate, spent = run(load, options.clients, options.seconds)
                    rates.setdefault(name, []).append(rate)
                    times.setdefault(name, []).extend(spent)
                    progress.advance(task)
    report(console, options, rates, times)


def report(
    console: Console, options: argparse.Namespace, rates: dict[str, list[float]], times: dict[str, list[float]]
) -> None:
    """Print the figures, and write them as JSON where asked."""
    table = Table("request", "a second (median)", "p50 ms", "p99 ms")
    figures = {}
    for name, found in rates.items():
        ordered = sorted(times[name])
        p50, p99 = ordered[len(ordered) // 2] * 1000, ordered[int(len(ordered) * 0.99)] * 1000
        figures[name] = {"rate": statistics.median(found), "p50_ms": p50, "p99_ms": p99}
        table.add_row(name, f"{statistics.median(found):,.0f}", f"{p50:.1f}", f"{p99:.1f}")
    console.print(table)
    ratios = {}
    for name, ours, theirs, goal in RATIOS:
        ratio = statistics.median(a / b for a, b in zip(rates[ours], rates[theirs], strict=True))
        ratios[name] = ratio
        console.print(f"{name}: {ratio:.2f}" + (f" (to reach: {goal})" if goal else ""))
    if options.json:
        options.json.write_text(json.dumps({"figures": figures, "ratios": ratios}, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Measure the push of a 5-line prescription and `$find-prescription` beside their floors, interleaved in one run.

    scripts/benchmark prescription [--rounds 5] [--count 60]

The push is validated, checked by all rules, numbered, committed with its Tasks and audited; its PDF is made after it.
Its floor is one durable MongoDB transaction that inserts as many documents of the same bytes, behind a bare Flask route
on the same WSGI server; that of the find is one indexed find with one durable audit insert. One client at a time:
what counts is the ratio of the best times.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from fhirserver.access import issuer
from fhirserver.demo import ordonnance, people
from fhirserver.demo.running import free_port
from fhirserver.store.local import LocalMongod

HERE = Path(__file__).resolve().parent
FHIR = {"Content-Type": "application/fhir+json"}


def bundle() -> dict[str, Any]:
    """Return a push of five lines under a group of its own; patient and prescriber are there already."""
    made = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC) - timedelta(minutes=1))
    first, second = made["entry"][2], made["entry"][3]
    for entry in (first, second):
        made["entry"].append({**copy.deepcopy(entry), "fullUrl": f"urn:uuid:{uuid.uuid4()}"})
    return made


def main() -> None:
    """Measure and print times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, LocalMongod(Path(name) / "mongodb") as mongod:
        folder, port, floor = Path(name), free_port(), free_port()
        environment = {**os.environ, "MONGODB_URI": mongod.uri, "FHIRSERVER_STATE": name, "FHIRSERVER_WORKERS": "1"}
        commands = (
            [sys.executable, "-m", "fhirserver.cli", "serve", "--port", str(port)],
            [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1",
             "--blocking-threads", "4", "--port", str(floor), "--no-log", "benchmark_floor:application"],
        )  # fmt: skip
        running = [subprocess.Popen(command, env=environment, cwd=HERE) for command in commands]  # noqa: S603 - fixed
        try:
            for address in (f"http://127.0.0.1:{port}/ready", f"http://127.0.0.1:{floor}/"):
                wait(address)
            measure(f"http://127.0.0.1:{port}/fhir", f"http://127.0.0.1:{floor}", folder, options)
        finally:
            for one in running:
                one.terminate()
                one.wait(20)


def measure(base: str, floor: str, folder: Path, options: argparse.Namespace) -> None:
    """Send all kinds of requests in turns."""
    session = requests.Session()
    prescriber = {"Authorization": f"Bearer {issuer.mint(folder, 'fhirserver', 'prescriber')}", **FHIR}
    pharmacist = {"Authorization": f"Bearer {issuer.mint(folder, 'fhirserver', 'pharmacist')}", **FHIR}
    issued: list[str] = []

    def push() -> None:
        answer = session.post(base, data=json.dumps(bundle()), headers=prescriber, timeout=30)
        issued.append(answer.json()["identifier"]["value"])

    push()
    lines = [json.dumps(entry["resource"]) for entry in bundle()["entry"][2:]]
    # five lines, two Tasks; two of the number's and the key's claims, and what is left to be done
    parts = ["{}", "{}", *lines, lines[0], lines[0]]
    kept = session.post(f"{floor}/insert", data=lines[0], timeout=30).text

    def find() -> None:
        asked = {"resourceType": "Parameters", "parameter": [{"name": "number", "valueString": issued[-1]}]}
        answer = session.post(f"{base}/$find-prescription", data=json.dumps(asked), headers=pharmacist, timeout=30)
        answer.raise_for_status()

    kinds: dict[str, Callable[[], object]] = {
        "push": push,
        "push floor": lambda: session.post(
            f"{floor}/transaction", data="\n".join(parts), timeout=30
        ).raise_for_status(),
        "find": find,
        "find floor": lambda: session.get(f"{floor}/find-audit/{kept}", timeout=30).raise_for_status(),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(options.rounds):
        for name, send in kinds.items():
            for _ in range(options.count):
                begun = time.perf_counter()
                send()
                times[name].append(time.perf_counter() - begun)
    best = {name: sorted(found)[len(found) // 10] for name, found in times.items()}
    for name, found in times.items():
        print(f"{name:12} p10 {best[name] * 1000:6.2f} ms   p50 {sorted(found)[len(found) // 2] * 1000:6.2f} ms")
    print(f"push / floor: {best['push floor'] / best['push']:.2f} (to reach: 0.5)")
    print(f"find / floor: {best['find floor'] / best['find']:.2f} (to reach: 0.7)")


def wait(address: str) -> None:
    """Return once a server answers."""
    for _ in range(600):
        try:
            requests.get(address, timeout=2)
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(address)


if __name__ == "__main__":
    main()

"""1,000 at once: `$take` of one Task gives one holder; `$dispense` of one unit each of a line of 30 gives exactly 30.

    scripts/contend [--count 1000] [--clients 32] [--kill SECONDS]

With --kill, a process of the server is killed as often as that, and clients ask again. Starts a server of its own
with a local MongoDB, prints how the answers divide and how long it took, and ends with status 1 where they do not
divide as they must.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from fhirserver.access import issuer
from fhirserver.demo import ordonnance, people
from fhirserver.demo.running import RunningServer

FHIR = "application/fhir+json"
PATIENCE = 120


def main() -> None:
    """Run both contests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--kill", type=float, default=0, help="seconds between two kills")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = RunningServer(Path(folder), 0)
        try:
            server.wait()
            if chosen.kill:
                threading.Thread(target=kill, args=(server, chosen.kill), daemon=True).start()
            right = contest(server, chosen.count, chosen.clients)
        finally:
            server.stop()
    sys.exit(0 if right else 1)


def kill(server: RunningServer, pause: float) -> None:
    """Kill one of the server's processes now and then, but not its MongoDB."""
    while not server.ended():
        time.sleep(pause)
        children = [
            int(child)
            for task in Path(f"/proc/{server.process}/task").glob("*/children")
            for child in task.read_text().split()
            if b"mongod" not in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(children), signal.SIGKILL)  # noqa: S311 - whichever


def contest(server: RunningServer, count: int, clients: int) -> bool:
    """Return whether all answers divided as they must."""
    mint = lambda persona, **claims: issuer.mint(server.state, "fhirserver", persona, **claims)  # noqa: E731 - two uses
    number, line = push(server, mint("prescriber"))
    tokens = [mint("pharmacist", rpps=people.rpps(f"1{at:09d}"), structure=f"17500{at:05d}") for at in range(count)]
    took = together("$take", lambda at: post(server, "$take", tokens[at], number=number), count, clients)
    right = took == Counter({200: 1, 423: count - 1})

    number, line = push(server, mint("prescriber"))
    holder = tokens[0]
    task = post(server, "$take", holder, number=number).json()["id"]

    def one(_: int) -> requests.Response:
        body = {
            "resourceType": "MedicationDispense",
            "identifier": [{"system": "urn:oid:1.2.250.1.999.7", "value": str(uuid.uuid4())}],
            "status": "completed",
            "medicationCodeableConcept": {"text": "Paracétamol 1 g"},
            "authorizingPrescription": [{"reference": line}],
            "quantity": {"value": 1, "unit": "comprimé"},
            "whenHandedOver": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        return post(server, f"Task/{task}/$dispense", holder, dispense=body)

    gave = together("$dispense", one, count, clients)
    return right and gave == Counter({200: 30, 409: count - 30})


def push(server: RunningServer, token: str) -> tuple[str, str]:
    """Issue an ordonnance with a line of 30 tablets; return its number and that line."""
    bundle = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC) - timedelta(minutes=1))
    bundle["entry"][2]["resource"]["dispenseRequest"] = {
        "numberOfRepeatsAllowed": 0,
        "quantity": {"value": 30, "unit": "comprimé"},
    }
    answer = send(server, "", token, bundle).json()
    location = answer["entry"][2]["response"]["location"].split("/")
    return answer["identifier"]["value"], "/".join(location[-4:-2])


def together(name: str, ask: Callable[[int], requests.Response], count: int, clients: int) -> Counter[int]:
    """Ask many times at once; print and return how the statuses divide."""
    begun = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        statuses = Counter(answer.status_code for answer in pool.map(ask, range(count)))
    print(f"{name}: {dict(statuses)} in {time.monotonic() - begun:.1f} s")
    return statuses


def post(server: RunningServer, path: str, token: str, **parameters: Any) -> requests.Response:
    """Invoke an operation."""
    listed = [
        {"name": name, "resource" if isinstance(value, dict) else "valueString": value}
        for name, value in parameters.items()
    ]
    return send(server, path, token, {"resourceType": "Parameters", "parameter": listed})


def send(server: RunningServer, path: str, token: str, body: dict[str, Any]) -> requests.Response:
    """Send a resource."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": FHIR, "Accept": FHIR}
    until = time.monotonic() + PATIENCE
    while True:
        try:
            answer = requests.post(f"{server.base}/{path}".rstrip("/"), json=body, headers=headers, timeout=120)
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
        else:
            if answer.status_code != requests.codes.service_unavailable or time.monotonic() > until:
                return answer
        time.sleep(0.1)


if __name__ == "__main__":
    main()

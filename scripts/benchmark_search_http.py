"""Measure hot queries over HTTP, on bases of growing size, beside a bare Flask route that does that find.

The route (benchmark_floor.py) runs on the same WSGI server, with the same find on the same base and index, writes one
durable audit record, and answers the bodies: no FHIR, no token, no chain. Servers of all sizes run at once and take
turns with their floors, request by request, so that what else the machine does falls on all of them alike.
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from benchmark_server import running
from bson import json_util

from fhirserver.access import issuer
from fhirserver.demo.running import free_port

HERE: Final = Path(__file__).resolve().parent

Text = Callable[[int], str]


class Target:
    """One server, and how long its answers took."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._headers = headers
        self.times: dict[str, list[float]] = {}

    def ask(self, name: str, path: str) -> bytes:
        """Send a request; note its time under a name."""
        begin = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self.times.setdefault(name, []).append(time.perf_counter() - begin)
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path}: {answer.status} {body[:500]!r}")
        return body


class Bench:
    """Servers and floors over some bases.

    Args:
        uri: of MongoDB.
        folder: for logs, keys, and what the floors are to find.
        rounds: requests of each kind.
    """

    def __init__(self, uri: str, folder: Path, rounds: int) -> None:
        self._uri, self._folder, self._rounds = uri, folder, rounds
        self._stack = contextlib.ExitStack()
        self._pairs: dict[int, tuple[Target, Target]] = {}
        self._queries: dict[int, dict[str, tuple[str, Text]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, size: int, database: str, queries: dict[str, tuple[str, Text]], finds: dict[str, list[Any]]) -> None:
        """Start a server and a floor over a base.

        Args:
            size: of the base.
            database: its name.
            queries: type, and the query string of the n-th request, by name.
            finds: condition, sort, limit and hint of the same, by name.
        """
        place = self._folder / f"finds-{size}.json"
        place.write_text(json_util.dumps(finds))
        port, floor = free_port(), free_port()
        shared = {
            "MONGODB_URI": self._uri, "FHIRSERVER_STATE": str(self._folder), "FHIRSERVER_WORKERS": "1",
            "FHIRSERVER_DATABASE": database, "FLOOR_DATABASE": database, "FLOOR_FINDS": str(place),
        }  # fmt: skip
        granian = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1",
            "--blocking-threads", "4", "--port", str(floor), "--no-log", "benchmark_floor:application",
        ]  # fmt: skip
        serve = [sys.executable, "-m", "fhirserver.cli", "serve", "--port", str(port)]
        self._stack.enter_context(running(serve, shared, port, self._folder / f"server-{size}.log"))
        self._stack.enter_context(running(granian, shared, floor, self._folder / f"floor-{size}.log"))
        token = issuer.mint(self._folder, "fhirserver", "prescriber")
        self._pairs[size] = Target(port, {"Authorization": f"Bearer {token}"}), Target(floor, {})
        self._queries[size] = queries

    def measure(self) -> dict[str, Any]:
        """Ask all in turn; return medians in milliseconds and their ratios."""
        for at in range(-20, self._rounds):
            if at == 0:
                for pair in self._pairs.values():
                    for target in pair:
                        target.times.clear()
            for size, (server, floor) in self._pairs.items():
                for name, (kind, text) in self._queries[size].items():
                    number = at % self._rounds
                    bundle = server.ask(name, f"/fhir/{kind}?{quote(text(number), safe='=&:,.|_-')}")
                    found = floor.ask(name, f"/search/{quote(name)}/{number}")
                    assert bundle.count(b'"versionId"') == found.count(b'"versionId"'), (name, number)
        return self._told()

    def _told(self) -> dict[str, Any]:
        smallest = min(self._pairs)
        result: dict[str, Any] = {}
        for size, (server, floor) in sorted(self._pairs.items()):
            for name in self._queries[size]:
                ours, theirs = (statistics.median(target.times[name]) * 1_000 for target in (server, floor))
                first = statistics.median(self._pairs[smallest][0].times[name]) * 1_000
                result.setdefault(name, {})[size] = {
                    "ms": round(ours, 2), "floor_ms": round(theirs, 2), "ratio": round(ours / theirs, 2),
                    "against_smallest": round(ours / first, 2),
                }  # fmt: skip
        return result

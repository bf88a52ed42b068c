"""Documents of 20 MB: in constant memory as content, in three times their body inside a submission."""

from __future__ import annotations

import gc
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fhirserver.demo import people
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, Server, start, stop
from tests.http.dmp.conftest import build_submission, ids, make_record
from tests.http.processes import children

MEGABYTE = 1024 * 1024
SIZE = 20 * MEGABYTE


class Memory:
    """Memory of a server's processes, in bytes, by what the kernel says of them."""

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def processes(self) -> list[int]:
        found, waiting = [], [self._parent]
        while waiting:
            number = waiting.pop()
            found.append(number)
            waiting += children(number)
        return found

    def begin(self) -> dict[int, int]:
        """Forget the peaks; return what is in use."""
        for number in self.processes():
            Path(f"/proc/{number}/clear_refs").write_text("5")
        return self._read("VmRSS")

    def growth(self, before: dict[int, int]) -> int:
        """Return by how much the process that grew most exceeded what it had."""
        return max(peak - before.get(number, 0) for number, peak in self._read("VmHWM").items())

    def _read(self, name: str) -> dict[int, int]:
        told = {}
        for number in self.processes():
            lines = Path(f"/proc/{number}/status").read_text().splitlines()
            told[number] = next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
        return told


@pytest.fixture(scope="module")
def roomy(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Memory]]:
    """A server of one process that takes documents of 32 MB."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux's /proc")
    folder = tmp_path_factory.mktemp("roomy")
    running, process = start(
        folder, mongod.uri, database="roomy", workers="1", dmp_max_document=str(32 * MEGABYTE), profile_policy=""
    )
    yield running, Memory(process.pid)
    stop(process)


def test_content_goes_up_and_down_in_constant_memory(roomy: tuple[Server, Memory]) -> None:
    server, memory = roomy
    client = Client(server, server.token("operator"))
    client.post("Binary", b"%PDF-1.4 warm", Content_Type="application/pdf")
    assert client.get("metadata").ok  # made in the background after the start, it would count as growth
    content = b"%PDF-1.4" + secrets.token_bytes(2 * SIZE)
    before = memory.begin()
    created = client.post("Binary", content, Content_Type="application/pdf")
    assert created.status_code == 201
    up = memory.growth(before)
    before = memory.begin()
    assert client.get(f"Binary/{created.json()['id']}").content == content
    down = memory.growth(before)
    assert up < SIZE, f"{up / MEGABYTE:.1f} MB to take in {2 * SIZE / MEGABYTE:.0f} MB"
    assert down < 2 * SIZE, f"{down / MEGABYTE:.1f} MB to give out {2 * SIZE / MEGABYTE:.0f} MB"


def test_a_submission_takes_three_times_its_body_at_most(roomy: tuple[Server, Memory]) -> None:
    server, memory = roomy
    operator, hospital = (Client(server, server.token(persona)) for persona in ("operator", "hospital"))
    custodian = operator.post("Organization", people.hospital()).json()["id"]
    record = make_record(operator)
    build: Callable[..., dict[str, Any]] = build_submission
    warm = hospital.post("", build(record, f"Organization/{custodian}"))
    assert warm.status_code == 200, warm.text
    content = b"%PDF-1.4" + secrets.token_bytes(SIZE)
    body = json.dumps(build(record, f"Organization/{custodian}", content)).encode()
    gc.collect()
    before = memory.begin()
    answer = hospital.post("", body)
    assert answer.status_code == 200, answer.text
    peak = memory.growth(before)
    assert peak <= 3 * len(body), f"{peak / len(body):.2f} times the body"
    assert hospital.get(f"Binary/{ids(answer)['Binary']}", Accept="application/pdf").content == content

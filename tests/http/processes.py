"""The processes of a server under test, as Linux tells of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60


def children(process: int) -> list[int]:
    """Return what a process started and what is still there."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    return [int(number) for thread in threads for number in thread.read_text().split()]


def outbox_of(server: int) -> int | None:
    """Return the process of the outbox that a server started, if it is there."""
    return next((number for number in children(server) if name_of(number) == "outbox"), None)


def name_of(process: int) -> str:
    """Return how Linux names a process; nothing for one that has ended."""
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
        return Path(f"/proc/{process}/comm").read_text().strip() if command else ""
    except OSError:
        return ""


def until(find: Callable[[], T | None]) -> T:
    """Wait for something, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")

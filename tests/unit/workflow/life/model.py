"""What becomes of prescriptions, as the specification says it: a model that shares no line with the server.

Days are those of Paris. Each method answers the HTTP status that the caller must get, and changes the model as the
server must change.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
LEASE: Final = timedelta(minutes=120)
WITHDRAWAL: Final = timedelta(minutes=1440)
ACCESS: Final = timedelta(days=30)
PHARMACIES: Final = ("pharmacy-a", "pharmacy-b")
ELIGIBLE: Final = {"pharmacy": set(PHARMACIES), "laboratory": {"laboratory"}}
OPEN: Final = ("issued", "taken", "partly-executed")


def months_later(day: date, count: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass
class Given:
    """One delivery; `count` is None where nothing was delivered."""

    identifier: str
    by: str
    on: date
    count: int | None
    withdrawn: bool = False


@dataclass(eq=False)
class Line:
    """A line: `total` units, of which `step` at a time, one unit a day; an act has one execution and no total."""

    kind: str
    drafted: date
    total: int | None
    step: int
    until: date | None = None
    status: str = "active"
    given: list[Given] = field(default_factory=list)

    def counts(self) -> list[tuple[date, int]]:
        return [(each.on, each.count) for each in self.given if each.count is not None and not each.withdrawn]

    @property
    def begun(self) -> bool:
        return bool(self.counts())

    @property
    def left(self) -> int:
        return (1 if self.total is None else self.total) - sum(count for _, count in self.counts())

    def over(self, day: date) -> bool:
        """Whether its validity has ended: three months for a first delivery, twelve in all; acts have no end."""
        if self.kind == "act":
            return False
        last = min(filter(None, (months_later(self.drafted, 12), self.until)))
        return day > last or (not self.begun and day > months_later(self.drafted, 3))

    def valid(self, day: date) -> bool:
        return self.status in ("active", "completed") and not self.over(day)

    def finished(self, day: date) -> bool:
        return self.status not in ("active", "completed") or self.left <= 0 or self.over(day)

    def revoke(self) -> None:
        """Stop what remains."""
        if self.status == "active" and self.left <= 0:
            self.status = "completed"
        elif self.status == "active":
            self.status = "revoked" if self.kind == "act" else "stopped" if self.begun else "cancelled"

    def today(self, day: date) -> int:
        """What may be delivered without a reason: one step, the next when what was delivered has been taken."""
        through, taken = self.drafted, 0
        for on, count in self.counts():
            if on >= through:
                taken = 0
            through, taken = max(through, on) + timedelta(days=count), taken + count
        return min(self.left, self.step - (0 if day >= through else taken))


@dataclass
class Task:
    """What one kind of professional executes."""

    kind: str
    lines: dict[str, Line]
    state: str = "issued"
    holder: str | None = None
    until: datetime | None = None
    recorded: list[Given] = field(default_factory=list)
    receipt_of: str | None = None

    def held(self, now: datetime) -> bool:
        return self.state == "taken" and self.until is not None and self.until > now

    def holds(self, actor: str) -> bool:
        return self.state == "taken" and self.holder == actor

    @property
    def executed(self) -> bool:
        return any(line.begun for line in self.lines.values())

    def valid(self, day: date) -> bool:
        return any(line.valid(day) for line in self.lines.values())

    def remains(self, day: date) -> bool:
        return any(not line.finished(day) for line in self.lines.values())

    def free(self, state: str) -> None:
        self.state, self.holder, self.until, self.recorded = state, None, None, []

    def settle(self, day: date) -> None:
        """Write on lines that are over how they ended."""
        for line in self.lines.values():
            if line.status == "active" and line.finished(day):
                line.status = "completed" if line.left <= 0 else "revoked" if line.kind == "act" else "stopped"

    def sign_off(self) -> None:
        """Sign what its holder recorded and did not close."""
        if any(not each.withdrawn for each in self.recorded):
            self.receipt_of = self.holder

    def end(self, state: str) -> None:
        """End it with all its lines."""
        for line in self.lines.values():
            line.revoke()
        self.free(state)


@dataclass
class Prescription:
    """Its Tasks by kind."""

    tasks: dict[str, Task]


class Model:
    """All prescriptions, who knows of which, and the clock."""

    def __init__(self, start: datetime) -> None:
        self.start = self.now = start
        self.known: dict[tuple[str, str], datetime] = {}
        self.prescriptions: dict[str, Prescription] = {}

    @property
    def day(self) -> date:
        return self.now.astimezone(PARIS).date()

    def knows(self, actor: str, number: str) -> bool:
        return self.known.get((actor, number), self.start) > self.now

    def learns(self, actor: str, number: str) -> None:
        self.known[actor, number] = self.now + ACCESS

    def expire(self, task: Task) -> None:
        if task.state in OPEN and not task.valid(self.day) and not task.held(self.now):
            task.settle(self.day)
            task.free("expired")

    def find(self, actor: str, number: str) -> int:
        self.learns(actor, number)
        for task in self.prescriptions[number].tasks.values():
            self.expire(task)
        return 200

    def take(self, actor: str, number: str, kind: str) -> int:
        task = self.prescriptions[number].tasks[kind]
        if not self.knows(actor, number):
            return 404
        free = task.state in OPEN and not task.held(self.now) and task.valid(self.day)
        if actor not in ELIGIBLE[kind]:
            return 403
        if not free and not task.holds(actor):
            if task.state in OPEN:
                return 423 if task.held(self.now) else 410
            return 409 if task.state == "executed" else 410
        if not (task.holds(actor) and task.held(self.now)):
            if not task.holds(actor):
                task.sign_off()
                task.recorded = []
            task.state, task.holder, task.until = "taken", actor, self.now + LEASE
        self.learns(actor, number)
        return 200

    def _not_held(self, actor: str, task: Task) -> int | None:
        """Return the refusal of what only the holder does."""
        if task.holds(actor):
            return None
        if actor not in ELIGIBLE[task.kind]:
            return 403
        if task.state == "taken":
            return 412
        return 409 if task.state in ("issued", "partly-executed", "executed") else 410

    def release(self, actor: str, number: str, kind: str) -> int:
        task = self.prescriptions[number].tasks[kind]
        if not self.knows(actor, number):
            return 404
        refused = self._not_held(actor, task)
        if refused:
            return refused
        task.settle(self.day)
        task.sign_off()
        task.free("partly-executed" if task.executed else "issued")
        return 200

    def dispense(self, number: str, line: Line, given: Given, *, confirmed: bool) -> int:
        actor = given.by
        task = next(each for each in self.prescriptions[number].tasks.values() if line in each.lines.values())
        if not self.knows(actor, number):
            return 404
        refused = self._not_held(actor, task)
        if refused:
            return refused
        if line.status not in ("active", "completed") or line.over(self.day):
            return 410
        if given.count is not None:
            if given.count > line.left:
                return 409
            if given.count > line.today(self.day) and not confirmed and line.kind != "act":
                return 422
        line.given.append(given)
        task.recorded.append(given)
        task.until = max(task.until or self.now, self.now + LEASE)
        self.learns(actor, number)
        return 200

    def close(self, actor: str, number: str, kind: str) -> int:
        task = self.prescriptions[number].tasks[kind]
        if not self.knows(actor, number):
            return 404
        if task.state in ("partly-executed", "executed") and task.receipt_of == actor:
            return 200
        refused = self._not_held(actor, task)
        if refused:
            return refused
        goes_on = task.remains(self.day) and task.valid(self.day)
        recorded = any(not each.withdrawn for each in task.recorded)
        if not recorded and not (task.executed and not task.remains(self.day)):
            return 409
        task.settle(self.day)
        task.free("partly-executed" if goes_on else "executed")
        task.receipt_of = actor
        return 200

    def cancel(self, actor: str, number: str, chosen: str | None) -> int:
        """Cancel or stop all of it, or one line."""
        tasks = [t for t in self.prescriptions[number].tasks.values() if chosen is None or chosen in t.lines]
        if actor != "prescriber":
            return 403
        if any(task.held(self.now) for task in tasks):
            return 423
        going_on = [task for task in tasks if task.state in OPEN]
        if not going_on:
            return 409 if tasks[0].state == "executed" else 410
        if chosen is not None:
            (task,) = going_on
            if task.lines[chosen].status != "active" or task.lines[chosen].left <= 0:
                return 409
            others = [each for name, each in task.lines.items() if name != chosen and not each.finished(self.day)]
            if others:
                task.lines[chosen].revoke()
                return 200
        for task in going_on:
            begun = task.state == "partly-executed" or (task.state == "taken" and task.executed)
            task.end("stopped" if begun else "cancelled")
        return 200

    def replace(self, actor: str, number: str) -> int:
        tasks = list(self.prescriptions[number].tasks.values())
        if actor != "prescriber":
            return 403
        if any(task.held(self.now) for task in tasks):
            return 423
        going_on = [task for task in tasks if task.state in OPEN]
        if not going_on:
            return 409 if tasks[0].state == "executed" else 410
        for task in going_on:
            task.end("replaced")
        return 200

    def withdraw(self, actor: str, number: str, kind: str, line: Line, given: Given) -> int:
        task = self.prescriptions[number].tasks[kind]
        if not self.knows(actor, number):
            return 404
        if given.by != actor:
            return 403
        if task.state not in OPEN or self.now > self.start + WITHDRAWAL:
            return 409
        if task.held(self.now) and not task.holds(actor):
            return 423
        if given.withdrawn:
            return 409
        given.withdrawn = True
        if line.status == "completed" and not line.finished(self.day):
            line.status = "active"
        return 200

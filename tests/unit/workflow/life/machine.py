"""Everybody does anything at any time to some prescriptions, on the server and on the model: both must agree."""

from __future__ import annotations

import copy
import uuid
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.workflow.life.model import PARIS, PHARMACIES, Given, Line, Model, Prescription, Task
from tests.unit.workflow.life.server import Clock, InProcess, Json, execution, push, signed

MOST = 3
"""Prescriptions of one run."""
_OF_KIND = {"single": (30, 30), "renewed": (84, 28), "act": (None, 1)}
_SOMEBODY = st.sampled_from([*PHARMACIES, *PHARMACIES, "laboratory"])
_WAITS = [45] * 6 + [90] * 2 + [150] * 2 + [24 * 60] * 2 + [days * 24 * 60 for days in (12, 31, 95)]
"""Minutes: within a lease and the time for corrections, beyond them, days, and beyond a validity."""
_WHICH = st.integers(0, 11)


class Life(RuleBasedStateMachine):
    """The operations, at random."""

    def __init__(self, server: InProcess) -> None:
        super().__init__()
        self.server = server
        Clock.present = datetime.now(UTC).replace(microsecond=0)
        self.model = Model(Clock.present)
        self.pushed: dict[str, Json] = {}
        self.ids: dict[tuple[str, str], str] = {}
        self.recorded: list[tuple[str, str, str, Given, Json, str]] = []

    # Issuing

    @initialize()
    def begin(self) -> None:
        self.issue(["single", "renewed", "act"], 0, None, known=True)

    @precondition(lambda self: len(self.model.prescriptions) < MOST)
    @rule(
        kinds=st.sampled_from([["single"], ["renewed"], ["single", "renewed"], ["single", "act"]]),
        days_ago=st.sampled_from([0, 0, 80, 95]),
        days_left=st.sampled_from([None, None, 2]),
        known=st.sampled_from([True, True, True, False]),
    )
    def issue(self, kinds: list[str], days_ago: int, days_left: int | None, known: bool) -> None:  # noqa: FBT001 - drawn
        drafted = self.model.now - timedelta(days=days_ago)
        until = None if days_left is None else self.model.day + timedelta(days=days_left)
        bundle = push(kinds, drafted, until)
        status, answer = self.server.send("prescriber", "POST", "", copy.deepcopy(bundle))
        assert status == 200, answer
        number = self.adopt(bundle, answer, kinds, drafted, until)
        for actor in (*PHARMACIES, "laboratory") if known else ():
            self.found(actor, number)

    def adopt(self, bundle: Json, answer: Json, kinds: list[str], drafted: datetime, until: date | None) -> str:
        number: str = answer["identifier"]["value"]
        places = ["/".join(entry["response"]["location"].split("/")[-4:-2]) for entry in answer["entry"]][2:]
        day = drafted.astimezone(PARIS).date()
        tasks: dict[str, Task] = {}
        for kind, place in zip(kinds, places, strict=True):
            total, step = _OF_KIND[kind]
            line = Line(kind, day, total, step, until if kind == "single" else None)
            name = "laboratory" if kind == "act" else "pharmacy"
            tasks.setdefault(name, Task(name, {})).lines[place] = line
        self.model.prescriptions[number] = Prescription(tasks)
        self.pushed[number] = bundle
        self.look_up(number)
        return number

    def look_up(self, number: str) -> None:
        status, found = self.server.operate("operator", "$find-prescription", number=number)
        assert status == 200
        for entry in found["entry"]:
            if entry["resource"]["resourceType"] == "Task":
                kind = entry["resource"]["code"]["coding"][0]["code"]
                self.ids[number, kind] = entry["resource"]["id"]
        for task in self.model.prescriptions[number].tasks.values():
            self.model.expire(task)

    def some(self, which: int) -> tuple[str, str, str, Line]:
        """Return number, kind of Task, reference and line of one of all lines."""
        lines = [
            (number, task.kind, reference, line)
            for number, prescription in self.model.prescriptions.items()
            for task in prescription.tasks.values()
            for reference, line in task.lines.items()
        ]
        return lines[which % len(lines)]

    @rule(which=_WHICH, changed=st.booleans())
    def push_again(self, which: int, changed: bool) -> None:  # noqa: FBT001 - drawn
        number = self.some(which)[0]
        bundle = copy.deepcopy(self.pushed[number])
        if changed:
            bundle["entry"][2]["resource"]["priority"] = "urgent"
        status, answer = self.server.send("prescriber", "POST", "", bundle)
        assert status == (409 if changed else 200), answer
        assert changed or answer["identifier"]["value"] == number

    # Executing

    @rule(actor=_SOMEBODY, which=_WHICH)
    def find(self, actor: str, which: int) -> None:
        self.found(actor, self.some(which)[0])

    def found(self, actor: str, number: str) -> None:
        status, answer = self.server.operate(actor, "$find-prescription", number=number)
        assert status == self.model.find(actor, number), answer

    @rule(actor=_SOMEBODY, which=_WHICH)
    def take(self, actor: str, which: int) -> None:
        self.move("$take", actor, which)

    @rule(actor=_SOMEBODY, which=_WHICH)
    def release(self, actor: str, which: int) -> None:
        self.move("$release", actor, which)

    @rule(actor=_SOMEBODY, which=_WHICH)
    def close(self, actor: str, which: int) -> None:
        self.move("$close", actor, which)

    def move(self, name: str, actor: str, which: int) -> None:
        number, kind, _, _ = self.some(which)
        status, answer = self.server.operate(actor, f"Task/{self.ids[number, kind]}/{name}")
        act = {"$take": self.model.take, "$release": self.model.release, "$close": self.model.close}[name]
        assert status == act(actor, number, kind), (name, answer)

    @rule(
        actor=_SOMEBODY,
        which=_WHICH,
        count=st.sampled_from([None, 1, 5, 15, 28, 30, 60]),
        confirmed=st.booleans(),
        ahead=st.sampled_from([True, True, False]),
    )
    def dispense(self, actor: str, which: int, count: int | None, confirmed: bool, ahead: bool) -> None:  # noqa: FBT001 - drawn
        number, kind, reference, line = self.some(which)
        if ahead:  # the usual way: found, taken, delivered
            self.find(actor, which)
            self.take(actor, which)
        if line.kind == "act":
            count = 1
        given = Given(str(uuid.uuid4()), actor, self.model.day, count)
        body = execution(reference, given.identifier, self.model.now, count, confirmed=confirmed)
        path = f"Task/{self.ids[number, kind]}/$dispense"
        status, answer = self.server.operate(actor, path, dispense=body)
        expected = self.model.dispense(number, line, given, confirmed=confirmed)
        assert status == expected, (status, expected, answer)
        if status == 200:
            made = answer["parameter"][1]["part"][0]["resource"]
            place = f"{made['resourceType']}/{made['id']}"
            self.recorded.append((number, kind, reference, given, body, place))
            left = {part["name"]: part for part in answer["parameter"][1]["part"]}.get("remaining")
            if line.total is not None and line.begun:
                assert left is not None
                assert left["valueQuantity"]["value"] == line.left

    @rule(which=_WHICH, count=st.sampled_from([1, 10, 14, 28, 30]), closing=st.booleans())
    def go_on(self, which: int, count: int, closing: bool) -> None:  # noqa: FBT001 - drawn
        """Deliver by who holds it, or would take it; perhaps close."""
        number, kind, _, line = self.some(which)
        holder = self.model.prescriptions[number].tasks[kind].holder
        usual = "laboratory" if line.kind == "act" else PHARMACIES[count % 2]
        self.dispense(holder or usual, which, count, confirmed=False, ahead=True)
        if closing:
            self.move("$close", holder or usual, which)

    @precondition(lambda self: self.recorded)
    @rule(which=_WHICH, changed=st.booleans())
    def dispense_again(self, which: int, changed: bool) -> None:  # noqa: FBT001 - drawn
        *_, given, body, place = self.recorded[which % len(self.recorded)]
        again = {**body, "note": [{"text": "autre contenu"}]} if changed else body
        status, answer = self.server.send(given.by, "POST", body["resourceType"], copy.deepcopy(again))
        assert status == (409 if changed else 201), answer
        assert changed or f"{answer['resourceType']}/{answer['id']}" == place

    @precondition(lambda self: self.recorded)
    @rule(actor=_SOMEBODY, own=st.booleans(), which=_WHICH)
    def withdraw(self, actor: str, own: bool, which: int) -> None:  # noqa: FBT001 - drawn
        number, kind, reference, given, _, place = self.recorded[which % len(self.recorded)]
        actor = given.by if own else actor
        status, answer = self.server.operate(actor, f"{place}/$cancel", reason="dispensing-error")
        line = self.model.prescriptions[number].tasks[kind].lines[reference]
        expected = self.model.withdraw(actor, number, kind, line, given)
        assert status == expected, (status, expected, answer)

    # Ending

    @rule(
        actor=st.sampled_from(["prescriber", "prescriber", "prescriber", "doctor"]),
        which=_WHICH,
        whole=st.sampled_from([False, False, True]),
    )
    def cancel(self, actor: str, which: int, whole: bool) -> None:  # noqa: FBT001 - drawn
        number, _, reference, _ = self.some(which)
        line = None if whole else reference
        status, answer = self.server.operate(actor, "$cancel", number=number, line=line, reason="treatment-change")
        expected = self.model.cancel(actor, number, line)
        assert status == expected, (status, expected, answer)

    @precondition(lambda self: len(self.model.prescriptions) < MOST)
    @rule(actor=st.sampled_from(["prescriber", "prescriber", "doctor"]), which=_WHICH)
    def replace(self, actor: str, which: int) -> None:
        number = self.some(which)[0]
        bundle = push(["single"], self.model.now, None)
        status, answer = self.server.operate(actor, "$replace", number=number, bundle=copy.deepcopy(bundle))
        expected = self.model.replace(actor, number)
        assert status == expected, (status, expected, answer)
        if status == 200:
            parts = {part["name"]: part for part in answer["parameter"]}
            line = parts["line"]["resource"]
            task = Task("pharmacy", {f"MedicationRequest/{line['id']}": Line("single", self.model.day, 30, 30)})
            made = parts["number"]["valueIdentifier"]["value"]
            self.model.prescriptions[made] = Prescription({"pharmacy": task})
            self.pushed[made] = bundle
            self.ids[made, "pharmacy"] = parts["task"]["resource"]["id"]

    @rule(minutes=st.sampled_from(_WAITS))
    def wait(self, minutes: int) -> None:
        self.model.now += timedelta(minutes=minutes)
        Clock.present = self.model.now
        for (number, kind), identity in self.ids.items():
            self.server.expire(identity)
            self.model.expire(self.model.prescriptions[number].tasks[kind])

    # What both show

    @invariant()
    def every_task_and_line_stands_where_the_model_says(self) -> None:
        tasks = {
            f"Task/{id_}": self.model.prescriptions[number].tasks[kind] for (number, kind), id_ in self.ids.items()
        }
        lines = {reference: line for task in tasks.values() for reference, line in task.lines.items()}
        shown = self.server.stored([*tasks, *lines])
        for reference, task in tasks.items():
            assert shown[reference]["businessStatus"]["coding"][0]["code"] == task.state, reference
            assert task.state == "taken" or signed(shown[reference]), reference
        assert {name: shown[name]["status"] for name in lines} == {name: line.status for name, line in lines.items()}

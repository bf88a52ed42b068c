"""The states of a prescription's Task, and the only ways from one to the next.

`TRANSITIONS` is the whole of it: what it does not list is refused. A prescription has one Task for each kind of
executing profession; each goes its own way. `docs/prescription-states.md` is written from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fhirserver.errors import Conflict, Failure, Forbidden, Gone, Locked, PreconditionFailed
from fhirserver.issues import Text


class State(StrEnum):
    """Where a Task stands; written to `Task.businessStatus`."""

    DRAFTED = "drafted"
    ISSUED = "issued"
    TAKEN = "taken"
    PARTLY_EXECUTED = "partly-executed"
    EXECUTED = "executed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    EXPIRED = "expired"
    REPLACED = "replaced"


TASK_STATUS: Final[dict[State, str]] = {
    State.DRAFTED: "draft",
    State.ISSUED: "requested",
    State.TAKEN: "in-progress",
    State.PARTLY_EXECUTED: "ready",
    State.EXECUTED: "completed",
    State.CANCELLED: "cancelled",
    State.STOPPED: "cancelled",
    State.EXPIRED: "failed",
    State.REPLACED: "cancelled",
}
"""`Task.status` of each state (http://hl7.org/fhir/task-status)."""

ENDED: Final = frozenset({State.EXECUTED, State.CANCELLED, State.STOPPED, State.EXPIRED, State.REPLACED})
"""States that nothing leaves."""

LABELS: Final[dict[State, tuple[str, str]]] = {
    State.DRAFTED: ("en préparation", "drafted"),
    State.ISSUED: ("émise", "issued"),
    State.TAKEN: ("prise en charge", "taken"),
    State.PARTLY_EXECUTED: ("exécutée en partie", "partly executed"),
    State.EXECUTED: ("exécutée", "executed"),
    State.CANCELLED: ("annulée", "cancelled"),
    State.STOPPED: ("arrêtée", "stopped"),
    State.EXPIRED: ("expirée", "expired"),
    State.REPLACED: ("remplacée", "replaced"),
}


class Action(StrEnum):
    """What moves a Task."""

    ISSUE = "issue"
    TAKE = "take"
    RELEASE = "release"
    DISPENSE = "dispense"
    CLOSE = "close"
    CANCEL = "cancel"
    STOP = "stop"
    REPLACE = "replace"
    EXPIRE = "expire"


class Actor(StrEnum):
    """Who may move it."""

    PRESCRIBER = "the prescriber"
    EXECUTOR = "a professional of an eligible profession"
    HOLDER = "the holder"
    SERVER = "the server"


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision needs to know of a Task and of who asks.

    Attributes:
        state: where the Task stands.
        prescriber: whether the caller prescribed it.
        eligible: whether the caller's profession may execute it.
        holder: whether the caller holds it, or held it last: while nobody else does, his lease goes on when he does.
        held: whether somebody holds it and the lease has not ended.
        executed: whether anything of it was ever delivered.
        remains: whether something can still be delivered, now or later.
        recorded: whether the present holder has recorded an outcome since taking it.
        valid: whether at least one line's validity has not ended.
    """

    state: State
    prescriber: bool = False
    eligible: bool = False
    holder: bool = False
    held: bool = False
    executed: bool = False
    remains: bool = True
    recorded: bool = False
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: an action leads from these states to that one."""

    action: Action
    origins: tuple[State, ...]
    actor: Actor
    target: State
    condition: str = ""
    effect: str = ""

    def holds(self, case: Situation) -> bool:
        """Whether the row's condition holds."""
        return _CONDITIONS[self.condition](case)


_CONDITIONS: Final[dict[str, Callable[[Situation], bool]]] = {
    "": lambda _: True,
    "not held, or the lease has ended, and still valid": lambda case: not case.held and case.valid,
    "he holds it already: the same answer again": lambda case: case.holder,
    "nothing delivered yet": lambda case: not case.executed,
    "something delivered before": lambda case: case.executed,
    "an outcome was recorded, something remains and is still valid": lambda case: (
        case.recorded and case.remains and case.valid
    ),
    "an outcome was recorded, nothing remains or validity has ended": lambda case: (
        (case.recorded or (case.executed and not case.remains)) and not (case.remains and case.valid)
    ),
    "not held": lambda case: not case.held,
    "the lease has ended, nothing delivered yet": lambda case: not case.held and not case.executed,
    "the lease has ended, something delivered before": lambda case: not case.held and case.executed,
    "validity ended and not held": lambda case: not case.valid and not case.held,
}

TRANSITIONS: Final = (
    Transition(Action.ISSUE, (State.DRAFTED,), Actor.PRESCRIBER, State.ISSUED, effect="number given, lines locked"),
    Transition(
        Action.TAKE,
        (State.ISSUED, State.PARTLY_EXECUTED, State.TAKEN),
        Actor.EXECUTOR,
        State.TAKEN,
        "not held, or the lease has ended, and still valid",
        "the caller becomes its single holder, with a lease",
    ),
    Transition(
        Action.TAKE,
        (State.TAKEN,),
        Actor.HOLDER,
        State.TAKEN,
        "he holds it already: the same answer again",
        "no change",
    ),
    Transition(
        Action.RELEASE, (State.TAKEN,), Actor.HOLDER, State.ISSUED, "nothing delivered yet", "nobody holds it any more"
    ),
    Transition(
        Action.RELEASE,
        (State.TAKEN,),
        Actor.HOLDER,
        State.PARTLY_EXECUTED,
        "something delivered before",
        "nobody holds it any more, what was recorded is signed",
    ),
    Transition(
        Action.DISPENSE,
        (State.TAKEN,),
        Actor.HOLDER,
        State.TAKEN,
        effect="an outcome for each line, what remains counted",
    ),
    Transition(
        Action.CLOSE,
        (State.TAKEN,),
        Actor.HOLDER,
        State.PARTLY_EXECUTED,
        "an outcome was recorded, something remains and is still valid",
        "receipt signed, free for any eligible holder",
    ),
    Transition(
        Action.CLOSE,
        (State.TAKEN,),
        Actor.HOLDER,
        State.EXECUTED,
        "an outcome was recorded, nothing remains or validity has ended",
        "receipt signed",
    ),
    Transition(
        Action.CANCEL,
        (State.DRAFTED, State.ISSUED),
        Actor.PRESCRIBER,
        State.CANCELLED,
        "not held",
        "lines revoked, with a coded reason",
    ),
    Transition(
        Action.CANCEL,
        (State.TAKEN,),
        Actor.PRESCRIBER,
        State.CANCELLED,
        "the lease has ended, nothing delivered yet",
        "lines revoked, with a coded reason",
    ),
    Transition(
        Action.STOP,
        (State.PARTLY_EXECUTED,),
        Actor.PRESCRIBER,
        State.STOPPED,
        "not held",
        "what remains is revoked, with a coded reason",
    ),
    Transition(
        Action.STOP,
        (State.TAKEN,),
        Actor.PRESCRIBER,
        State.STOPPED,
        "the lease has ended, something delivered before",
        "what remains is revoked, with a coded reason",
    ),
    Transition(
        Action.REPLACE,
        (State.ISSUED, State.PARTLY_EXECUTED, State.TAKEN),
        Actor.PRESCRIBER,
        State.REPLACED,
        "not held",
        "what remains is revoked, the new prescription names this one",
    ),
    Transition(
        Action.EXPIRE,
        (State.ISSUED, State.PARTLY_EXECUTED, State.TAKEN),
        Actor.SERVER,
        State.EXPIRED,
        "validity ended and not held",
        "nothing more can be executed",
    ),
)

_IS_ACTOR: Final[dict[Actor, Callable[[Situation], bool]]] = {
    Actor.PRESCRIBER: lambda case: case.prescriber,
    Actor.EXECUTOR: lambda case: case.eligible,
    Actor.HOLDER: lambda case: case.holder,
    Actor.SERVER: lambda _: True,
}


def decide(action: Action, case: Situation) -> Transition:
    """Return the one transition that applies.

    Raises:
        Gone: 410, the prescription was cancelled, stopped, replaced or has expired.
        Conflict: 409, the action does not apply in this state.
        Locked: 423, held by another.
        PreconditionFailed: 412, the caller is not the holder.
        Forbidden: 403, not the caller's profession, or not his prescription.
    """
    rows = [row for row in TRANSITIONS if row.action is action]
    for row in rows:
        if case.state in row.origins and _IS_ACTOR[row.actor](case) and row.holds(case):
            return row
    raise _refusal(action, case, {row.actor for row in rows})


def _refusal(action: Action, case: Situation, actors: set[Actor]) -> Failure:
    if actors == {Actor.PRESCRIBER} and not case.prescriber:
        return Forbidden(
            Text(
                "Seul le prescripteur de cette ordonnance peut faire cela.",
                "Only the prescriber of this prescription may do this.",
            ),
            rule=f"prescription-{action}",
        )
    if not actors.isdisjoint({Actor.EXECUTOR, Actor.HOLDER}) and not case.eligible and not case.holder:
        return Forbidden(
            Text(
                "Votre profession n'exécute pas ces lignes : prenez la tâche qui correspond à votre profession.",
                "Your profession does not execute these lines: take the Task that matches your profession.",
            ),
            rule=f"prescription-{action}",
        )
    if case.state in ENDED - {State.EXECUTED}:
        state = LABELS[case.state]
        own = actors == {Actor.PRESCRIBER}  # he asks again what he asked, perhaps: nobody else is to be contacted
        return Gone(
            Text(
                f"Cette ordonnance est {state[0]} : plus rien ne peut en être exécuté."
                + (" Il n'y reste rien à annuler ni à remplacer." if own else " Contactez le prescripteur."),
                f"This prescription is {state[1]}: nothing more can be executed."
                + (" Nothing of it is left to cancel or replace." if own else " Contact the prescriber."),
            ),
            rule=f"prescription-{action}",
        )
    if Actor.HOLDER in actors and Actor.EXECUTOR not in actors and case.state is State.TAKEN and not case.holder:
        return PreconditionFailed(
            Text(
                "Vous ne tenez pas cette ordonnance : prenez-la d'abord ($take).",
                "You do not hold this prescription: take it first ($take).",
            ),
            rule=f"prescription-{action}",
        )
    if case.held and not case.holder:
        return Locked(
            Text(
                "Cette ordonnance est prise en charge par un autre professionnel : réessayez après sa clôture.",
                "This prescription is held by another professional: try again once it is closed.",
            ),
            rule=f"prescription-{action}",
        )
    return _wrong_state(action, case)


def _wrong_state(action: Action, case: Situation) -> Failure:
    if action is Action.TAKE and not case.valid:
        return Gone(
            Text("La validité de cette ordonnance est échue.", "The validity of this prescription has ended."),
            rule="prescription-take",
        )
    if action is Action.CLOSE and case.state is State.TAKEN and not case.recorded:
        return Conflict(
            Text(
                "Aucune issue n'a été enregistrée : utilisez $dispense (ou $release) avant de clore.",
                "No outcome has been recorded: use $dispense (or $release) before closing.",
            ),
            rule="prescription-close",
        )
    hints = {
        (Action.CANCEL, State.PARTLY_EXECUTED): (
            " Ce qui reste peut être arrêté.",
            " What remains can be stopped.",
        ),
        (Action.DISPENSE, State.ISSUED): (" Prenez-la d'abord ($take).", " Take it first ($take)."),
        (Action.DISPENSE, State.PARTLY_EXECUTED): (" Prenez-la d'abord ($take).", " Take it first ($take)."),
    }
    french, english = LABELS[case.state]
    hint = hints.get((action, case.state), ("", ""))
    return Conflict(
        Text(
            f"Action impossible : l'ordonnance est {french}.{hint[0]}",
            f"Not possible: the prescription is {english}.{hint[1]}",
        ),
        rule=f"prescription-{action}",
    )


def diagram() -> str:
    """Return docs/prescription-states.md: the table as a diagram and as rows."""
    lines = [
        "# States of a prescription's Task",
        "",
        "Written from the table in `fhirserver/prescription/states.py`.",
        "",
    ]
    lines += ["```mermaid", "stateDiagram-v2", "    [*] --> drafted"]
    names = {state: state.value.replace("-", "_") for state in State}
    drawn = {
        (origin, row.target, row.action) for row in TRANSITIONS for origin in row.origins if origin is not row.target
    }
    lines += [f"    {names[origin]} --> {names[target]}: {action}" for origin, target, action in sorted(drawn)]
    lines += [f"    {names[state]} --> [*]" for state in State if state in ENDED]
    lines += ["```", "", "| action | from | who | condition | to | effect |", "|---|---|---|---|---|---|"]
    for row in TRANSITIONS:
        origins = ", ".join(row.origins)
        lines.append(
            f"| {row.action} | {origins} | {row.actor} | {row.condition or '–'} | {row.target} | {row.effect or '–'} |"
        )
    lines += ["", "| state | `Task.status` | in French |", "|---|---|---|"]
    lines += [f"| {state} | {TASK_STATUS[state]} | {LABELS[state][0]} |" for state in State]
    return "\n".join(lines) + "\n"

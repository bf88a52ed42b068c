"""Every action in every state is either in the table or refused with the status that says why."""

import itertools
from pathlib import Path

import pytest

from fhirserver.errors import Conflict, Failure, Forbidden, Gone, Locked, PreconditionFailed
from fhirserver.prescription.states import ENDED, TASK_STATUS, TRANSITIONS, Action, Situation, State, decide, diagram

DOC = Path(__file__).parents[3] / "docs" / "prescription-states.md"


def _case(state: State, **facts: bool) -> Situation:
    return Situation(state, **facts)


@pytest.mark.parametrize(
    ("action", "case", "target"),
    [
        (Action.ISSUE, _case(State.DRAFTED, prescriber=True), State.ISSUED),
        (Action.TAKE, _case(State.ISSUED, eligible=True), State.TAKEN),
        (Action.TAKE, _case(State.PARTLY_EXECUTED, eligible=True, executed=True), State.TAKEN),
        (Action.TAKE, _case(State.TAKEN, eligible=True, holder=True, held=True), State.TAKEN),
        (Action.TAKE, _case(State.TAKEN, eligible=True, held=False), State.TAKEN),
        (Action.RELEASE, _case(State.TAKEN, holder=True, held=True), State.ISSUED),
        (Action.RELEASE, _case(State.TAKEN, holder=True, held=True, executed=True), State.PARTLY_EXECUTED),
        (Action.DISPENSE, _case(State.TAKEN, holder=True, held=True), State.TAKEN),
        (Action.CLOSE, _case(State.TAKEN, holder=True, held=True, recorded=True), State.PARTLY_EXECUTED),
        (Action.CLOSE, _case(State.TAKEN, holder=True, held=True, recorded=True, remains=False), State.EXECUTED),
        (Action.CLOSE, _case(State.TAKEN, holder=True, held=True, recorded=True, valid=False), State.EXECUTED),
        (Action.CANCEL, _case(State.ISSUED, prescriber=True), State.CANCELLED),
        (Action.STOP, _case(State.PARTLY_EXECUTED, prescriber=True, executed=True), State.STOPPED),
        (Action.CLOSE, _case(State.TAKEN, holder=True, executed=True, remains=False), State.EXECUTED),
        (Action.CANCEL, _case(State.TAKEN, prescriber=True), State.CANCELLED),
        (Action.STOP, _case(State.TAKEN, prescriber=True, executed=True), State.STOPPED),
        (Action.REPLACE, _case(State.TAKEN, prescriber=True), State.REPLACED),
        (Action.REPLACE, _case(State.PARTLY_EXECUTED, prescriber=True, executed=True), State.REPLACED),
        (Action.EXPIRE, _case(State.ISSUED, valid=False), State.EXPIRED),
    ],
)
def test_the_table_leads_on(action: Action, case: Situation, target: State) -> None:
    assert decide(action, case).target is target


@pytest.mark.parametrize(
    ("action", "case", "failure"),
    [
        (Action.TAKE, _case(State.ISSUED), Forbidden),
        (Action.TAKE, _case(State.TAKEN, eligible=True, held=True), Locked),
        (Action.TAKE, _case(State.EXECUTED, eligible=True, executed=True), Conflict),
        (Action.TAKE, _case(State.CANCELLED, eligible=True), Gone),
        (Action.TAKE, _case(State.ISSUED, eligible=True, valid=False), Gone),
        (Action.DISPENSE, _case(State.ISSUED, eligible=True), Conflict),
        (Action.DISPENSE, _case(State.TAKEN, eligible=True, held=True), PreconditionFailed),
        (Action.DISPENSE, _case(State.REPLACED, holder=True), Gone),
        (Action.CLOSE, _case(State.TAKEN, holder=True, held=True), Conflict),
        (Action.CLOSE, _case(State.TAKEN, eligible=True, held=True), PreconditionFailed),
        (Action.RELEASE, _case(State.TAKEN, eligible=True, held=True), PreconditionFailed),
        (Action.CLOSE, _case(State.TAKEN, held=True), Forbidden),
        (Action.DISPENSE, _case(State.EXECUTED, executed=True), Forbidden),
        (Action.RELEASE, _case(State.CANCELLED), Forbidden),
        (Action.CANCEL, _case(State.ISSUED), Forbidden),
        (Action.CANCEL, _case(State.TAKEN, prescriber=True, held=True), Locked),
        (Action.CANCEL, _case(State.PARTLY_EXECUTED, prescriber=True, executed=True), Conflict),
        (Action.STOP, _case(State.TAKEN, prescriber=True, held=True, executed=True), Locked),
        (Action.REPLACE, _case(State.TAKEN, prescriber=True, held=True), Locked),
        (Action.REPLACE, _case(State.STOPPED, prescriber=True), Gone),
    ],
)
def test_what_the_table_does_not_list_is_refused_with_its_reason(
    action: Action, case: Situation, failure: type[Failure]
) -> None:
    with pytest.raises(failure) as caught:
        decide(action, case)
    assert type(caught.value) is failure
    assert caught.value.issues[0].text.fr


def test_in_every_situation_one_row_applies_or_a_failure_of_the_family_is_raised() -> None:
    facts = ("prescriber", "eligible", "holder", "held", "executed", "remains", "recorded", "valid")
    for action, state, values in itertools.product(Action, State, itertools.product((False, True), repeat=len(facts))):
        case = Situation(state, **dict(zip(facts, values, strict=True)))
        try:
            row = decide(action, case)
        except (Forbidden, Gone, Conflict, Locked, PreconditionFailed):
            continue
        assert state in row.origins
        assert state not in ENDED


def test_no_row_leaves_an_ended_state() -> None:
    assert not [row for row in TRANSITIONS if set(row.origins) & ENDED]


def test_every_state_has_a_task_status() -> None:
    assert set(TASK_STATUS) == set(State)


def test_the_diagram_in_the_documentation_is_the_table() -> None:
    assert DOC.read_text(encoding="utf-8") == diagram()


def test_a_prescriber_who_cancels_again_is_not_sent_to_the_prescriber() -> None:
    with pytest.raises(Gone) as told:
        decide(Action.CANCEL, _case(State.CANCELLED, prescriber=True))
    assert "rien à annuler" in told.value.issues[0].text.fr
    with pytest.raises(Gone, match="Contact the prescriber"):
        decide(Action.TAKE, _case(State.CANCELLED, eligible=True))

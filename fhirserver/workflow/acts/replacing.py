"""`$replace`: a new prescription takes the place of one that is not held; both in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhirserver.errors import Locked, Unprocessable
from fhirserver.interactions.exchange import Request
from fhirserver.issues import Text
from fhirserver.prescription.lines import Line
from fhirserver.prescription.states import ENDED, Action
from fhirserver.workflow import taskwork
from fhirserver.workflow.acts import cancelling
from fhirserver.workflow.context import Work
from fhirserver.workflow.parties import Parties

REPLACES: Final = "prescription-replaces"
"""`Request.memory`: ids of the Tasks that the push replaces, and the reason."""


def ask(request: Request, tasks: list[str], reason: Mapping[str, Any]) -> None:
    """Note that the push that follows replaces these Tasks."""
    request.memory[REPLACES] = (tasks, reason)


def replaced(request: Request) -> list[str]:
    """Return the Tasks that a push replaces."""
    return list(request.memory[REPLACES][0]) if REPLACES in request.memory else []


def apply(work: Work, parties: Parties, lines: Sequence[Line]) -> None:
    """End the Tasks that the push replaces.

    Args:
        work: of the push.
        parties: whom its lines name.
        lines: of the new prescription.

    Raises:
        Unprocessable: the new one is for another patient.
        Locked: somebody holds one of them.
        Forbidden, Gone, Conflict: as `states.decide` says.
    """
    if REPLACES not in work.request.memory:
        return
    tasks, reason = work.request.memory[REPLACES]
    found = [taskwork.load(work, identity) for identity in tasks]
    _refuse_another_patient(parties, lines, [line for task in found for line in task.lines.values()])
    for task in found:
        if task.hold is not None and task.situation().prescriber:
            raise Locked(
                Text(
                    "Un professionnel tient cette ordonnance : elle se remplace après sa clôture.",
                    "A professional holds this prescription: it can be replaced once it is closed.",
                ),
                rule="prescription-replace",
            )
    still_open = [task for task in found if task.view.state not in ENDED]
    for task in still_open or found[:1]:
        cancelling.end_whole(task, Action.REPLACE, reason)


def _refuse_another_patient(parties: Parties, lines: Sequence[Line], former: Sequence[Line]) -> None:
    known = frozenset[object]().union(*(parties.names_of_patient(line) for line in former))
    for line in lines:
        said = parties.names_of_patient(line)
        if known and said and not known & said:
            raise Unprocessable(
                Text(
                    "L'ordonnance à remplacer est celle d'un autre patient : annulez-la ($cancel), et émettez celle-ci "
                    "à part.",
                    "The prescription to be replaced is another patient's: cancel it ($cancel), and issue this one by "
                    "itself.",
                ),
                expression=line.at("subject"),
                rule="prescription-patient",
            )

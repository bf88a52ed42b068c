"""Issuing, planned: which requests of a push are the lines of which prescription, under which number, in which Tasks.

Pure: resources and facts in, resources out. The workflow applies the plan within one commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from fhirserver.errors import Unprocessable
from fhirserver.issues import Text
from fhirserver.prescription import lines as reading
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.lines import LINE_TYPES, Line, group_of
from fhirserver.prescription.professions import Kind
from fhirserver.prescription.rules.tables import Tables
from fhirserver.prescription.tasks import build

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """One line of a push.

    Attributes:
        line: the request.
        reference: `Type/id` that it has or gets.
        at: its place in the push.
    """

    line: Line
    reference: str
    at: int


@dataclass(frozen=True)
class Prescription:
    """The lines that become one prescription.

    Attributes:
        group: the editor's own group identifier; None where it sent none.
        sent: its lines, in order.
    """

    group: Resource | None
    sent: tuple[Sent, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines."""
        return tuple(each.line for each in self.sent)

    @property
    def secret(self) -> bool:
        """Whether only prescriber and executor may know of it: a pregnancy termination (décret 2023-1222)."""
        return any(Flag.PREGNANCY_TERMINATION in line.flags for line in self.lines)

    @property
    def opposed(self) -> bool:
        """Whether the patient opposed that prescribers see the execution (décret 2023-1222)."""
        return any(Flag.OPPOSITION in line.flags for line in self.lines)

    @property
    def drafted(self) -> date | None:
        """The day of drafting: the earliest of its lines."""
        return min((line.drafted for line in self.lines if line.drafted), default=None)


@dataclass(frozen=True)
class Plan:
    """What issuing one prescription writes.

    Attributes:
        number: the prescription's.
        resources: each line under its number, by its place in the push.
        tasks: one for each kind of execution.
    """

    number: str
    resources: Mapping[int, dict[str, Any]]
    tasks: Mapping[Kind, dict[str, Any]] = field(default_factory=dict)


def is_order(resource: Resource) -> bool:
    """Tell whether a resource is a live order: what drafts, plans and proposals are not."""
    return str(resource.get("resourceType")) in LINE_TYPES and reading.is_active(resource)


def prescriptions(sent: Sequence[Sent], root: str) -> list[Prescription]:
    """Divide the lines of a push: those that share a group are one prescription, and so are all that have none.

    Args:
        sent: the active orders of the push.
        root: system of the server's own numbers, which no editor gives.

    Raises:
        Unprocessable: a line names another patient or prescriber than the others, or a number of ours.
    """
    groups: dict[tuple[str, str] | None, list[Sent]] = {}
    for each in sent:
        group = group_of(each.line.resource)
        if group is not None and group.get("system") == root:
            raise _refused(
                each.line,
                "requisition" if each.line.type == "ServiceRequest" else "groupIdentifier",
                Text(
                    "Le numéro d'ordonnance est donné par le serveur : envoyez l'identifiant de groupe du logiciel, "
                    "ou aucun.",
                    "The prescription number is given by the server: send your software's group identifier, or none.",
                ),
            )
        named = None if group is None or not group.get("value") else (str(group.get("system", "")), group["value"])
        groups.setdefault(named, []).append(each)
    found = []
    for members in groups.values():
        _refuse_strangers(members)
        found.append(Prescription(group_of(members[0].line.resource), tuple(members)))
    return found


def plan(  # noqa: PLR0913, PLR0917 - what a plan is made from
    prescription: Prescription, number: str, root: str, prescriber: Resource | None, now: datetime, tables: Tables
) -> Plan:
    """Plan one prescription.

    Args:
        prescription: its lines.
        number: made by `number.issue`.
        root: the system under which it stands.
        prescriber: Reference for the Tasks, where a line names none.
        now: the moment of issuing.
        tables: the tables in force.
    """
    identifier = {"system": root, "value": number}
    kinds: dict[Kind, list[tuple[Line, str]]] = {}
    for each in prescription.sent:
        kinds.setdefault(each.line.kind, []).append((each.line, each.reference))
    first = prescription.lines[0].resource
    return Plan(
        number,
        {each.at: reading.with_group(each.line.resource, identifier) for each in prescription.sent},
        {
            kind: build(
                kind,
                identifier,
                members,
                _outside(first["subject"]),
                _outside(first.get("requester") or {}) or prescriber,
                now,
                tables,
                reading.paris_day(now),
            )
            for kind, members in kinds.items()
        },
    )


def _outside(reference: Resource) -> Resource:
    """Return a Reference as another resource can hold it: one to a contained resource keeps what else it says."""
    if not str(reference.get("reference", "")).startswith("#"):
        return reference
    return {name: value for name, value in reference.items() if name != "reference"}


def _refuse_strangers(members: Sequence[Sent]) -> None:
    first = members[0].line.resource
    for each in members[1:]:
        for element, fr, en in (
            ("subject", "d'un autre patient", "another patient"),
            ("requester", "d'un autre prescripteur", "another prescriber"),
        ):
            if _who(each.line.resource.get(element)) != _who(first.get(element)):
                raise _refused(
                    each.line,
                    element,
                    Text(
                        f"Cette ligne est {fr} que la première de la même ordonnance : envoyez deux ordonnances.",
                        f"This line names {en} than the first one of the same prescription: send two prescriptions.",
                    ),
                )


def _who(reference: object) -> object:
    if not isinstance(reference, Mapping):
        return None
    identifier = reference.get("identifier", {})
    return reference.get("reference") or (identifier.get("system"), identifier.get("value"))


def _refused(line: Line, element: str, text: Text) -> Unprocessable:
    return Unprocessable(text, expression=line.at(element), rule="prescription-issue", code="business-rule")

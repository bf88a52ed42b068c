"""What belongs to an issued prescription: a mark in the audit data of each write, which no client can forge.

`w.rx` of a document: `{n: number, part, by: […], of: […], secret, minor, opposed}`. Current and superseded versions
carry it alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from fhirserver.dmp import labels
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.lines import Line
from fhirserver.store import Stored

Part = Literal["line", "group", "task", "dispense", "finding", "receipt", "print"]
NUMBER: Final = "rx.n"
BY: Final = "rx.by"
OF: Final = "rx.of"
SECRET: Final = "rx.secret"  # noqa: S105 - the name of a field
MINOR: Final = "rx.minor"
OPPOSED: Final = "rx.opposed"
"""Names of the mark's fields below `w`, for conditions."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The mark of one resource.

    Attributes:
        number: of the prescription.
        part: what of it the resource is.
        by: who prescribed (lines and Tasks) or executed (dispenses, findings and receipts): `context.prescriber_keys`.
        secret: only the prescriber and the executor may know of it (pregnancy termination).
        minor: his legal representatives may not know of it (a minor's secret, CSP L1111-5).
        task: id of the Task that it is of; None for a Task itself.
        opposed: the patient opposed that prescribers see the execution, and the resource tells of it.
        of: who prescribed what it executes, where that is hidden: he knows of what is secret, not of what was opposed.
    """

    number: str
    part: Part
    by: tuple[str, ...]
    secret: bool = False
    opposed: bool = False
    task: str | None = None
    minor: bool = False
    of: tuple[str, ...] = ()

    def executed(self, part: Part, by: tuple[str, ...], task: str) -> Mark:
        """Return the mark of what executes a Task of this mark."""
        return replace(self, part=part, by=by, task=task, of=self.by if self.secret or self.opposed else ())

    def kept(self) -> dict[str, Any]:
        """Return the mark as `w` keeps it; false flags are absent, so that a condition can ask for absence."""
        found: dict[str, Any] = {"n": self.number, "part": self.part, "by": list(self.by)}
        if self.secret:
            found["secret"] = "1"  # noqa: S105 - the name of a field
        if self.minor:
            found["minor"] = "1"
        if self.opposed:
            found["opposed"] = "1"
        if self.of:
            found["of"] = list(self.of)
        if self.task:
            found["task"] = self.task
        return {"rx": found}

    @staticmethod
    def read(kept: Mapping[str, Any] | None) -> Mark | None:
        """Return a mark as `w.rx` keeps it; None where there is none."""
        if kept is None:
            return None
        flags = {name: name in kept for name in ("secret", "opposed", "minor")}
        of = tuple(kept.get("of", ()))
        return Mark(kept["n"], kept["part"], tuple(kept["by"]), task=kept.get("task"), of=of, **flags)


def is_minors_secret(line: Line) -> bool:
    """Tell whether a line is a minor's secret: by the prescriber's mention, or by its label."""
    security = line.resource.get("meta", {}).get("security", ())
    labelled = any(label.get("code") == labels.HIDDEN_FROM_REPRESENTATIVES for label in security)
    return labelled or Flag.MINOR_SECRET in line.flags


def dmp_order(number: str) -> str:
    """Return the key under which the outbox keeps the order of what becomes of a prescription in the DMP."""
    return f"dmp {number}"


def mark_of(stored: Stored | None) -> Mark | None:
    """Return the mark of a version; None where it belongs to no issued prescription."""
    return Mark.read(stored.origin.get("rx") if stored is not None else None)

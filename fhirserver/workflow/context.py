"""What the workflow works with, beside the services of every interaction: its settings, tables and signing key."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec

from fhirserver.access.caller import Caller, Role
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.prescription.executor import Executor
from fhirserver.prescription.lines import paris_day
from fhirserver.prescription.professions import Kind
from fhirserver.prescription.rules.tables import Tables, load, shipped
from fhirserver.settings import Settings
from fhirserver.store import Draft, Planned, Transaction
from fhirserver.workflow.after.receipts import signing_key
from fhirserver.workflow.marks import Mark

EXECUTING = frozenset({Role.PHARMACIST, Role.CAREGIVER, Role.LABORATORY})
"""Roles that see a prescription only by its number."""
_LABORATORY = "86"


@dataclass(frozen=True, slots=True)
class Workflow:
    """The parts that all of the workflow shares.

    Attributes:
        settings: of the server.
        tables: the dated tables of the rules.
        key: signs receipts.
    """

    settings: Settings
    tables: Tables
    key: ec.EllipticCurvePrivateKey

    @property
    def root(self) -> str:
        """The system of prescription numbers, as an uri."""
        return f"urn:oid:{self.settings.prescription_root}"

    def identifier(self, number: str) -> dict[str, str]:
        """Return a number as an Identifier."""
        return {"system": self.root, "value": number}


@cache
def workflow(settings: Settings) -> Workflow:
    """Wire the workflow of a server; its signing key is made at first use.

    Raises:
        TableError: an operator's table cannot be used.
    """
    own = settings.prescription_rules
    return Workflow(settings, load(Path(own)) if own else shipped(), signing_key(settings.state))


@dataclass(frozen=True, slots=True)
class Work:
    """One request within one transaction: reads and plans for it."""

    workflow: Workflow
    services: Services
    request: Request
    transaction: Transaction
    now: datetime

    @property
    def today(self) -> date:
        """The day in Paris."""
        return paris_day(self.now)

    def create(self, resource: dict[str, Any], mark: Mark, identity: str) -> Planned:
        """Plan a new resource of a prescription."""
        return self.transaction.create(self._draft(resource, mark, identity, new=True))

    def update(self, resource: dict[str, Any], mark: Mark, identity: str) -> Planned:
        """Plan the next version of one."""
        return self.transaction.update(self._draft(resource, mark, identity, new=False))

    def _draft(self, resource: dict[str, Any], mark: Mark, identity: str, *, new: bool) -> Draft:
        return Draft(
            resource=resource,
            id=identity,
            index=self.services.indexer.extract({**resource, "id": identity}),
            origin={**self.request.provenance(), **mark.kept()},
            method="POST" if new else "PUT",
        )


class _Reads:
    """Reads of the store, outside of any transaction."""

    def __init__(self, services: Services) -> None:
        self.read = services.store.read


def reads(services: Services) -> Transaction:
    """Return what answers reads as a transaction does, for what writes nothing."""
    return cast("Transaction", _Reads(services))


def present() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def executor_of(caller: Caller) -> Executor:
    """Return who executes by a token."""
    return Executor(caller.rpps, caller.structure, caller.subject, caller.name)


def profession_of(caller: Caller) -> str | None:
    """Return the caller's profession; a laboratory's token is that of its biologists."""
    if caller.profession is None and caller.role is Role.LABORATORY:
        return _LABORATORY
    return caller.profession


def eligible(caller: Caller, kind: Kind, professions: Collection[str]) -> bool:
    """Whether a caller may execute what is of a kind, and open to these professions.

    Biologists are doctors and pharmacists by profession: what tells them from the others is that they act for a
    laboratory.
    """
    profession = profession_of(caller)
    if kind is Kind.LABORATORY and profession != _LABORATORY and caller.role is not Role.LABORATORY:
        return False
    return profession in professions


def prescriber_keys(caller: Caller) -> tuple[str, ...]:
    """Return the names under which a caller is the author of what he writes, for `Mark.by`."""
    return executor_of(caller).names

"""Runs finds, pipelines and counts over the resources, each within what is left of a request's time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fhirserver.search.mongo.conditions import Narrowing
from fhirserver.search.types.token import Token
from fhirserver.search.types.values import Condition
from fhirserver.store.connection import out_of_time, translated

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pymongo.client_session import ClientSession

    from fhirserver.store import Store

Patients = Mapping[Token, Sequence[str]]

STORED: Final = dict.fromkeys(("t", "i", "v", "u", "live", "m", "body", "large", "files", "w"), 1)
"""Fields of which a `Stored` is made."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every inner search of one request shares.

    Attributes:
        narrowing: what the caller may see; None: everything.
        session: of a transaction; None outside.
        deadline: monotonic time by which all must be done.
        patients: by identifier, all Patients (`Patient/id`) that carry it, where the request has found them already.
    """

    narrowing: Narrowing | None
    session: ClientSession | None
    deadline: float
    patients: Patients = field(default_factory=dict)

    def milliseconds(self) -> int:
        """Return what is left, at least one."""
        return max(1, int((self.deadline - time.monotonic()) * 1000))


class Runner:
    """Runs on one store.

    Errors in a transaction are the driver's own: the transaction tells those that pass from those that do not.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(  # noqa: PLR0913 - what a find is made of
        self,
        condition: Condition,
        projection: Mapping[str, Any],
        context: Context,
        *,
        hint: str | None,
        limit: int = 0,
        sort: Sequence[tuple[str, int]] = (),
    ) -> list[dict[str, Any]]:
        """Return documents."""
        return self._store.find(
            condition,
            sort=sort,
            limit=limit,
            projection=projection,
            max_time=context.milliseconds() / 1000,
            hint=hint,
            session=context.session,
        )

    def aggregate(self, pipeline: list[dict[str, Any]], context: Context, hint: str | None) -> list[dict[str, Any]]:
        """Return what a pipeline gives."""
        options: dict[str, Any] = {
            "maxTimeMS": context.milliseconds(),
            "allowDiskUse": True,
            "session": context.session,
        }
        if hint:
            options["hint"] = hint
        with _errors(context):
            return list(self._store.resources.aggregate(pipeline, **options))

    def scan(self, condition: Condition, context: Context, hint: str | None) -> Iterator[dict[str, Any]]:
        """Yield documents of which a `Stored` can be made, until the time is up."""
        cursor = self._store.resources.find(condition, STORED, session=context.session)
        cursor = cursor.max_time_ms(context.milliseconds())
        if hint:
            cursor = cursor.hint(hint)
        with _errors(context):
            for document in cursor:
                if time.monotonic() > context.deadline:
                    raise out_of_time()
                yield document

    def count(self, condition: Condition, context: Context, hint: str | None, limit: int = 0) -> int:
        """Return how many documents meet a condition; counting stops at `limit`, unless 0."""
        options: dict[str, Any] = {"maxTimeMS": context.milliseconds(), "session": context.session}
        if hint:
            options["hint"] = hint
        if limit:
            options["limit"] = limit
        with _errors(context):
            return self._store.resources.count_documents(condition, **options)


def _errors(context: Context) -> AbstractContextManager[None]:
    return translated() if context.session is None else nullcontext()

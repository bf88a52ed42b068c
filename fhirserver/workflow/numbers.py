"""Finding a prescription by its number, which is a secret: never in a url, and not to be guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fhirserver.errors import BadRequest, Forbidden, NotFound, Throttled
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.guards import Pairs
from fhirserver.interactions.search import CONTINUED, SECRET
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.prescription import number as numbering
from fhirserver.prescription.lines import LINE_TYPES
from fhirserver.search.indexing import indexes
from fhirserver.search.types.token import stored as token
from fhirserver.search.values import keys
from fhirserver.store import Stored
from fhirserver.workflow import sight
from fhirserver.workflow.context import EXECUTING, Workflow, executor_of, present
from fhirserver.workflow.marks import mark_of

_PARAMETERS: Final = ("group-identifier", "requisition")
_PARTS: Final = re.compile("[.:]")
_ANYTHING: Final = ("_filter", "_content", "_text")
"""Parameters in whose values a number may stand as well."""
_MARKS: Final = str.maketrans(dict.fromkeys('(),"', " "))
_WINDOW: Final = timedelta(minutes=10)
_LONGEST: Final = 600
_REMEMBER: Final = timedelta(seconds=1)
_CLIENTS: Final = 4096


@dataclass(frozen=True, slots=True)
class Found:
    """The parts of one prescription, current versions."""

    number: str
    tasks: tuple[Stored, ...]
    lines: tuple[Stored, ...]


_clear: dict[str, datetime] = {}
"""Clients that were seen not to guess, and when: asked again a second later."""


def normalise(typed: object) -> str:
    """Read a scanned or typed number; BadRequest for anything that is none."""
    if not isinstance(typed, str):
        raise BadRequest(
            Text("Le numéro est un texte (valueString).", "The number is a text (valueString)."),
            rule="prescription-number",
        )
    return numbering.normalise(typed)


def find(workflow: Workflow, services: Services, request: Request, number: str) -> Found:
    """Return what stands under a number, without a word on who may see it.

    Raises:
        NotFound: nothing; the attempt is counted.
    """
    key = keys.point("group-identifier", token(number, workflow.root))
    documents = services.store.find(
        {"t": {"$in": [*sorted(LINE_TYPES), "Task"]}, "s.k": key, "live": True}, hint=indexes.KEYS
    )
    parts = [stored for stored in map(services.store.stored, documents) if _of(stored, number)]
    if not parts:
        client = _client(request)
        # at once, not with the answer: of many numbers in one request, the next is held back
        services.store.audit.record([request.told("unknown-number", "Task", None, failed=client)])
        _clear.pop(client, None)
        raise unknown()
    tasks = sorted((part for part in parts if part.type == "Task"), key=lambda part: part.id)
    lines = sorted((part for part in parts if part.type != "Task"), key=lambda part: (part.type, part.id))
    return Found(number, tuple(tasks), tuple(lines))


def unknown() -> NotFound:
    """Return the failure of a number under which there is nothing for the caller."""
    return NotFound(
        Text(
            "Aucune ordonnance ne porte ce numéro. Vérifiez la saisie, ou scannez à nouveau le code.",
            "No prescription has this number. Check what was typed, or scan the code again.",
        ),
        rule="prescription-unknown",
    )


def hold_back(workflow: Workflow, services: Services, request: Request) -> None:
    """Make a client wait that tries numbers: longer with each unknown one.

    Raises:
        Throttled: with Retry-After.
    """
    client, now = _client(request), present()
    if now - _clear.get(client, datetime.min.replace(tzinfo=UTC)) < _REMEMBER:
        return
    allowed = workflow.settings.prescription_attempts
    failures = services.store.audit.failures(client, now - _WINDOW, allowed + 12)
    if len(failures) >= allowed:
        pause = min(2 ** (len(failures) - allowed + 1), _LONGEST)
        left = (failures[0] + timedelta(seconds=pause) - now).total_seconds()
        if left > 0:
            raise Throttled(
                Text(
                    f"Trop de numéros inconnus : attendez {int(left) + 1} s avant le prochain essai.",
                    f"Too many unknown numbers: wait {int(left) + 1} s before the next attempt.",
                ),
                headers={"Retry-After": str(int(left) + 1)},
                rule="prescription-attempts",
            )
    if not failures:
        if len(_clear) >= _CLIENTS:
            _clear.clear()
        _clear[client] = now


def of_search(workflow: Workflow, services: Services, request: Request, pairs: Pairs, *, form: bool) -> None:
    """Look at a search for prescription numbers: refused in a url, taken in a form as an attempt to find.

    Raises:
        Forbidden: a number in a url.
        Throttled: too many unknown numbers.
    """
    asked = [
        number
        for name, value in pairs
        if name.partition(":")[0] in _ANYTHING or any(parameter in name for parameter in _PARAMETERS)
        for number in _numbers(value, workflow.root)
    ]
    if not asked:
        return
    if not form:
        raise Forbidden(
            Text(
                "Un numéro d'ordonnance est un secret et ne s'écrit pas dans une adresse : utilisez $find-prescription "
                "ou POST _search.",
                "A prescription number is a secret and does not stand in an address: use $find-prescription or "
                "POST _search.",
            ),
            rule="prescription-secret",
        )
    request.memory[SECRET] = True
    # who follows another's link to a next page did not find by number
    if request.caller.role not in EXECUTING or CONTINUED in request.memory:
        return
    for number in dict.fromkeys(asked):
        hold_back(workflow, services, request)
        try:
            find(workflow, services, request, number)
        except NotFound:
            continue
        sight.open_to(workflow, request, number, "find-prescription")


def as_stored(pairs: Pairs, root: str) -> list[tuple[str, str]]:
    """Return the criteria of a form with the prescription numbers that were typed in it as they are stored.

    Args:
        pairs: names and values.
        root: system of the numbers.
    """
    return [
        (name, ",".join(_as_stored(each, root) for each in value.split(",")) if _is_number(name) else value)
        for name, value in pairs
    ]


def _is_number(name: str) -> bool:
    """Tell whether a criterion is a number, in a chain or `_has` too."""
    return not set(_PARTS.split(name)).isdisjoint(_PARAMETERS)


def _as_stored(value: str, root: str) -> str:
    system, bar, code = value.rpartition("|")
    if system not in ("", root):
        return value
    try:
        return f"{system}{bar}{numbering.normalise(code)}"
    except BadRequest:
        return value


def _of(stored: Stored, number: str) -> bool:
    mark = mark_of(stored)
    return mark is not None and mark.number == number


def _client(request: Request) -> str:
    return f"{request.caller.client}|{executor_of(request.caller).key}"


def _numbers(value: str, root: str) -> Sequence[Any]:
    """Return what reads like a prescription number in a parameter's value."""
    plain = value.translate(_MARKS)
    found = []
    for word in dict.fromkeys((*value.split(","), *plain.split())):  # typed with spaces, or in an expression
        system, bar, code = word.rpartition("|")
        if bar and system and system != root:
            continue
        try:
            found.append(numbering.normalise(code))
        except BadRequest:
            continue
    return found

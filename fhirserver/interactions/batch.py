"""batch: independent requests, each answered for itself (https://hl7.org/fhir/R4/http.html#batch)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from fhirserver.errors import BadRequest, Failure, Unavailable
from fhirserver.interactions.bundles import entries
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown.outcomes import INTERNAL, outcome
from fhirserver.interactions.transaction import claimed
from fhirserver.issues import Text
from fhirserver.store.jobs import JobGone
from fhirserver.store.outbox import LeaseLost

_SIDE_BY_SIDE: Final = 8
_FEW: Final = 4
"""Lines below which threads cost more than they bring."""
_ORDER: Final = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_log: Final = logging.getLogger("fhirserver")


def perform(services: Services, request: Request, bundle: dict[str, Any]) -> Answer:
    """Perform each entry by the router, as if it had come alone; a failure is that entry's own.

    DELETE comes first, then POST, PUT and PATCH, and GET last, as in a transaction; within these, what does not
    concern the same address is done side by side, so that durable writes share MongoDB's journal.
    """
    services.guards.batch(request, claimed(bundle))
    found = entries.read(bundle, request.base, services.settings.max_bundle_entries)
    if request.rehearsal:
        return Answer(202)
    answers: dict[int, dict[str, Any]] = {}

    def run(line: list[tuple[int, entries.Entry | Failure]]) -> None:
        for position, entry in line:
            answers[position] = _perform(services, request, entry)

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for lines in _phases(found):
            if len(lines) < _FEW:
                for line in lines:
                    run(line)
            else:
                list(pool.map(run, lines))
    return Answer(200, resource=entries.response("batch-response", [answers[at] for at in range(len(found))]))


def _phases(found: Sequence[entries.Entry | Failure]) -> list[list[list[tuple[int, entries.Entry | Failure]]]]:
    """Return what is done one after the other: phases of lines, a line being what concerns one address."""
    phases: list[dict[Any, list[tuple[int, entries.Entry | Failure]]]] = [{}, {}, {}, {}]
    for position, entry in enumerate(found):
        if isinstance(entry, Failure):
            phases[0][position] = [(position, entry)]
            continue
        alone = entry.method in ("GET", "HEAD", "POST")
        place = position if alone else (entry.path, entry.query)
        phases[_ORDER[entry.method]].setdefault(place, []).append((position, entry))
    return [list(phase.values()) for phase in phases]


def _perform(services: Services, whole: Request, entry: entries.Entry | Failure) -> dict[str, Any]:
    if isinstance(entry, Failure):
        return entries.refuse(entry, outcome(entry.issues, whole.language))
    if not entry.path and entry.method == "POST":
        return entries.refuse(nested := _nested(), outcome(nested.issues, whole.language))
    asked = entries.as_request(whole, entry, None)
    # an operation answers what it makes of its writes: it is asked again, as by a client that heard nothing
    writes = entry.method not in ("GET", "HEAD") and not any(part.startswith("$") for part in entry.path)
    asked.course = whole.course.entry(entry.position) if whole.course is not None and writes else None
    try:
        answer = (asked.course and asked.course.done()) or services.router.perform(asked)
    except (LeaseLost, JobGone):
        raise
    except Failure as failure:
        if isinstance(failure, Unavailable) and asked.course is not None and not asked.course.last:
            raise
        return entries.refuse(failure, outcome(failure.issues, whole.language))
    except Exception:  # noqa: BLE001 - one entry's failure is its own; it is logged
        _log.exception("entry of a batch failed: request %s", whole.origin.get("request"))
        return {"response": {"status": "500 Internal Server Error", "outcome": outcome([INTERNAL], whole.language)}}
    return entries.respond(answer, whole, entry.method)


def _nested() -> BadRequest:
    return BadRequest(Text("Un batch n'en contient pas un autre.", "A batch does not hold another one."), rule="nested")

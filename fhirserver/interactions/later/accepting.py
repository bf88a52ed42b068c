"""Accepting a request that is answered later: batch, transaction, search, and the operations that read much.

What can be decided at once is: the body is readable, the addresses and parameters make sense, the caller may ask for
it. The work itself is a task of the outbox, which commits with the request.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from fhirserver.errors import Throttled
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.later import kept
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.store import Transaction, jobs
from fhirserver.store.administered import Job
from fhirserver.store.kept.values import Task

KIND: Final = "request"
"""The outbox's tasks that are requests."""
PLACE: Final = "_async"
"""Where the state of a request is, below the base."""
FIRST_LOOK: Final = "1"
"""Seconds after which a client may ask how far it is."""
_OF_A_COMPARTMENT: Final = 3
"""Segments of `Patient/1/Observation`."""


def takes(services: Services, request: Request) -> bool:
    """Tell whether a client prefers to be answered later, and it is a request for which that is offered.

    What is not offered is answered at once: a preference may be ignored (RFC 7240, 2).
    """
    if not request.prefer.asynchronous or request.unit is not None:
        return False
    path, types = request.path, services.types
    if not path:
        return request.method in ("GET", "POST")
    last = path[-1]
    if last.startswith("$"):
        kind, identity = (*path[:-1], None, None)[:2]
        return any(
            one.later and one.name == last[1:] and one.offered(kind, identity) for one in services.operations.all
        )
    if last == "_search":
        return request.method == "POST"
    compartment = len(path) == _OF_A_COMPARTMENT and (last in types or last == "*")
    return request.method == "GET" and (compartment or (len(path) == 1 and last in types))


def accept(services: Services, request: Request) -> Answer:
    """Keep a request to be done, and say where its state is.

    Raises:
        Failure: it would be refused before any work.
        Throttled: the caller has as many requests waiting as the setting allows.
    """
    data = kept.body(request)
    services.router.perform(
        replace(kept.having(request, data), rehearsal=True, prefer=request.prefer._replace(asynchronous=False))
    )
    owner, most = kept.owner(request.caller), services.settings.async_waiting
    if jobs.waiting(owner) >= most:
        raise Throttled(
            Text(
                f"{most} de vos requêtes asynchrones attendent déjà (réglage FHIRSERVER_ASYNC_WAITING).",
                f"{most} of your asynchronous requests are waiting already (setting FHIRSERVER_ASYNC_WAITING).",
            ),
            rule="async-waiting",
            headers={"Retry-After": "10"},
        )
    identity = secrets.token_hex(16)

    def work(transaction: Transaction) -> None:
        job = Job(id=identity, owner=owner, request=kept.write(request))
        if data:
            job.body = transaction.put_file(data).hash
            job.files = [job.body]
        jobs.accept(transaction, job)
        transaction.enqueue(Task(KIND, {"job": identity}))

    services.store.transact(work)
    kind = request.path[0] if request.path else None
    request.record("async-request", kind, method=request.method, job=identity)
    return Answer(
        202,
        headers={
            "Content-Location": f"{request.base}/{PLACE}/{identity}",
            "Preference-Applied": "respond-async",
            "Retry-After": FIRST_LOOK,
        },
    )

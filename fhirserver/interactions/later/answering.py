"""How far a request is that is answered later, what it was answered, and its withdrawal.

Whoever did not ask is told that there is nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from fhirserver import jsontext
from fhirserver.errors import NotFound
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.later import kept
from fhirserver.interactions.later.accepting import PLACE
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.store import jobs
from fhirserver.store.administered import Job

RESULT: Final = "result"
_REFUSED: Final = 400
_MANIFEST: Final = "application/json"
_LONGEST: Final = 30
"""Seconds that a client is told to wait at most before it asks again."""


def state(services: Services, request: Request, identity: str) -> Answer:
    """Answer 202 while a request is not done; then where its result is; or why it was refused, with that status.

    Raises:
        NotFound: no such request, or another client's.
    """
    job = _own(request, identity)
    if job.state != "done":
        waited = (datetime.now(UTC) - job.created).total_seconds()
        pause = str(min(_LONGEST, max(1, round(waited / 2))))
        return Answer(202, headers={"X-Progress": job.progress or job.state, "Retry-After": pause})
    if job.status >= _REFUSED:
        return result(services, request, identity)
    asked = job.request
    address = "/".join((asked["base"], *asked["path"])) + (f"?{asked['query']}" if asked["query"] else "")
    manifest = {
        "transactionTime": job.moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "request": address,
        "requiresAccessToken": True,
        "output": [{"type": "Bundle", "url": f"{request.base}/{PLACE}/{identity}/{RESULT}"}],
        "error": [],
    }
    return Answer(200, raw=jsontext.write(manifest), media=_MANIFEST, headers=_until(job))


def result(services: Services, request: Request, identity: str) -> Answer:
    """Answer what the request would have been answered at once.

    Raises:
        NotFound: no such request, another client's, or not done yet.
    """
    job = _own(request, identity)
    if job.state != "done":
        raise _nothing(identity)
    request.record("async-result", None, job=identity)
    return Answer(job.status, json=services.store.files.read(job.result), headers=_until(job))


def withdraw(request: Request, identity: str) -> Answer:
    """Withdraw a request, or forget what it was answered: 202, and nothing is there any more.

    A transaction that has not committed never will; of a batch, what entries have committed stays.

    Raises:
        NotFound: no such request, or another client's.
    """
    if not jobs.forget(identity, kept.owner(request.caller)):
        raise _nothing(identity)
    request.record("async-withdrawal", None, job=identity)
    return Answer(202)


def _own(request: Request, identity: str) -> Job:
    job = jobs.find(identity, kept.owner(request.caller))
    if job is None:
        raise _nothing(identity)
    return job


def _until(job: Job) -> dict[str, str]:
    return {"Expires": format_datetime(job.expires.astimezone(UTC), usegmt=True)}


def _nothing(identity: str) -> NotFound:
    return NotFound(
        Text(
            f"Aucune requête asynchrone « {identity[:64]} » de ce client ; elle a expiré ou n'a jamais été.",
            f'No asynchronous request "{identity[:64]}" of this client; it has expired or never was.',
        ),
        rule="unknown-async",
    )

"""transaction: all entries or none (https://hl7.org/fhir/R4/http.html#trules).

Order: DELETE, POST, PUT and PATCH, GET. What the Bundle creates gets its id first, so that every reference to it can
be written before anything is validated; then all entries are planned in one commit, and answered in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from fhirserver.access.decide import decide
from fhirserver.access.scopes import Letter
from fhirserver.errors import BadRequest, Failure, InvalidResource, Unavailable
from fhirserver.interactions.bundles import entries
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.bundles.identify import identify
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Guard, Write
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes import referrers, writing
from fhirserver.issues import Issue, Text
from fhirserver.store import Transaction

BUNDLE: Final = "response-bundle"
"""Under this name of `Request.memory`, a guard leaves elements for the Bundle that answers a transaction."""
PROFILES: Final = "bundle-profiles"
"""Under this name of `Request.memory`, guards find what the Bundle claims in `meta.profile`."""
_OF_AN_ID: Final = ("DELETE", "PUT", "PATCH")
_LETTERS: Final[dict[str, Letter]] = {"DELETE": "d", "POST": "c", "PUT": "u", "PATCH": "u", "GET": "r", "HEAD": "r"}
_ORDER: Final = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}


def perform(services: Services, request: Request, bundle: dict[str, Any]) -> Answer:
    """Perform a transaction Bundle.

    Raises:
        Failure: the first failing entry's, told with its place in the Bundle; nothing is written.
        InvalidResource: with the findings of all resources that must not be stored.
    """
    request.memory[PROFILES] = claimed(bundle)
    found = _readable(entries.read(bundle, request.base, services.settings.max_bundle_entries))
    if request.rehearsal:
        _allowed(request, found)
        return Answer(202)

    def told(answers: Sequence[Answer]) -> Answer:
        written = entries.response("transaction-response", [entries.respond(answer, request) for answer in answers])
        return Answer(200, resource=written | request.memory.get(BUNDLE, {}))

    return told(commit(services, request, found, told))


def alone(services: Services, request: Request, resource: dict[str, Any]) -> Answer:
    """Perform a create or update that a guard plans, as a transaction of one entry.

    Raises:
        Failure: with expressions that begin at the resource, as for any interaction that comes alone.
    """
    entry = Entry(0, request.method, request.path, request.query, resource, None, {}, asked=request.conditions)
    try:
        (answer,) = commit(services, request, [entry], lambda answers: answers[0])
    except Failure as failure:
        failure.issues = tuple(entries.taken_out(failure.issues, str(resource["resourceType"])))
        raise
    return answer


def commit(
    services: Services,
    request: Request,
    found: Sequence[Entry],
    told: Callable[[Sequence[Answer]], Answer] | None = None,
) -> list[Answer]:
    """Perform entries in one commit; return their answers in their order.

    Args:
        services: the parts in force.
        request: the whole that the entries are of.
        found: the entries.
        told: makes of their answers what the whole is answered: committed with them where that is later.
    """
    guards = services.guards.concerned(request, found)
    return [answer.settle() for answer in _Push(services, request, found, guards, told).commit()]


class _Push:
    """Entries on their way to one commit, by as many attempts as it takes."""

    def __init__(
        self,
        services: Services,
        request: Request,
        found: Sequence[Entry],
        guards: Sequence[Guard],
        told: Callable[[Sequence[Answer]], Answer] | None,
    ) -> None:
        self._services = services
        self._request = request
        self._entries = found
        self._guards = guards
        self._told = told
        self._sent = [(entry.path, entry.query, entry.resource, entry.request, entry.asked) for entry in found]
        self._read_so_far = len(request.trail)
        self._hopes = all(guard.hopes(request, found) for guard in guards)
        self._asked = all(type(guard).again is Guard.again for guard in guards)

    def commit(self) -> Sequence[Answer]:
        """Return the answers of the entries, or those that the same push was given before."""
        try:
            return self._services.store.transact(self._attempt)
        except Unavailable:
            raise  # whoever asks a second time now waits a second time
        except Failure:
            # a refusal shows nothing of what was read on the way to it
            noted = self._request.trail[self._read_so_far :]
            self._request.trail[self._read_so_far :] = [each for each in noted if each["action"] == "refused"]
            if self._asked:
                raise
            # what is refused as a new push may be one that came before
            refused = len(self._request.trail)
            given = self._services.store.transact(self._given)
            if given is None:
                raise
            del self._request.trail[self._read_so_far : refused]
            return given

    def _attempt(self, transaction: Transaction) -> Sequence[Answer]:
        # another commit may have come first: begin again with what was sent
        del self._request.trail[self._read_so_far :]
        answers = None if self._hopes else self._given(transaction)
        self._hopes = False
        if answers is not None:
            return answers
        self._begin()
        for guard in self._guards:
            guard.check(self._services, self._request, transaction, self._entries)
        made = _Attempt(self._services, self._request, transaction, self._entries, self._guards).run()
        return self._sealed(transaction, made)

    def _given(self, transaction: Transaction) -> Sequence[Answer] | None:
        self._begin()
        self._asked = True
        for guard in self._guards:
            given = guard.again(self._services, self._request, transaction, self._entries)
            if given is not None:
                return self._sealed(transaction, given)
        return None

    def _begin(self) -> None:
        for entry, as_sent in zip(self._entries, self._sent, strict=True):
            entry.path, entry.query, entry.resource, entry.request, entry.asked = as_sent
            entry.identity = entry.settled = entry.issues = None
            entry.marks = {}

    def _sealed(self, transaction: Transaction, answers: Sequence[Answer]) -> Sequence[Answer]:
        shown = [answer.stored for answer in answers if answer.written and answer.planned is None and answer.stored]
        if shown:
            # what was there before, and is told: found by a conditional create, or answered to the same push again
            found = [f"{stored.type}/{stored.id}" for stored in shown]
            transaction.audit([self._request.told("read", None, found=found)])
        if self._request.course is not None and self._told is not None:
            self._request.course.seal(transaction, self._told([answer.settle() for answer in answers]))
        return answers


def _allowed(request: Request, found: Sequence[Entry]) -> None:
    """Decide on the entries' access as far as their addresses tell; raises Forbidden, told with its place."""
    for entry in found:
        letter = _LETTERS.get(entry.method)
        if letter is None or not entry.kind[:1].isupper() or any(part.startswith("$") for part in entry.path):
            continue
        try:
            decide(request.caller, "s" if letter == "r" and len(entry.path) == 1 else letter, entry.kind)
        except Failure as failure:
            raise _placed(failure, entry) from failure


def claimed(bundle: dict[str, Any]) -> list[str]:
    """Return the profiles that a Bundle claims, without their versions."""
    meta = bundle.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    named = profiles if isinstance(profiles, list) else []
    return [each.partition("|")[0] for each in named if isinstance(each, str)]


def _of_operation(entry: Entry) -> Iterator[Issue]:
    """Yield what is wrong with an entry that invokes an operation by Parameters: it commits by itself."""
    name = entry.path[-1] if entry.path else ""
    kind = (entry.resource or {}).get("resourceType", "Parameters")
    if entry.method == "POST" and name.startswith("$") and kind == "Parameters":
        yield Issue(
            "error",
            "not-supported",
            Text(
                f"{name} ne s'invoque pas dans une transaction : envoyez l'opération seule, ou dans un batch.",
                f"{name} is not invoked within a transaction: send the operation alone, or in a batch.",
            ),
            f"Bundle.entry[{entry.position}].request",
            "transaction-operation",
        )


def _readable(found: Sequence[Entry | BadRequest]) -> list[Entry]:
    faults = [issue for entry in found if isinstance(entry, Failure) for issue in entry.issues]
    faults += [issue for entry in found if isinstance(entry, Entry) for issue in _of_operation(entry)]
    if faults:
        raise BadRequest(faults[0].text, issues=faults)
    return [entry for entry in found if isinstance(entry, Entry)]


class _Attempt:
    """One attempt at performing the entries within a commit."""

    def __init__(
        self,
        services: Services,
        request: Request,
        transaction: Transaction,
        found: Sequence[Entry],
        guards: Sequence[Guard],
    ) -> None:
        self._services = services
        self._request = request
        self._transaction = transaction
        self._entries = found
        self._guards = guards

    def run(self) -> list[Answer]:
        """Return the entries' answers in the order of the entries."""
        identify(self._services, self._request, self._transaction, self._entries)
        self._transaction.read_ahead(
            (entry.kind, entry.identity) for entry in self._entries if entry.method in _OF_AN_ID and entry.identity
        )
        self._check()
        finishes = [
            guard.plan(self._services, self._request, self._transaction, self._entries) for guard in self._guards
        ]
        answers: dict[int, Answer] = {}
        flushed = False
        for entry in sorted(self._entries, key=lambda each: _ORDER[each.method]):
            if entry.method in ("GET", "HEAD") and not flushed:
                # what is read shows what is written
                self._transaction.flush()
                flushed = True
            answers[entry.position] = self._perform(entry)
        ordered = [answers[entry.position] for entry in self._entries]
        for finish in finishes:
            if finish is not None:
                finish(ordered)
        return ordered

    def _check(self) -> None:
        """Refuse what would leave something broken: invalid resources, all at once, and references to the deleted."""
        issues: list[Issue] = []
        inside = self._request.within(self._transaction)
        for entry in self._entries:
            if entry.method not in ("POST", "PUT") or entry.resource is None or entry.settled:
                continue
            try:
                writing.resource_of_type(entry.resource, entry.kind)
                entry.issues = writing.check(self._services, inside, entry.resource)
            except InvalidResource as failure:
                issues += entries.place(failure.issues, entry.position)
            except Failure as failure:
                raise _placed(failure, entry) from failure
        if issues:
            raise InvalidResource(issues)
        deleted = [
            (entry.kind, entry.identity)
            for entry in self._entries
            if entry.method == "DELETE" and entry.identity and self._knows(entry.kind, entry.identity)
        ]
        for kind, identity in deleted:
            current = self._transaction.read(kind, identity)
            self._services.guards.write(self._services, self._request, Write("delete", kind, identity, current, None))
        if deleted:
            rewritten = [
                (entry.kind, entry.identity)
                for entry in self._entries
                if entry.method in ("PUT", "PATCH") and entry.identity
            ]
            referrers.refuse_if_any(self._services, inside, self._transaction, deleted, rewritten)

    def _knows(self, kind: str, identity: str) -> bool:
        """Tell whether the caller may know of what he deletes: what is hidden is deleted as what is not there."""
        current = self._transaction.read(kind, identity)
        inside = self._request.within(self._transaction)
        return current is None or self._services.guards.shows(self._services, inside, current)

    def _perform(self, entry: Entry) -> Answer:
        try:
            if entry.settled is not None:
                return entry.settled
            asked = entries.as_request(self._request, entry, self._transaction)
            if not entry.path and entry.method != "GET":
                raise BadRequest(
                    Text("Une transaction n'en contient pas une autre.", "A transaction does not hold another one."),
                    rule="nested",
                )
            return self._services.router.perform(asked)
        except Failure as failure:
            raise _placed(failure, entry) from failure


def _placed(failure: Failure, entry: Entry) -> Failure:
    """Return the same failure with expressions that begin at the Bundle."""
    failure.issues = tuple(entries.place(failure.issues, entry.position))
    return failure

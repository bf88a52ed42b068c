"""Entries of a batch or transaction: read as requests, written as responses.

https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import orjson

from fhirserver.errors import BadRequest, Failure
from fhirserver.interactions.exchange import Answer, Conditions, Preference, Request
from fhirserver.interactions.shown.etags import tags
from fhirserver.interactions.shown.outcomes import outcome
from fhirserver.issues import Issue, Text
from fhirserver.store import Transaction

_PLACE: Final = re.compile(r"Bundle\.entry\[(\d+)\](?:\.resource)?")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_OF_BUNDLE: Final = frozenset(
    "resourceType id meta implicitRules language identifier type timestamp total link entry signature".split()  # noqa: SIM905 - one line
)
_OF_ENTRY: Final = frozenset(
    "id extension modifierExtension link fullUrl resource search request response".split()  # noqa: SIM905 - one line
)
_OF_REQUEST: Final = frozenset(
    "id extension modifierExtension method url ifNoneMatch ifModifiedSince ifMatch ifNoneExist".split()  # noqa: SIM905 - one line
)
_TEXTS: Final = ("method", "url", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist")


@dataclass(slots=True)
class Entry:
    """One entry's request.

    Attributes:
        position: its index in the Bundle.
        resource: its resource, references rewritten as the transaction goes on.
        full_url: its fullUrl.
        identity: the id that it gets, or has; set by `identify`.
        settled: the answer, where it is known before anything is performed.
        issues: warnings and notes of validation.
        marks: what a guard has the write keep.
        request: the entry's `request` as it stands: a fault in its conditions is the entry's own.
        asked: its conditions, where it came alone with headers.
    """

    position: int
    method: str
    path: tuple[str, ...]
    query: str
    resource: dict[str, Any] | None
    full_url: str | None
    request: dict[str, Any]
    identity: str | None = None
    settled: Answer | None = None
    asked: Conditions | None = None
    issues: tuple[Issue, ...] | None = None
    marks: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The resource type that the url names; empty for the system."""
        return self.path[0] if self.path else ""


def read(bundle: dict[str, Any], base: str, most: int) -> list[Entry | BadRequest]:
    """Return a Bundle's entries as requests, or as what is wrong with each.

    Raises:
        BadRequest: no list of entries, or too many of them.
    """
    found = bundle.get("entry", [])
    _known(bundle, _OF_BUNDLE, "Bundle")
    if not isinstance(found, list):
        raise _fault(None, "Bundle.entry doit être une liste.", "Bundle.entry must be an array.")
    if len(found) > most:
        raise _fault(None, f"Plus de {most} entrées.", f"More than {most} entries.")
    read_entries: list[Entry | BadRequest] = []
    for position, entry in enumerate(found):
        try:
            read_entries.append(_entry(position, entry, base))
        except BadRequest as fault:
            read_entries.append(fault)
    return read_entries


def _entry(position: int, entry: Any, base: str) -> Entry:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        raise _fault(position, "L'entrée n'a pas de request.", "The entry has no request.")
    _known(entry, _OF_ENTRY, f"Bundle.entry[{position}]")
    _known(request, _OF_REQUEST, f"Bundle.entry[{position}].request")
    method, url = request.get("method"), request.get("url")
    if method not in METHODS:
        shown = ", ".join(METHODS)
        raise _fault(position, f"request.method doit être l'un de {shown}.", f"request.method must be one of {shown}.")
    if not isinstance(url, str):
        raise _fault(position, "L'entrée n'a pas de request.url.", "The entry has no request.url.")
    _check_conditions(position, request)
    resource = entry.get("resource")
    if resource is not None and not isinstance(resource, dict):
        raise _fault(position, "resource doit être un objet.", "resource must be an object.")
    if resource is None and method in ("PUT", "PATCH"):
        raise _fault(position, f"{method} demande une resource.", f"{method} needs a resource.")
    full_url = entry.get("fullUrl")
    if full_url is not None and not isinstance(full_url, str):
        raise _fault(position, "fullUrl doit être un texte.", "fullUrl must be a string.")
    path, _, query = url.removeprefix(base).partition("?")
    if "://" in path:
        raise _fault(position, "request.url désigne un autre serveur.", "request.url names another server.")
    segments = tuple(unquote(part) for part in path.strip("/").split("/")) if path.strip("/") else ()
    if method == "POST" and segments[-1:] == ("_search",) and resource is not None:
        raise _fault(
            position,
            "Les critères d'un _search en entrée sont dans request.url ; une resource n'y a pas de place.",
            "The criteria of a _search in an entry are in request.url; a resource has no place there.",
        )
    return Entry(position, method, segments, query, resource, full_url, request)


def _check_conditions(position: int, request: dict[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(request.get(name, ""), str):
            raise _fault(position, f"request.{name} doit être un texte.", f"request.{name} must be a string.")
    since = request.get("ifModifiedSince")
    if since is not None and _instant(since) is None:
        raise _fault(
            position,
            "request.ifModifiedSince doit être un instant FHIR.",
            "request.ifModifiedSince must be an instant.",
        )


def as_request(whole: Request, entry: Entry, unit: Transaction | None) -> Request:
    """Return an entry as a request of its own."""
    resource = entry.resource

    def parse() -> dict[str, Any]:
        if resource is None:
            raise BadRequest(Text("L'entrée n'a pas de ressource.", "The entry has no resource."), rule="empty-body")
        return resource

    return replace(
        whole,
        method="GET" if entry.method == "HEAD" else entry.method,
        path=entry.path,
        query=entry.query,
        parse=parse,
        conditions=conditions_of(entry),
        prefer=Preference(lenient=whole.prefer.lenient),
        content=None,
        wants_resource=True,
        ranges=None,
        unit=unit,
        in_bundle=unit is not None,
        reserved=entry.identity if entry.method == "POST" else None,
        checked=entry.issues,
        marks=entry.marks,
    )


def conditions_of(entry: Entry) -> Conditions:
    """Return an entry's conditions."""
    return conditions(entry.request) if entry.asked is None else entry.asked


def conditions(request: dict[str, Any]) -> Conditions:
    """Read an entry's ifMatch, ifNoneMatch, ifModifiedSince, ifNoneExist."""
    match, none_match = request.get("ifMatch"), request.get("ifNoneMatch")
    since, none_exist = request.get("ifModifiedSince"), request.get("ifNoneExist")
    return Conditions(
        tags(match, "ifMatch") if match is not None else (),
        tags(none_match, "ifNoneMatch") if none_match is not None else (),
        _instant(since),
        none_exist.lstrip("?") if none_exist is not None else None,
    )


def respond(answer: Answer, whole: Request, method: str = "") -> dict[str, Any]:
    """Return the response entry of an answer, with as much of it as method and the whole request's `Prefer` ask for."""
    response: dict[str, Any] = {"status": _status(answer.status)}
    stored, returning = answer.stored, whole.prefer.returning
    if answer.location is not None:
        response["location"] = f"{whole.base}/{answer.location}"
    if stored is not None:
        response["etag"] = stored.etag
        response["lastModified"] = stored.updated.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if answer.written and returning == "OperationOutcome":
        response["outcome"] = outcome(answer.issues, whole.language)
    entry: dict[str, Any] = {"response": response}
    if stored is not None and not stored.deleted:
        entry = {"fullUrl": f"{whole.base}/{stored.type}/{stored.id}", **entry}
    if method != "HEAD" and (not answer.written or returning in (None, "representation")):
        resource = embedded(answer)
        if resource is not None:
            entry["resource"] = resource
    return entry


def response(kind: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the Bundle of response entries; FHIR has no empty lists.

    One version has its fullUrl once (`bdl-7`), however many entries answer with it.
    """
    seen: set[tuple[Any, Any]] = set()
    for entry in answers:
        version = entry["response"].get("etag") if "resource" in entry else None
        if (entry.get("fullUrl"), version) in seen:
            entry.pop("fullUrl", None)
        seen.add((entry.get("fullUrl"), version))
    return {"resourceType": "Bundle", "type": kind, **({"entry": answers} if answers else {})}


def embedded(answer: Answer) -> Any:
    """Return an answer's resource as a part of a Bundle: stored bytes go in as they are."""
    if answer.resource is not None:
        return answer.resource
    data = answer.json
    if data is None and answer.stored is not None and answer.status not in (204, 304):
        data = answer.stored.body
    return orjson.Fragment(data) if data else None


def refuse(failure: Failure, told: dict[str, Any]) -> dict[str, Any]:
    """Return the response entry of a failure."""
    return {"response": {"status": _status(failure.status), "outcome": told}}


def place(issues: Sequence[Issue], position: int) -> list[Issue]:
    """Return an entry's findings with expressions that begin at the Bundle."""
    placed = []
    for issue in issues:
        where = f"Bundle.entry[{position}]"
        if issue.expression and not issue.expression.startswith("Bundle.entry"):
            _, dot, rest = issue.expression.partition(".")
            where += f".resource{dot}{rest}"
        elif issue.expression:
            where = issue.expression
        placed.append(replace(issue, expression=where))
    return placed


def taken_out(issues: Sequence[Issue], kind: str) -> list[Issue]:
    """Return findings on the only entry with expressions that begin at its resource."""
    return located(issues, [kind])


def located(issues: Sequence[Issue], places: Sequence[str]) -> list[Issue]:
    """Return findings on entries with expressions that begin where the resource of each stood in what was sent."""
    found = []
    for issue in issues:
        match = _PLACE.match(issue.expression or "")
        if match is not None and int(match[1]) < len(places):
            rest = str(issue.expression)[match.end() :]
            found.append(replace(issue, expression=f"{places[int(match[1])]}{rest}"))
        else:
            found.append(issue)
    return found


def _instant(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _status(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase}"


def _known(element: dict[str, Any], names: frozenset[str], where: str) -> None:
    """Refuse what is no part of a Bundle: a condition with a slip in its name would not be held."""
    unknown = [name for name in element if name.removeprefix("_") not in names]
    if unknown:
        name = unknown[0][:64]
        raise BadRequest(
            Text(f"{where} n'a pas d'élément « {name} ».", f'{where} has no element "{name}".'),
            expression=where,
            rule="unknown-element",
            code="structure",
        )


def _fault(position: int | None, fr: str, en: str) -> BadRequest:
    where = "Bundle" if position is None else f"Bundle.entry[{position}]"
    return BadRequest(Text(fr, en), expression=where, rule="bundle-entry")

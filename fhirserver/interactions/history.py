"""history: the versions of a resource, a type, or everything (https://hl7.org/fhir/R4/http.html#history)."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from fhirserver import jsontext
from fhirserver.access.decide import Grant, decide
from fhirserver.errors import BadRequest, Forbidden
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import binary, subset, visibility
from fhirserver.issues import Text
from fhirserver.store import HistoryPage, HistoryQuery, Stored
from fhirserver.store.kept.versions import position

_INSTANT: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_PARAMETERS: Final = ("_count", "_since", "_at", "_page", "_format", "_pretty", "_summary", "_elements")
_AT_ONCE: Final = 100
"""Versions that are looked at together, to fill a page with what the caller may see."""
_STATUS: Final = {"POST": "201 Created", "PUT": "200 OK", "PATCH": "200 OK", "DELETE": "204 No Content"}


def of_instance(services: Services, request: Request, kind: str, identity: str) -> Answer:
    """Answer the versions of a resource, deleted or not; NotFound when there never was one."""
    grant = decide(request.caller, "r", kind)
    current = services.store.read(kind, identity)
    visibility.require(services, request, grant, current, kind, identity)
    request.record("history", kind, identity)
    return _answer(services, request, HistoryQuery(kind, identity), grant)


def of_type(services: Services, request: Request, kind: str) -> Answer:
    """Answer the versions of all resources of a type."""
    return _answer(services, request, HistoryQuery(kind), _whole(request, kind))


def of_system(services: Services, request: Request) -> Answer:
    """Answer the versions of all resources."""
    return _answer(services, request, HistoryQuery(), _whole(request, None))


def _whole(request: Request, kind: str | None) -> Grant:
    grant = decide(request.caller, "s", kind)
    if not grant.whole:
        raise Forbidden(
            Text("L'historique d'un type n'est pas offert au patient.", "A type's history is not offered to patients."),
            rule="role",
        )
    request.record("history", kind)
    return grant


def _answer(services: Services, request: Request, query: HistoryQuery, grant: Grant) -> Answer:
    pairs = request.pairs()
    given = _given(pairs, lenient=request.prefer.lenient)
    most = services.settings.max_page_size
    count = min(_count(given.get("_count"), services.settings.page_size), most)
    since = given.get("_since")
    at = given.get("_at")
    query = replace(
        query,
        count=max(count, 1),
        since=_span(since, "_since")[0] if since else None,
        at=_span(at, "_at") if at else None,
        after=_position(services, request, given["_page"]) if "_page" in given else None,
    )
    cut = subset.choose(services.definitions, pairs)
    horizon = services.store.horizon()
    # a total over what is partly hidden would tell how much is
    total = services.store.history_total(query) if query.id is not None or request.caller.everything else None
    page = HistoryPage((), None) if count == 0 else _visible(services, request, grant, query)
    services.guards.seen(services, request, page.versions)
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": _write(horizon)},
        "type": "history",
        **({"total": total} if total is not None else {}),
        "link": _links(services, request, given, page),
        "entry": [_entry(services, request, stored, cut) for stored in page.versions],
    }
    if not bundle["entry"] or given.get("_summary") == "count":
        del bundle["entry"]
    return Answer(200, resource=bundle)


def _given(pairs: list[tuple[str, str]], *, lenient: bool) -> dict[str, str]:
    """Return the parameters that hold; raises BadRequest."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in _PARAMETERS:
            if lenient:
                continue
            raise _fault(name, "paramètre inconnu de _history", "unknown parameter of _history")
        if name in given:
            raise _fault(name, "donné deux fois", "given twice")
        if not value:
            raise _fault(name, "valeur vide", "empty value")
        given[name] = value
    return given


def _visible(services: Services, request: Request, grant: Grant, query: HistoryQuery) -> HistoryPage:
    """Return a page of what the caller sees.

    What is hidden takes no room in it, nor does it make a next page, so that its number is not told; but a page that
    takes longer than a search may ends where it came to.
    """
    shown: list[Stored] = []
    after, until = query.after, time.monotonic() + services.settings.search_seconds
    page = services.store.history(replace(query, count=query.count + 1))
    while True:
        shown += [stored for stored in page.versions if visibility.sees(services, request, grant, stored)]
        if len(shown) > query.count:
            kept = shown[: query.count]
            return HistoryPage(tuple(kept), position(kept[-1]))
        after = page.next
        if after is None or time.monotonic() > until:
            return HistoryPage(tuple(shown), after)
        page = services.store.history(replace(query, count=_AT_ONCE, after=after))


def _entry(services: Services, request: Request, stored: Stored, cut: subset.Cut | None) -> dict[str, Any]:
    url = f"{stored.type}/{stored.id}"
    created = stored.version == 1 or stored.method == "POST"
    status = _STATUS["POST"] if created and stored.method != "DELETE" else _STATUS[stored.method]
    entry: dict[str, Any] = {"fullUrl": f"{request.base}/{url}"}
    if not stored.deleted:
        body = binary.complete(services, stored) if stored.type == "Binary" and stored.files else stored.body
        entry["resource"] = orjson.Fragment(body) if cut is None else cut(jsontext.read(body))
    entry["request"] = {"method": stored.method, "url": stored.type if stored.method == "POST" else url}
    entry["response"] = {"status": status, "etag": stored.etag, "lastModified": _write(stored.updated)}
    return entry


def _links(services: Services, request: Request, given: dict[str, str], page: HistoryPage) -> list[dict[str, str]]:
    path = "/".join(request.path)
    address = f"{request.base}/{path}"
    links = [{"relation": "self", "url": _url(address, given)}]
    if page.next is not None:
        moment, name = page.next
        # sealed: a page may end at a version of which the caller must not know
        token = services.searcher.cursors.seal(path, (), (_write(moment), name))
        links.append({"relation": "next", "url": _url(address, {**given, "_page": token})})
    return links


def _url(address: str, parameters: dict[str, str]) -> str:
    return f"{address}?{urlencode(parameters)}" if parameters else address


def _position(services: Services, request: Request, text: str) -> tuple[datetime, str]:
    absent = _fault("_page", "cette page n'existe pas", "there is no such page")
    try:
        position = services.searcher.cursors.open(text)
    except BadRequest:
        raise absent from None
    if position.path != "/".join(request.path):
        raise absent
    moment, name = position.after
    return datetime.fromisoformat(moment), name


def _count(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise _fault("_count", "un nombre de 0 ou plus est attendu", "a number of 0 or more is expected")
    return int(text[:9])


def _span(text: str, name: str) -> tuple[datetime, datetime]:
    """Return first and last moment of a date or instant; raises BadRequest."""
    # a plus sign that was not escaped reads as a space
    match = _INSTANT.fullmatch(text.replace(" ", "+"))
    try:
        begin = _begin(match) if match else None
    except (ValueError, OverflowError):
        begin = None
    if match is None or begin is None:
        raise _fault(name, "une date ou un instant FHIR est attendu", "a FHIR date or instant is expected")
    return begin, begin + _width(match)


def _begin(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    numbers = (int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    begin = datetime(*numbers, tzinfo=UTC)
    if fraction:
        begin += timedelta(microseconds=int(fraction[1:7].ljust(6, "0")))
    if zone and zone != "Z":
        shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        begin = begin - shift if zone[0] == "+" else begin + shift
    return begin


def _width(match: re.Match[str]) -> timedelta:
    _, month, day, hour, _, second, fraction, _ = match.groups()
    if fraction:
        return timedelta()
    if second:
        return timedelta(seconds=1) - timedelta(milliseconds=1)
    if hour:
        return timedelta(minutes=1)
    if day:
        return timedelta(days=1)
    return timedelta(days=31) if month else timedelta(days=366)


def _write(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fault(name: str, fr: str, en: str) -> BadRequest:
    return BadRequest(Text(f"{name[:40]} : {fr}.", f"{name[:40]}: {en}."), rule="history-parameter")

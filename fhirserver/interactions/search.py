"""search: of a type, of everything, of a compartment, by GET or by form (https://hl7.org/fhir/R4/http.html#search)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote_plus

import orjson

from fhirserver import jsontext
from fhirserver.access.decide import Grant, decide
from fhirserver.errors import BadRequest, Forbidden, NotFound, UnsupportedMediaType
from fhirserver.interactions import record as record_asked
from fhirserver.interactions.exchange import Answer, Request, query_pairs
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import binary, subset, visibility
from fhirserver.interactions.shown.outcomes import outcome
from fhirserver.issues import Text
from fhirserver.search.asked.parse import parse
from fhirserver.search.asked.query import Query
from fhirserver.search.mongo.searching import ResultPage
from fhirserver.store import Stored

COMPARTMENTS: Final = ("Patient", "Encounter", "RelatedPerson", "Practitioner", "Device")
_RECORD: Final = "$everything"
_FORM: Final = "application/x-www-form-urlencoded"
_OF_FORMAT: Final = frozenset({"_format", "_pretty"})
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*")

SECRET: Final = "search-secret"  # noqa: S105 - the name of a note
"""Under this name of `Request.memory`, a guard notes that the criteria must not stand in a url."""

CONTINUED: Final = "search-continued"
"""Under this name of `Request.memory`, guards are told that the criteria came with a cursor, which may be another's."""

PATIENTS: Final = "patients-by-identifier"
"""Under this name of `Request.memory`, a guard notes the Patients that it found by identifier, for chains to them."""

Pairs = Sequence[tuple[str, str]]


def of_type(services: Services, request: Request, kind: str) -> Answer:
    """Search a type by the query string."""
    return _search(services, request, [kind], kind, request.pairs())


def by_form(services: Services, request: Request, kind: str) -> Answer:
    """Search a type by a form (`POST _search`), to which a query string may add."""
    return _search(services, request, [kind], kind, _form(services, request))


def everywhere(services: Services, request: Request) -> Answer:
    """Search all types, or those of `_type`."""
    return _everywhere(services, request, request.pairs())


def everywhere_by_form(services: Services, request: Request) -> Answer:
    """Search all types by a form."""
    return _everywhere(services, request, _form(services, request))


def compartment(services: Services, request: Request, kind: str, identity: str, wanted: str) -> Answer:
    """Search what belongs to a patient, an encounter…: one type, or `*` for all."""
    return _compartment(services, request, (kind, identity), wanted, request.pairs())


def compartment_by_form(services: Services, request: Request, kind: str, identity: str, wanted: str) -> Answer:
    """Search a compartment by a form."""
    return _compartment(services, request, (kind, identity), wanted, _form(services, request))


def record(services: Services, request: Request, patient: str, pairs: Pairs) -> Answer:
    """Search all that belongs to a patient, with what it refers to (`$everything`)."""
    members = [kind for kind in _allowed(services, request, ()) if services.registry.member(kind, "Patient")]
    return _search(services, request, members, f"Patient/{patient}/{_RECORD}", pairs, ("Patient", patient))


def _everywhere(services: Services, request: Request, pairs: Pairs) -> Answer:
    return _search(services, request, _allowed(services, request, pairs), "", pairs)


def _compartment(services: Services, request: Request, place: tuple[str, str], wanted: str, pairs: Pairs) -> Answer:
    kind, identity = place
    if kind not in COMPARTMENTS:
        raise NotFound(
            Text(f"{kind} ne forme pas de compartiment.", f"{kind} forms no compartment."), rule="compartment"
        )
    types = [wanted] if wanted != "*" else _allowed(services, request, pairs)
    members = [each for each in types if services.registry.member(each, kind)]
    if not members:
        raise NotFound(
            Text(
                f"{wanted} n'est pas dans le compartiment de {kind}.", f"{wanted} is not in the compartment of {kind}."
            ),
            rule="compartment",
        )
    return _search(services, request, members, f"{kind}/{identity}/{wanted}", pairs, place)


def _allowed(services: Services, request: Request, pairs: Pairs) -> list[str]:
    """Return the types that the caller may search: all that `_type` names, or as many as there are."""
    named = {name for key, value in pairs if key == "_type" for name in value.split(",") if name}
    if named:
        return sorted(named & services.types) or sorted(services.types)
    allowed = []
    for kind in sorted(services.types):
        try:
            decide(request.caller, "s", kind)
        except Forbidden:
            continue
        allowed.append(kind)
    if not allowed:
        decide(request.caller, "s", None)
    return allowed


def _search(  # noqa: PLR0913, PLR0917 - what a search consists of
    services: Services,
    request: Request,
    types: Sequence[str],
    path: str,
    pairs: Pairs,
    place: tuple[str, str] | None = None,
) -> Answer:
    query, pairs, wanted = _understood(services, request, types, path, pairs, place)
    grants = [decide(request.caller, "s", kind) for kind in query.types]
    if request.rehearsal:
        return Answer(202)
    grant = next((each for each in grants if not each.whole), Grant())
    subset.choose(services.definitions, pairs, () if request.prefer.lenient else query.types)
    horizon = services.store.horizon()
    session = None
    if request.unit is not None:
        request.unit.flush()
        session = request.unit.session
    services.guards.search(services, request, pairs, form=request.method == "POST" or query.after is not None)
    narrowing = visibility.narrowing(services, request, grant)
    if wanted is not None:
        narrowing = wanted.narrowing(narrowing)
    if len(query.types) == 1 and path == query.types[0]:
        given = services.guards.answer(services, request, path, pairs)
        if given is not None:
            return given
    budget = None if request.course is None else services.settings.async_search_seconds
    page = services.searcher.run(query, narrowing, session, request.memory.setdefault(PATIENTS, {}), budget)
    if wanted is not None:
        page = wanted.part(page)
    request.record(
        "search",
        query.types[0] if len(query.types) == 1 else None,
        query=[list(pair) for pair in page.understood],
        found=[f"{stored.type}/{stored.id}" for stored in (*page.matches, *page.includes)],
    )
    services.guards.seen(services, request, (*page.matches, *page.includes))
    return Answer(
        200, resource=_bundle(services, request, path, page, _entries(services, request, page, pairs), horizon)
    )


def _understood(  # noqa: PLR0913, PLR0917 - as a search
    services: Services,
    request: Request,
    types: Sequence[str],
    path: str,
    pairs: Pairs,
    place: tuple[str, str] | None,
) -> tuple[Query, Pairs, record_asked.Wanted | None]:
    """Return a search, its criteria, those of a cursor included, and for `$everything` what of it is wanted."""
    after = None
    cursor = next((value for name, value in pairs if name == "_cursor"), None)
    if cursor is not None:
        pairs, after = _continued(services, path, pairs, cursor)
        request.memory[CONTINUED] = True
        if not path:
            types = _allowed(services, request, pairs)
    wanted = None
    if place is not None and path.endswith(_RECORD):
        wanted = record_asked.read(services, request, types, place[1], pairs)
        types, pairs = wanted.searched, wanted.pairs
    query = parse(
        services.registry,
        types,
        pairs,
        rules=services.searcher.rules.under(f"{request.base}/"),
        lenient=request.prefer.lenient,
        compartment=place,
        containers=_allowed(services, request, ()) if any(name == "_contained" for name, _ in pairs) else (),
    )
    return query if after is None else replace(query, after=after), pairs, wanted


def _continued(services: Services, path: str, pairs: Pairs, cursor: str) -> tuple[Pairs, tuple[Any, ...]]:
    """Return the search that a cursor holds, and after which entry it goes on.

    Raises:
        BadRequest: it is none, or of another search, or something stands beside it that has no place there.
    """
    beside = _beside(pairs)
    position = services.searcher.cursors.open(cursor)
    if position.path != path:
        raise BadRequest(
            Text("Ce curseur est d'une autre recherche.", "This cursor is of another search."),
            expression="http._cursor",
            rule="search-cursor",
        )
    if beside:  # some clients say anew how many they want
        return [*(pair for pair in position.pairs if pair[0] != "_count"), *beside], position.after
    return position.pairs, position.after


def _beside(pairs: Pairs) -> list[tuple[str, str]]:
    """Return the `_count` that stands beside a cursor, which holds its search already.

    Raises:
        BadRequest: names a parameter that has no place there.
    """
    others = [(name, value) for name, value in pairs if name not in _OF_FORMAT]
    others.remove(next(pair for pair in others if pair[0] == "_cursor"))
    for name, _ in others:
        if name != "_count":
            raise BadRequest(
                Text(
                    f"Paramètre « {name[:40]} » : un curseur contient déjà sa recherche ; suivez le lien `next` tel "
                    "quel.",
                    f'Parameter "{name[:40]}": a cursor holds its search already; follow the `next` link as it is.',
                ),
                expression=f"http.{name[:40]}",
                rule="search-cursor",
            )
    return others


def _bundle(  # noqa: PLR0913, PLR0917 - what a searchset tells
    services: Services,
    request: Request,
    path: str,
    page: ResultPage,
    entries: list[dict[str, Any]],
    horizon: datetime,
) -> dict[str, Any]:
    """Return the searchset; whatever becomes visible later is found by `_lastUpdated=gt` its meta.lastUpdated."""
    if page.issues:
        told = outcome(page.issues, request.language)
        entries.append({"resource": told, "search": {"mode": "outcome"}})
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": horizon.isoformat(timespec="milliseconds").replace("+00:00", "Z")},
        "type": "searchset",
    }
    if page.total is not None:
        bundle["total"] = page.total
    bundle["link"] = _links(services, request, path, page)
    if entries:
        bundle["entry"] = entries
    return bundle


def _entries(services: Services, request: Request, page: ResultPage, pairs: Pairs) -> list[dict[str, Any]]:
    cut = subset.choose(services.definitions, pairs)
    beside = subset.choose(services.definitions, pairs, included=True)

    def resource(stored: Stored, cut: subset.Cut | None) -> Any:
        body = binary.complete(services, stored) if stored.type == "Binary" and stored.files else stored.body
        return orjson.Fragment(body) if cut is None else cut(jsontext.read(body))

    entries = []
    for stored in page.matches:
        for part in ("",) if page.inside is None else page.inside[f"{stored.type}/{stored.id}"]:
            shown = _part(stored, part, cut) if part else resource(stored, cut)
            entries.append(_entry(request, stored, shown, "match", part))
    return entries + [_entry(request, stored, resource(stored, beside), "include") for stored in page.includes]


def _part(stored: Stored, inside: str, cut: subset.Cut | None) -> dict[str, Any]:
    """Return one of the resources that a resource contains."""
    contained: dict[str, Any] = next(each for each in jsontext.read(stored.body)["contained"] if each["id"] == inside)
    return contained if cut is None else cut(contained)


def _entry(request: Request, stored: Stored, resource: Any, mode: str, part: str = "") -> dict[str, Any]:
    fragment = f"#{part}" if part else ""
    return {
        "fullUrl": f"{request.base}/{stored.type}/{stored.id}{fragment}",
        "resource": resource,
        "search": {"mode": mode},
    }


def _links(services: Services, request: Request, path: str, page: ResultPage) -> list[dict[str, str]]:
    address = f"{request.base}/{path}" if path else request.base
    # criteria that a guard keeps out of urls stay out of links as well
    query = "" if SECRET in request.memory else _query(page.understood)
    links = [{"relation": "self", "url": f"{address}?{query}" if query else address}]
    if page.next is not None:
        # sealed is what was understood: the client may not ask for lenience again
        cursor = services.searcher.cursors.seal(path, page.understood, page.next)
        formats = [(name, value) for name, value in request.pairs() if name in _OF_FORMAT]
        links.append({"relation": "next", "url": f"{address}?{_query([('_cursor', cursor), *formats])}"})
    return links


def _query(pairs: Pairs) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def _quoted(text: str) -> str:
    """Return a name or value as a query string has it; most need no quoting, and to look for it takes longest."""
    return text if _PLAIN.fullmatch(text) else quote_plus(text)


def _form(services: Services, request: Request) -> Pairs:
    """Return the parameters of a form and of the query string.

    Raises:
        UnsupportedMediaType: the body is no form.
        BadRequest: it is not UTF-8.
    """
    pairs = list(request.pairs())
    if request.content is None:
        return pairs
    media = request.content.media.partition(";")[0].strip().lower()
    body = request.content.read()
    if not body:
        return pairs
    if media != _FORM:
        raise UnsupportedMediaType(
            Text(f"_search attend un formulaire ({_FORM}).", f"_search expects a form ({_FORM})."),
            rule="content-type",
            headers={"Accept": _FORM},
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(
            Text("Le formulaire n'est pas de l'UTF-8 valide.", "The form is not valid UTF-8."), rule="query"
        ) from None
    return services.guards.form(pairs + query_pairs(text))

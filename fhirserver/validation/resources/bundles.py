"""Bundles: what each type of Bundle asks of its entries (https://hl7.org/fhir/R4/bundle.html).

Cardinalities and the invariants bdl-1 to bdl-12 stand in the definition; here is what its prose adds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fhirserver.validation.elements.formats import is_absolute
from fhirserver.validation.resources.resolution import places_of
from fhirserver.validation.run import Path, Run, Scope
from fhirserver.validation.texts import bundles as texts

_RESTFUL: Final = re.compile(r"https?://.+/([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_INTERACTIONS: Final = frozenset({"transaction", "batch"})
_RESPONSES: Final = frozenset({"transaction-response", "batch-response"})
_SINGLE_LINKS: Final = frozenset({"self", "first", "previous", "prev", "next", "last"})
_MODES_OF_TYPES: Final = frozenset({"match"})
_TYPE_OF_SEARCH: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)(?:/_search)?(?:\?.*)?")
_COMPOSITION: Final = ("subject", "encounter", "author", "custodian")


def bundle_rules(value: Any, path: Path, run: Run) -> None:
    """Judge a Bundle beyond what its definition says."""
    entries = value.get("entry")
    if type(entries) is not list:
        return
    stated = value.get("type")
    kind = stated if type(stated) is str else None
    for index, entry in enumerate(entries):
        if type(entry) is dict:
            _entry(entry, kind, (path, "entry", index), run)
    if kind == "searchset":
        _searchset(value, entries, path, run)
    elif kind in ("document", "message"):
        _closed(value, entries, kind, path, run)


def _entry(entry: dict[str, Any], kind: str | None, path: Path, run: Run) -> None:
    url, resource = entry.get("fullUrl"), entry.get("resource")
    if type(resource) is not dict:
        return
    if url is None:
        _without_url(resource, kind, path, run)
    if type(url) is not str or not url:
        return
    if not is_absolute(url):
        run.error("value", path, "bundle-full-url", texts.url_relative(url))
        return
    match = _RESTFUL.fullmatch(url)
    named, own = resource.get("resourceType"), resource.get("id")
    if match and match[1] in run.kit.resource_types and type(own) is str and (match[1], match[2]) != (named, own):
        run.error("value", path, "bundle-full-url", texts.url_differs(url, f"{named}/{own}"))


def _without_url(resource: dict[str, Any], kind: str | None, path: Path, run: Run) -> None:
    """Judge an entry without fullUrl: only entries of transactions and batches, and of their responses, may be so."""
    if kind in _RESPONSES:
        return
    relative = [at for at, reference in references_of(resource, (path, "resource", -1)) if _is_relative(reference)]
    if kind in _INTERACTIONS:
        if relative:
            run.warn("required", path, "bundle-full-url", texts.url_advised())
        return
    run.error("required", path, "bundle-full-url", texts.url_missing())
    for at in relative:
        run.error("not-found", at, "bundle-full-url", texts.url_missing_for_reference())


def _is_relative(reference: str) -> bool:
    return not reference.startswith("#") and ":" not in reference.partition("/")[0] and "?" not in reference


def references_of(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every literal reference in a value, with the path of its Reference, in the value's order."""
    if type(value) is dict:
        reference = value.get("reference")
        if type(reference) is str and reference:
            yield path, reference
        for key, item in value.items():
            if type(item) is dict:
                yield from references_of(item, (path, key, -1))
            elif type(item) is list:
                for index, one in enumerate(item):
                    if type(one) is dict:
                        yield from references_of(one, (path, key, index))


# Search results


def _searchset(value: dict[str, Any], entries: list[Any], path: Path, run: Run) -> None:
    searched = None
    seen: set[str] = set()
    links = value.get("link")
    for index, link in enumerate(links if type(links) is list else ()):
        if type(link) is not dict or type(link.get("relation")) is not str:
            continue
        relation = link["relation"]
        if relation in seen and relation in _SINGLE_LINKS:
            run.error("duplicate", (path, "link", index), "bundle-link", texts.link_twice(relation))
        seen.add(relation)
        if relation == "self" and type(link.get("url")) is str:
            match = _TYPE_OF_SEARCH.fullmatch(link["url"])
            searched = match[1] if match and match[1] in run.kit.resource_types else None
    for index, entry in enumerate(entries):
        if type(entry) is dict and type(entry.get("resource")) is dict:
            _found(entry, searched, ((path, "entry", index), "resource", -1), run)


def _found(entry: dict[str, Any], searched: str | None, path: Path, run: Run) -> None:
    resource = entry["resource"]
    search = entry.get("search")
    mode = search.get("mode") if type(search) is dict else None
    kind = resource.get("resourceType")
    if mode == "outcome":
        if kind != "OperationOutcome":
            run.error("value", path, "bundle-search-mode", texts.mode_outcome(str(kind)))
        return
    if "id" not in resource and kind != "OperationOutcome":
        run.error("required", path, "bundle-search-id", texts.found_without_id())
    if mode == "match" and searched and kind != searched:
        run.error("value", path, "bundle-search-mode", texts.mode_match(str(kind), searched))


# Documents and messages: Bundles that hold all they refer to


def _closed(value: dict[str, Any], entries: list[Any], kind: str, path: Path, run: Run) -> None:
    bundle = _scope(value, path, run)
    first = _resource(entries[0]) if entries else None
    if first is None:
        return
    wanted = "Composition" if kind == "document" else "MessageHeader"
    if first.get("resourceType") != wanted:
        return  # bdl-11, bdl-12 say so
    at = ((path, "entry", 0), "resource", -1)
    own_url = entries[0].get("fullUrl")
    for place, reference in _binding_references(first, at, kind):
        _must_resolve(run, bundle, reference, own_url if type(own_url) is str else None, place)
    if kind == "document":
        for index in _unreached(run, bundle, entries):
            run.error("business-rule", (path, "entry", index), "bundle-orphan", texts.orphan())


def _scope(value: dict[str, Any], path: Path, run: Run) -> Scope:
    scope = run.scope
    return scope if scope.resource is value else Scope(value, path, "inside", scope)


def _resource(entry: Any) -> dict[str, Any] | None:
    resource = entry.get("resource") if type(entry) is dict else None
    return resource if type(resource) is dict else None


def _binding_references(first: dict[str, Any], path: Path, kind: str) -> Iterator[tuple[Path, str]]:
    """Yield the references of a Composition or MessageHeader whose targets must be in the Bundle."""
    if kind == "message":
        yield from _named(first, path, "focus")
        return
    for name in _COMPOSITION:
        yield from _named(first, path, name)
    for name, inner in (("attester", "party"), ("event", "detail")):
        for index, one in enumerate(_list(first.get(name))):
            yield from _named(one, (path, name, index), inner)
    yield from _sections(first, path)


def _sections(holder: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for index, section in enumerate(_list(holder.get("section"))):
        if type(section) is dict:
            at = (path, "section", index)
            for name in ("author", "focus", "entry"):
                yield from _named(section, at, name)
            yield from _sections(section, at)


def _named(holder: Any, path: Path, name: str) -> Iterator[tuple[Path, str]]:
    value = holder.get(name) if type(holder) is dict else None
    if type(value) is dict:
        places = [((path, name, -1), value)]
    else:
        places = [((path, name, index), one) for index, one in enumerate(_list(value)) if type(one) is dict]
    for at, one in places:
        reference = one.get("reference")
        if type(reference) is str and reference and not reference.startswith("#"):
            yield at, reference


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _must_resolve(run: Run, bundle: Scope, reference: str, own_url: str | None, path: Path) -> None:
    found = places_of(run, bundle, reference, own_url)
    if not found:
        run.error("not-found", path, "bundle-reference", texts.reference_missing(reference))
    elif len(found) > 1:
        run.error("multiple-matches", path, "bundle-reference", texts.reference_several(reference))


def _unreached(run: Run, bundle: Scope, entries: list[Any]) -> list[int]:
    """Return the entries of a document that no chain of references, in either direction, joins to the first."""
    neighbours: dict[int, set[int]] = {index: set() for index in range(len(entries))}
    for index, entry in enumerate(entries):
        resource = _resource(entry)
        if resource is None:
            continue
        own_url = entry.get("fullUrl")
        for _, reference in references_of(resource, bundle.path):
            for place in places_of(run, bundle, reference, own_url if type(own_url) is str else None):
                neighbours[index].add(place)
                neighbours[place].add(index)
    reached, waiting = {0}, [0]
    while waiting:
        for place in neighbours[waiting.pop()] - reached:
            reached.add(place)
            waiting.append(place)
    return [index for index in neighbours if index not in reached and _resource(entries[index]) is not None]

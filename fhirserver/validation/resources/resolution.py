"""Where a reference leads, among what is at hand: contained resources and the entries of the Bundle around.

https://hl7.org/fhir/R4/bundle.html#references for Bundles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fhirserver.validation.run import Path, Scope

if TYPE_CHECKING:
    from fhirserver.validation.run import Run

_INDEX: Final = "bundle index"
_CONTAINED: Final = "contained index"


class Target(NamedTuple):
    """A resource that a reference leads to.

    Attributes:
        resource: the resource.
        path: where it stands.
        scope: what surrounds it.
    """

    resource: dict[str, Any]
    path: Path
    scope: Scope


class Index(NamedTuple):
    """The entries of a Bundle: by fullUrl, and by `Type/id`; each with its position."""

    full: dict[str, list[int]]
    local: dict[str, list[int]]


def resolve(run: Run, reference: str) -> Target | None:
    """Return what a reference leads to from where the run is; None where that is not at hand."""
    if reference.startswith("#"):
        return _contained(run, reference[1:])
    if run.scope.parent is None and run.scope.resource.get("resourceType") != "Bundle":
        return None
    entry = entry_around(run.scope)
    own_url = entry_url(entry) if entry is not None else None
    bundle = entry.parent if entry is not None else _as_bundle(run.scope)
    if bundle is None:
        return None
    places = places_of(run, bundle, reference, own_url)
    return target_at(bundle, places[0]) if places else None


def entry_around(scope: Scope | None) -> Scope | None:
    """Return the scope of the entry that holds this one, or is it; None outside of Bundles."""
    while scope is not None and (scope.kind != "entry" or scope.parent is None):
        scope = scope.parent
    return scope


def _as_bundle(scope: Scope) -> Scope | None:
    return scope if scope.resource.get("resourceType") == "Bundle" else None


def _contained(run: Run, wanted: str) -> Target | None:
    scope = container = run.scope
    if scope.kind == "contained" and scope.parent is not None:
        container = scope.parent
    if not wanted:
        return Target(container.resource, container.path, container)
    contained = container.resource.get("contained")
    if type(contained) is not list:
        return None
    position = _positions(run, contained).get(wanted)
    if position is None:
        return None
    one = contained[position]
    path = (container.path, "contained", position)
    return Target(one, path, Scope(one, path, "contained", container))


def _positions(run: Run, contained: list[Any]) -> dict[str, int]:
    """Return where each id first stands among contained resources, made once in a run."""
    key = (_CONTAINED, id(contained))
    known: dict[str, int] | None = run.memory.get(key)
    if known is None:
        known = {}
        for position, one in enumerate(contained):
            own = one.get("id") if type(one) is dict else None
            if type(own) is str:
                known.setdefault(own, position)
        run.memory[key] = known
    return known


def entry_url(scope: Scope) -> str | None:
    """Return the fullUrl of the entry that holds a scope's resource."""
    entry, bundle = scope.path[0], scope.parent
    if bundle is None or entry is None:
        return None
    entries = bundle.resource.get("entry")
    position = entry[2]
    if type(entries) is list and 0 <= position < len(entries) and type(entries[position]) is dict:
        url = entries[position].get("fullUrl")
        return url if type(url) is str else None
    return None


def target_at(bundle: Scope, position: int) -> Target:
    """Return the resource of one entry."""
    resource = bundle.resource["entry"][position]["resource"]
    path = ((bundle.path, "entry", position), "resource", -1)
    return Target(resource, path, Scope(resource, path, "entry", bundle))


def places_of(run: Run, bundle: Scope, reference: str, own_url: str | None) -> list[int]:
    """Return the positions of the entries that a reference means: by fullUrl, or relative to the base of its own."""
    index = index_of(run, bundle.resource)
    plain, _, version = reference.partition("/_history/")
    places: list[int] = []
    if ":" in plain.partition("/")[0]:
        places = index.full.get(plain, [])
    elif own_url is not None and "/" in own_url:
        base = own_url.rpartition("/")[0].rpartition("/")[0]
        places = index.full.get(f"{base}/{plain}" if base else plain, [])
    else:
        places = index.local.get(plain, [])
    if version:
        return [place for place in places if _version(bundle, place) == version]
    return places


def _version(bundle: Scope, position: int) -> Any:
    meta = bundle.resource["entry"][position]["resource"].get("meta")
    return meta.get("versionId") if type(meta) is dict else None


def index_of(run: Run, bundle: dict[str, Any]) -> Index:
    """Return the index of a Bundle, made once in a run."""
    key = (_INDEX, id(bundle))
    known: Index | None = run.memory.get(key)
    if known is None:
        known = Index({}, {})
        entries = bundle.get("entry")
        for position, entry in enumerate(entries if type(entries) is list else ()):
            if type(entry) is not dict or type(entry.get("resource")) is not dict:
                continue
            resource, url = entry["resource"], entry.get("fullUrl")
            if type(url) is str:
                known.full.setdefault(url, []).append(position)
            kind, own = resource.get("resourceType"), resource.get("id")
            if type(kind) is str and type(own) is str:
                known.local.setdefault(f"{kind}/{own}", []).append(position)
        run.memory[key] = known
    return known

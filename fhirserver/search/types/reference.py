"""Reference parameters (https://hl7.org/fhir/R4/search.html#reference).

A value is kept as `Type/id` when it refers to a resource of this server, however it was written, and as it stands
otherwise (absolute urls of others, canonicals with their version). `:identifier` keeps logical references, as tokens;
so are the identifiers of contained resources referred to, so that a chain such as `patient.identifier` finds them.
One key, `&Type/id`, serves every parameter (and element) through which a resource refers to another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.types import token
from fhirserver.search.types.values import Collector, Condition, Setting, ValueFault, Values, add
from fhirserver.search.values import keys
from fhirserver.search.values.keys import Bounds

IDENTIFIER: Final = ":identifier"
CONTAINED: Final = ":contained"
LOGICAL: Final = "~"
"""Begins the entries among compartments that stand for identifiers: a patient known by his INS alone."""

_RELATIVE: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_NESTED: Final = frozenset({dict, list})
_URIS: Final = frozenset({"uri", "url", "canonical", "oid", "uuid"})


@dataclass(frozen=True, slots=True)
class Target:
    """A reference of a query.

    Attributes:
        values: the forms in which it may be kept, any of which matches.
        canonical: a canonical url without a version: any version matches.
    """

    values: tuple[str, ...]
    canonical: str | None = None


def local(reference: str, setting: Setting) -> str:
    """Return the form in which a literal reference is kept."""
    match = _RELATIVE.fullmatch(reference)
    if match:
        return f"{match[1]}/{match[2]}"
    for base in setting.bases:
        if reference.startswith(base):
            match = _RELATIVE.fullmatch(reference, len(base))
            if match:
                return f"{match[1]}/{match[2]}"
    return reference


def collector(  # noqa: C901 - one branch for each FHIR type
    fhir_type: str, field: str, points_to: str, setting: Setting
) -> Collector | None:
    """Return what extracts references from elements of a FHIR type; None if it has none.

    Args:
        fhir_type: of the element.
        field: of the parameter.
        points_to: keep only references to this type; empty: all.
        setting: the addresses that are this server's.
    """
    if fhir_type == "Reference":
        start = points_to + "/"

        def of_type(element: Any, default: str = "") -> str:
            return str(element.get("type", default))

        def reference(element: Any, values: Values) -> None:
            literal = element.get("reference")
            if literal and literal[0] == "#":
                add(values, field + CONTAINED, literal)
            elif literal:
                kept = local(literal, setting)
                if (
                    points_to
                    and not kept.startswith(start)
                    and f"/{start}" not in kept
                    and of_type(element) != points_to
                ):
                    return
                add(values, field, kept)
            elif points_to and of_type(element, points_to) != points_to:
                return
            if "identifier" in element:
                _identifier(element["identifier"], field, values)

        return reference
    if fhir_type in _URIS:

        def uri(element: Any, values: Values) -> None:
            add(values, field, local(str(element), setting))

        return uri
    if fhir_type == "Resource":

        def embedded(element: Any, values: Values) -> None:
            if "id" in element and (not points_to or element.get("resourceType") == points_to):
                add(values, field, f"{element['resourceType']}/{element['id']}")

        return embedded
    return None


def _identifier(element: Any, field: str, values: Values) -> None:
    value = element.get("value")
    if value is not None:
        add(values, field + IDENTIFIER, token.stored(value, element.get("system", "")))


def known_by(system: str, value: str) -> str:
    """Return the compartment of who is known by an identifier alone: resources refer to him logically."""
    return LOGICAL + token.stored(value, system)


def index_key(value: str) -> str:
    """Return the key of a reference, whatever the parameter."""
    return f"&{value}"[: keys.MAX_LENGTH]


def resolve_contained(resource: Any, field: str, values: Values) -> None:
    """Put the identifiers of contained resources in place of the fragments that refer to them."""
    inside = {f"#{each.get('id')}": each for each in resource.get("contained", ())}
    found: Values = {}
    for fragment in values[field + CONTAINED]:
        target = inside.get(fragment, {})
        identifiers = target.get("identifier", ())
        for identifier in identifiers if type(identifiers) is list else [identifiers]:
            _identifier(identifier, field, found)
    values[field + CONTAINED] = found.get(field + IDENTIFIER, [""])


def everywhere(resource: Any, setting: Setting) -> set[str]:
    """Return all literal references to resources of this server, and such urls, anywhere in a resource."""
    found: set[str] = set()
    pending = [resource]
    for value in pending:  # it grows meanwhile
        if type(value) is dict:
            literal = value.get("reference") or value.get("url")
            if type(literal) is str and _RELATIVE.fullmatch(kept := local(literal, setting)):
                found.add(kept)
            members = value.values()
        else:
            members = value
        for member in members:
            if type(member) in _NESTED:
                pending.append(member)  # noqa: PERF401 - twice as fast as a list for each object
    return found


def read(text: str, targets: frozenset[str], only: str | None, setting: Setting, *, canonical: bool) -> Target:
    """Read `id`, `Type/id`, an absolute url, or a canonical.

    Args:
        text: unescaped.
        targets: the types to which the parameter may refer; empty: any.
        only: the type that a modifier names.
        setting: the addresses that are this server's.
        canonical: whether the parameter's elements are canonical urls.

    Raises:
        ValueFault: an id that none can have, or a type that the modifier excludes.
    """
    kept = local(text, setting)
    match = _RELATIVE.fullmatch(kept)
    if match:
        if only and match[1] != only:
            raise ValueFault(
                Text(
                    f"la valeur désigne {match[1]}, le modificateur demande {only}",
                    f"the value names {match[1]}, the modifier asks for {only}",
                )
            )
        return Target((kept,))
    if ":" in kept or canonical:
        return Target((kept,), None if "|" in kept else kept)
    if not _ID.fullmatch(kept):
        raise ValueFault(
            Text(
                f"« {text[:60]} » n'est pas une référence (`id`, `Type/id` ou une url absolue)",
                f'"{text[:60]}" is not a reference (`id`, `Type/id` or an absolute url)',
            )
        )
    return Target(tuple(f"{target}/{kept}" for target in ([only] if only else sorted(targets))))


def condition(path: str, targets: list[Target]) -> Condition:
    """Return the condition that one of the targets is referred to."""
    values = [value for target in targets for value in target.values]
    parts: list[Condition] = [{path: values[0] if len(values) == 1 else {"$in": values}}]
    parts += [
        {path: {"$elemMatch": {"$gte": f"{target.canonical}|", "$lt": f"{target.canonical}}}"}}}
        for target in targets
        if target.canonical
    ]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def logical_bounds(field: str, tokens: list[token.Token], anchored: frozenset[str]) -> Bounds | None:
    """Return where candidates for identifiers of what is referred to stand."""
    if not anchored:
        return token.bounds(field + IDENTIFIER, tokens, 1, codes=False)
    if any(each.code is None for each in tokens):
        return None
    points = tuple(LOGICAL + token.stored(each.code or "", each.system) for each in tokens if each.system is not None)
    starts = [f"{LOGICAL}{each.code}{keys.SEPARATOR}" for each in tokens if each.system is None]
    return Bounds("a", points, tuple((start, f"{start[:-1]}\n") for start in starts), 2)


def bounds(targets: list[Target], anchored: frozenset[str]) -> Bounds:
    """Return where candidates stand: in compartments, among the keys, or in both."""
    values = [value for target in targets for value in target.values]
    within = tuple(value for value in values if value.partition("/")[0] in anchored)
    compartments = Bounds("a", within, (), 2) if within else None
    outside = tuple(index_key(value) for value in values if value.partition("/")[0] not in anchored)
    ranges = tuple(
        (index_key(f"{target.canonical}|"), index_key(f"{target.canonical}}}"))
        for target in targets
        if target.canonical
    )
    if compartments and not outside and not ranges:
        return compartments
    return Bounds("k", outside, ranges, 3, compartments)

"""What tells a slice from its siblings (https://hl7.org/fhir/R4/profiling.html#discriminator).

A discriminator's path is followed twice: once in the profile, when it is compiled, to find what the slice asks for
there, and then in each value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fhirserver.definitions import split_canonical
from fhirserver.issues import Text
from fhirserver.terminology import Verdict
from fhirserver.validation.elements.constants import equals, matches
from fhirserver.validation.kit import Kit
from fhirserver.validation.profiles.tree import Element
from fhirserver.validation.run import Path, Run
from fhirserver.validation.texts import slices as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEP: Final = re.compile(r"([A-Za-z$][A-Za-z0-9_]*)(?:\(\s*'?([^')]*)'?\s*\))?(?:\[\d+\])?")
_INLINE: Final = frozenset({"BackboneElement", "Element"})


class Item(NamedTuple):
    """A value met on a path, its FHIR type where the path tells, and where it stands."""

    value: Any
    type: str | None
    path: Path


Test = Callable[[Item, Run], bool]


class Condition(NamedTuple):
    """One thing that a slice asks of its items: the test, and the words for it when it fails."""

    test: Test
    reason: Callable[[Item, Run], Text]


class Undecidable(Exception):  # noqa: N818 - the guide's fault, not an error of ours
    """The profile gives nothing by which to recognise the slice."""


def conditions_of(kit: Kit, piece: Element, discriminators: Sequence[dict[str, Any]]) -> list[Condition]:
    """Compile what makes an item belong to a slice.

    Raises:
        Undecidable: none of the discriminators leads to anything that the slice fixes.
    """
    found: list[Condition] = []
    for discriminator in discriminators:
        kind, path = discriminator.get("type", "value"), discriminator.get("path", "$this")
        steps = _steps(path)
        condition = _condition(kit, piece, kind, path, steps)
        if condition is not None:
            found.append(condition)
    if not found:
        raise Undecidable(piece.slice or "")
    return found


def _steps(path: str) -> list[tuple[str, str | None]]:
    """Split a discriminator's path into names and functions with their argument."""
    steps: list[tuple[str, str | None]] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise Undecidable(path)
        name, argument = match[1], match[2]
        if name != "$this":
            called = path[match.end(1) : match.end(1) + 1] == "("
            steps.append((f"{name}()" if called else name, argument))
        position = match.end()
        if path[position : position + 1] == ".":
            position += 1
        elif position < len(path):
            raise Undecidable(path)
    return steps


class Place(NamedTuple):
    """A point in a profile: the element definitions that speak of it, and a constant inherited from above."""

    elements: tuple[Element, ...]
    fixed: Any = None
    pattern: Any = None


def _condition(kit: Kit, piece: Element, kind: str, path: str, steps: list[tuple[str, str | None]]) -> Condition | None:
    place = Place((piece,), piece.constant("fixed"), piece.constant("pattern"))
    for name, argument in steps:
        deeper = _descend(kit, place, name, argument)
        if deeper is None:
            return None
        place = deeper
    reach = _reach(steps)
    if kind == "type":
        return _type_condition(kit, place, path, steps, reach)
    if kind == "profile":
        return _profile_condition(place, path, steps, reach)
    if kind == "exists":
        return _exists_condition(place, path, reach)
    return _value_condition(kit, place, path, reach)


# In the profile


def _descend(kit: Kit, place: Place, name: str, argument: str | None) -> Place | None:
    if name in ("ofType()", "as()"):
        return place
    if name == "resolve()":
        targets = _targets(kit, place)
        return Place(tuple(targets)) if targets else place
    if name == "extension()":
        return _descend_extension(kit, place, argument or "")
    found: list[Element] = []
    for element in place.elements:
        child = element.child(name)
        if child is not None:
            found.append(child)
            continue
        for root in _roots(kit, element):
            deeper = root.child(name)
            if deeper is not None:
                found.append(deeper)
    fixed, pattern = _part(place.fixed, name), _part(place.pattern, name)
    for element in found:
        fixed = fixed if fixed is not None else element.constant("fixed")
        pattern = pattern if pattern is not None else element.constant("pattern")
    return Place(tuple(found), fixed, pattern) if found else None


def _part(constant: Any, name: str) -> Any:
    if not isinstance(constant, dict):
        return None
    part = constant.get(name)
    # a pattern's array with one item asks for that item among those found
    return part[0] if isinstance(part, list) and len(part) == 1 else part


def _roots(kit: Kit, element: Element) -> list[Element]:
    roots: list[Element] = []
    for one in element.types:
        names = one.get("profile") or ([one["code"]] if one["code"] not in _INLINE and one["code"] else [])
        for name in names:
            root = kit.tree(name) or kit.tree(one["code"])
            if root is not None:
                roots.append(root)
    return roots


def _targets(kit: Kit, place: Place) -> list[Element]:
    found: list[Element] = []
    for element in place.elements:
        for one in element.types:
            for canonical in one.get("targetProfile", ()):
                root = kit.tree(canonical)
                if root is not None:
                    found.append(root)
    return found


def _descend_extension(kit: Kit, place: Place, url: str) -> Place | None:
    for element in place.elements:
        holder = element.child("extension") or next(
            (child for root in _roots(kit, element) if (child := root.child("extension"))), None
        )
        if holder is None:
            continue
        for piece in holder.slices:
            if extension_url(piece) == url:
                return Place((piece,))
    root = kit.tree(url)
    return Place((root,)) if root else None


def extension_url(piece: Element) -> str | None:
    """Return the url of the extensions that a slice of `extension` means."""
    inline = piece.children and piece.child("url")
    if inline:
        fixed = inline.constant("fixed")
        if isinstance(fixed, str):
            return fixed
    for one in piece.types:
        for canonical in one.get("profile", ()):
            return split_canonical(canonical)[0]
    return None


# In the values


def _reach(steps: list[tuple[str, str | None]]) -> Callable[[Item, Run], list[Item]]:
    """Return the function that follows a path from a value."""
    if not steps:
        return lambda item, _run: [item]

    def reach(item: Item, run: Run) -> list[Item]:
        items = [item]
        for name, argument in steps:
            items = [deeper for one in items for deeper in _follow(one, name, argument, run)]
            if not items:
                break
        return items

    return reach


def _follow(item: Item, name: str, argument: str | None, run: Run) -> Iterable[Item]:
    value = item.value
    if name in ("ofType()", "as()") or type(value) is not dict:
        return [item] if name in ("ofType()", "as()") and item.type in (None, argument) else []
    if name == "resolve()":
        target = run.resolve(value)
        return [Item(target.resource, target.resource.get("resourceType"), target.path)] if target else []
    if name == "extension()":
        return [
            Item(one, "Extension", (item.path, "extension", index))
            for index, one in enumerate(_list(value.get("extension")))
            if type(one) is dict and one.get("url") == argument
        ]
    if name in value:
        inner = value[name]
        if type(inner) is list:
            return [Item(one, None, (item.path, name, index)) for index, one in enumerate(inner)]
        kind = inner.get("resourceType") if type(inner) is dict else None
        return [Item(inner, kind, (item.path, name, -1))]
    length = len(name)
    return [
        Item(inner, key[length:], (item.path, f"{name}.ofType({key[length:]})", -1))
        for key, inner in value.items()
        if key.startswith(name) and key[length : length + 1].isupper()
    ]


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


# What a slice asks for


def _type_condition(
    kit: Kit, place: Place, path: str, steps: list[tuple[str, str | None]], reach: Callable[[Item, Run], list[Item]]
) -> Condition | None:
    element = place.elements[0]
    resolved = bool(steps) and steps[-1][0] == "resolve()"
    wanted = (
        [one.base for one in place.elements]
        if resolved and element.path == element.base
        else [one["code"] for one in element.types]
    )
    if not wanted and element.path == element.base:
        wanted = [element.base]  # the root of a type that an extension or reference leads to
    if not wanted:
        return None
    kinds = frozenset(one for name in wanted for one in _kinds(name))

    def test(item: Item, run: Run) -> bool:
        return any(_is(kit, one, kinds) for one in reach(item, run))

    def reason(item: Item, run: Run) -> Text:
        found = [one.type or "?" for one in reach(item, run)]
        return texts.wrong_type(path, found, wanted)

    return Condition(test, reason)


def _kinds(name: str) -> list[str]:
    return [name, name[0].upper() + name[1:]]


def _is(kit: Kit, item: Item, kinds: frozenset[str]) -> bool:
    if item.type is None:
        return True  # the path has one type only: nothing to tell apart
    if item.type in kinds:
        return True
    name = item.type
    profile = kit.profile(name) or kit.profile(name[0].lower() + name[1:])
    return profile is not None and any(parent.rpartition("/")[2] in kinds for parent in profile.parents)


def _profile_condition(
    place: Place, path: str, steps: list[tuple[str, str | None]], reach: Callable[[Item, Run], list[Item]]
) -> Condition | None:
    if steps and steps[-1][0] == "resolve()":
        wanted = [one.profile for one in place.elements]
    else:
        wanted = [
            canonical for element in place.elements for one in element.types for canonical in one.get("profile", ())
        ]
        if not wanted and place.elements[0].path == place.elements[0].base:
            wanted = [place.elements[0].profile]
    if not wanted:
        return None

    def test(item: Item, run: Run) -> bool:
        return any(run.conforms(one.value, canonical, one.path) for one in reach(item, run) for canonical in wanted)

    def reason(item: Item, run: Run) -> Text:
        found = reach(item, run)
        why = run.why_not(found[0].value, wanted[0], found[0].path) if found else None
        return texts.wrong_profile(path, wanted, why)

    return Condition(test, reason)


def _exists_condition(place: Place, path: str, reach: Callable[[Item, Run], list[Item]]) -> Condition | None:
    for element in place.elements:
        if element.least >= 1:
            return Condition(lambda item, run: bool(reach(item, run)), lambda _item, _run: texts.must_exist(path))
        if element.most == "0":
            return Condition(lambda item, run: not reach(item, run), lambda _item, _run: texts.must_not_exist(path))
    return None


def _value_condition(kit: Kit, place: Place, path: str, reach: Callable[[Item, Run], list[Item]]) -> Condition | None:
    fixed, pattern = place.fixed, place.pattern
    if fixed is not None:
        return _constant(lambda value: equals(value, fixed), fixed, path, reach)
    if pattern is not None:
        return _constant(lambda value: matches(value, pattern), pattern, path, reach)
    for element in place.elements:
        stated = element.definition.get("binding") or {}
        if stated.get("strength") == "required" and stated.get("valueSet"):
            return _bound(kit, stated["valueSet"], path, reach)
    # children that are fixed one level below say as much as a pattern would
    parts = [
        (child.name, child.constant("fixed") if child.constant("fixed") is not None else child.constant("pattern"))
        for element in place.elements
        for child in element.children
    ]
    whole = {name: constant for name, constant in parts if constant is not None}
    if whole:
        return _constant(lambda value: matches(value, whole), whole, path, reach)
    if not any(element.types for element in place.elements):
        return None
    return _exists_condition(place, path, reach)


def _constant(
    right: Callable[[Any], bool], wanted: Any, path: str, reach: Callable[[Item, Run], list[Item]]
) -> Condition:
    return Condition(
        lambda item, run: any(right(one.value) for one in reach(item, run)),
        lambda item, run: texts.wrong_value(path, [one.value for one in reach(item, run)], wanted),
    )


def _bound(kit: Kit, value_set: str, path: str, reach: Callable[[Item, Run], list[Item]]) -> Condition:
    def is_in(value: Any) -> bool:
        if type(value) is str:
            return kit.terminology.member(value_set, None, value).verdict is Verdict.IN
        if type(value) is not dict:
            return False
        codings = value.get("coding") if "coding" in value else [value]
        return any(
            type(one) is dict
            and type(one.get("code")) is str
            and kit.terminology.member(value_set, _text(one.get("system")), one["code"]).verdict is not Verdict.OUT
            for one in _list(codings)
        )

    return Condition(
        lambda item, run: any(is_in(one.value) for one in reach(item, run)),
        lambda item, run: texts.not_in_value_set(path, [one.value for one in reach(item, run)], value_set),
    )

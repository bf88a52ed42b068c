"""Paths of a JSON Patch: JSON pointers (RFC 6901), and the bracket form of the French guides.

`/extension[url:'https://…']/valueBoolean` picks, in the array `extension`, the one item whose `url` is that value.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from fhirserver.errors import BadRequest, Unprocessable
from fhirserver.issues import Text

_MATCH: Final = re.compile(r"""/([A-Za-z_]\w*)\[\s*(\w+)\s*[:=]\s*(?:'([^']*)'|"([^"]*)")\s*\]""")
_PLAIN: Final = re.compile(r"/([^/]*)")
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")


class Match(NamedTuple):
    """A step of the bracket form: in the array `name`, the item whose `key` is `value`."""

    name: str
    key: str
    value: str


Step = str | Match


class Place(NamedTuple):
    """A member of an object (key: its name) or an item of an array (key: its index); it need not be there."""

    container: Any
    key: str | int


def parse(path: str, *, brackets: bool) -> list[Step]:
    """Return the steps of a path.

    Args:
        path: the pointer; empty means the whole document.
        brackets: whether the bracket form is understood.

    Raises:
        BadRequest: not a JSON pointer.
    """
    steps: list[Step] = []
    at = 0
    while at < len(path):
        match = _MATCH.match(path, at) if brackets else None
        if match and (match.end() == len(path) or path[match.end()] == "/"):
            steps.append(Match(match[1], match[2], match[3] if match[3] is not None else match[4]))
            at = match.end()
            continue
        plain = _PLAIN.match(path, at)
        if plain is None or _BAD_ESCAPE.search(plain[1]):
            raise BadRequest(
                Text(
                    f"« {path[:200]} » n'est pas un pointeur JSON : il commence par « / », et ~ s'écrit ~0.",
                    f'"{path[:200]}" is no JSON pointer: it begins with "/", and ~ is written ~0.',
                ),
                rule="json-pointer",
            )
        steps.append(plain[1].replace("~1", "/").replace("~0", "~"))
        at = plain.end()
    return steps


def find(document: Any, steps: list[Step], path: str) -> Any:
    """Return the value at a path.

    Raises:
        Unprocessable: nothing is there.
    """
    value = document
    for at, step in enumerate(steps):
        place = locate(value, step, document, steps[: at + 1], path)
        if not exists(place):
            raise absent(document, steps[: at + 1], path)
        value = place.container[place.key]
    return value


def exists(place: Place) -> bool:
    """Whether a place holds a value."""
    if isinstance(place.container, dict):
        return place.key in place.container
    return isinstance(place.key, int) and place.key < len(place.container)


def locate(container: Any, step: Step, document: Any, steps: list[Step], path: str) -> Place:
    """Return the place that a step leads to from a container; `-` gives the place after an array's last item.

    Raises:
        Unprocessable: the container has no such place.
    """
    if isinstance(step, Match):
        items = container.get(step.name) if isinstance(container, dict) else None
        items = items if isinstance(items, list) else []
        found = [at for at, item in enumerate(items) if isinstance(item, dict) and item.get(step.key) == step.value]
        if len(found) == 1:
            return Place(items, found[0])
        raise _not_one(document, steps, path, len(found))
    if isinstance(container, dict):
        return Place(container, step)
    if isinstance(container, list):
        if step == "-":
            return Place(container, len(container))
        if _INDEX.fullmatch(step):
            return Place(container, int(step))
    raise absent(document, steps, path)


def expression(document: Any, steps: list[Step]) -> str | None:
    """Return the FHIRPath of a path, as far as it goes; None where the document is no resource."""
    root = document.get("resourceType") if isinstance(document, dict) else None
    if not isinstance(root, str):
        return None
    parts = [root]
    for step in steps:
        if isinstance(step, Match):
            parts.append(f".{step.name}.where({step.key}='{step.value}')")
        elif _INDEX.fullmatch(step):
            parts.append(f"[{step}]")
        elif step != "-":
            parts.append(f".{step}")
    return "".join(parts)


def absent(document: Any, steps: list[Step], path: str) -> Unprocessable:
    """Return the failure of a path that leads nowhere."""
    hint_fr = hint_en = ""
    if steps and steps[-1] == "-":
        hint_fr = " Pour créer un tableau, ajoutez-le entier (« value »: [ … ])."
        hint_en = ' To create an array, add it as a whole ("value": [ … ]).'
    return Unprocessable(
        Text(
            f"Le chemin « {path[:200]} » ne mène à rien dans la ressource actuelle.{hint_fr}",
            f'The path "{path[:200]}" leads nowhere in the current resource.{hint_en}',
        ),
        expression=expression(document, steps),
        rule="json-patch",
    )


def _not_one(document: Any, steps: list[Step], path: str, count: int) -> Unprocessable:
    return Unprocessable(
        Text(
            f"Le chemin « {path[:200]} » désigne {count} éléments ; il doit en désigner un seul.",
            f'The path "{path[:200]}" selects {count} items; it must select exactly one.',
        ),
        expression=expression(document, steps),
        rule="json-patch",
    )

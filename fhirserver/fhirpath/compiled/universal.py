"""Invariants that apply nearly everywhere, written by hand.

Each one answers only what it can answer at once and leaves the rest to the compiled expression; a test proves on
generated data that both always agree (`tests/unit/fhirpath/test_universal.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.nodes import Node
from fhirserver.jsontext import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from fhirserver.fhirpath.model import Type


_CHILDREN: Final = (dict, str)


def shortcut(text: str, type_: Type, compiled: Callable[[Any, Environment], bool | None]) -> Callable[..., bool | None]:
    """Return a quicker test for this expression at this type, or the compiled one."""
    build = _SHORTCUTS.get("".join(text.split()))
    return build(type_, compiled) if build else compiled


def _ele_1(type_: Type, compiled: Callable[[Any, Environment], bool | None]) -> Callable[..., bool | None]:
    if type_.primitive:

        def has_value(this: Any, env: Environment) -> bool | None:
            return compiled(this, env) if this.__class__ is Node or this is None else True

        return has_value
    keys = frozenset(type_.keys) - {"id"}

    def has_children(this: Any, env: Environment) -> bool | None:
        for key in this:
            if key in keys and this[key]:
                held = this[key]
                # A list may hold nothing but nulls: the compiled expression looks closer.
                if held.__class__ is not list or held[0].__class__ in _CHILDREN:
                    return True
        return compiled(this, env)

    return has_children


def _ext_1(type_: Type, compiled: Callable[[Any, Environment], bool | None]) -> Callable[..., bool | None]:
    if type_.name != "Extension":
        return compiled
    names = frozenset(key for key, entry in type_.keys.items() if entry.field.name == "value")
    names |= {"_" + name for name in names}

    def one_of_both(this: Any, env: Environment) -> bool | None:  # noqa: ARG001 - as the compiled one
        return bool(this.get("extension")) is names.isdisjoint(this)

    return one_of_both


def _dom_3(type_: Type, compiled: Callable[[Any, Environment], bool | None]) -> Callable[..., bool | None]:
    if not type_.resource:
        return compiled

    def all_referenced(this: dict[str, Any], env: Environment) -> bool | None:
        contained = this.get("contained")
        if not contained:
            return True
        if this is env.resource and _refers_to_all(this, contained):
            return True
        # A canonical, uri or url may refer too, or a contained resource to its container.
        return compiled(this, env)

    return all_referenced


def _refers_to_all(resource: dict[str, Any], contained: list[dict[str, Any]]) -> bool:
    """Tell whether `reference` elements refer to each of the contained resources, from the JSON text.

    Inside of a string the quotes would be escaped: what is found is a member of an object.
    """
    text = write(resource)
    return all(type(id_ := held.get("id")) is str and b'"reference":' + write("#" + id_) in text for held in contained)


_SHORTCUTS: Final = {
    "hasValue()or(children().count()>id.count())": _ele_1,
    "extension.exists()!=value.exists()": _ext_1,
    (
        "contained.where((('#'+idin(%resource.descendants().reference|%resource.descendants().as(canonical)|"
        "%resource.descendants().as(uri)|%resource.descendants().as(url)))ordescendants().where(reference='#').exists()"
        "ordescendants().where(as(canonical)='#').exists()ordescendants().where(as(canonical)='#').exists()).not())"
        ".trace('unmatched',id).empty()"
    ): _dom_3,
}

"""The value of a FHIRPath Patch operation: parts of Parameters become an element of a type.

https://hl7.org/fhir/R4/fhirpatch.html: a `value[x]`, or for an element without a type of its own (`Patient.contact`)
one part for each of its elements.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fhirserver.errors import BadRequest, Unprocessable
from fhirserver.fhirpath.model import Entry, Type
from fhirserver.issues import Text


class Value(NamedTuple):
    """What an operation brings.

    Attributes:
        type: FHIR type as the parameter's name says it (`HumanName` of `valueHumanName`); `Resource` for a resource;
            empty for an element made of parts.
        value: its JSON; None for a primitive with extensions only, and for parts.
        sibling: id and extensions of a primitive, or None.
        parts: for an element made of parts.
    """

    type: str
    value: Any
    sibling: dict[str, Any] | None = None
    parts: tuple[dict[str, Any], ...] = ()


def read(part: dict[str, Any]) -> Value:
    """Return the value of a part.

    Raises:
        BadRequest: it has none.
    """
    for key, value in part.items():
        if key.startswith("value"):
            return Value(key[len("value") :], value, part.get(f"_{key}"))
        if key.startswith("_value"):
            return Value(key[len("_value") :], None, value)
    if isinstance(part.get("resource"), dict):
        return Value("Resource", part["resource"])
    parts = part.get("part")
    if isinstance(parts, list) and parts and all(isinstance(one, dict) for one in parts):
        return Value("", None, None, tuple(parts))
    raise BadRequest(
        Text(
            "Le paramètre « value » n'a ni value[x], ni resource, ni part.",
            'The parameter "value" has neither value[x], nor resource, nor part.',
        ),
        rule="fhirpath-patch",
        code="required",
    )


def entry_for(holder: Type, name: str, value: Value, expression: str) -> Entry:
    """Return the JSON key under which a value goes into an element of a type.

    Args:
        holder: type of the element that receives it.
        name: of the new element: `value`, `value[x]` or `valueQuantity` for a choice.
        value: whose type chooses among those of a choice.
        expression: FHIRPath of the element that receives it, for the message.

    Raises:
        Unprocessable: the type has no such element, or none of that type.
    """
    exact = holder.keys.get(name)
    if exact is not None:
        return exact
    field = holder.fields.get(name.removesuffix("[x]"))
    if field is None:
        raise Unprocessable(
            Text(
                f"{expression} ({holder.name}) n'a pas d'élément « {name[:60]} ».",
                f'{expression} ({holder.name}) has no element "{name[:60]}".',
            ),
            expression=expression,
            rule="fhirpath-patch",
        )
    entries = list(field.entries.values())
    if len(entries) == 1:
        return entries[0]
    wanted = value.type[:1].lower() + value.type[1:]
    for entry in entries:
        if entry.type.name in (value.type, wanted):
            return entry
    offered = ", ".join(entry.type.name for entry in entries)
    raise Unprocessable(
        Text(
            f"{expression}.{field.name} n'admet pas le type {value.type or '(parties)'} ; types admis : {offered}.",
            f"{expression}.{field.name} does not take the type {value.type or '(parts)'}; allowed types: {offered}.",
        ),
        expression=f"{expression}.{field.name}",
        rule="fhirpath-patch",
    )


def built(value: Value, type_: Type, expression: str) -> tuple[Any, dict[str, Any] | None]:
    """Return the JSON of a value as an element of a type, and its sibling.

    Raises:
        BadRequest: a part without a name or value.
        Unprocessable: the type has no such elements, or a simple value stands for a complex one, or the reverse.
    """
    if value.parts:
        return _from_parts(value.parts, type_, expression), None
    simple = not isinstance(value.value, dict)
    if value.value is not None and simple != type_.primitive:
        raise Unprocessable(
            Text(
                f"{expression} est de type {type_.name} : une valeur de type {value.type} ne peut pas y aller.",
                f"{expression} is of type {type_.name}: a value of type {value.type} cannot go there.",
            ),
            expression=expression,
            rule="fhirpath-patch",
        )
    return value.value, value.sibling


def _from_parts(parts: tuple[dict[str, Any], ...], type_: Type, expression: str) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for part in parts:
        name = part.get("name")
        if not isinstance(name, str):
            raise BadRequest(
                Text("Une partie de « value » n'a pas de nom.", 'A part of "value" has no name.'),
                rule="fhirpath-patch",
                code="required",
            )
        value = read(part)
        entry = entry_for(type_, name, value, expression)
        put(content, entry, *built(value, entry.type, f"{expression}.{entry.field.name}"))
    return content


def put(
    holder: dict[str, Any], entry: Entry, value: Any, sibling: dict[str, Any] | None, at: int | None = None
) -> None:
    """Put a value into an object: as the member, or into the array at `at` (None: at its end)."""
    if not entry.field.many:
        for other in entry.field.entries.values():
            holder.pop(other.key, None)
            holder.pop(other.sibling, None)
        if value is not None:
            holder[entry.key] = value
        if sibling:
            holder[entry.sibling] = sibling
        return
    values, siblings = aligned(holder, entry)
    at = len(values) if at is None else at
    values.insert(at, value)
    siblings.insert(at, sibling or None)
    store(holder, entry, values, siblings)


def aligned(holder: dict[str, Any], entry: Entry) -> tuple[list[Any], list[Any]]:
    """Return the items of an array and of its sibling, both of one length."""
    values, siblings = list(holder.get(entry.key) or ()), list(holder.get(entry.sibling) or ())
    size = max(len(values), len(siblings))
    return values + [None] * (size - len(values)), siblings + [None] * (size - len(siblings))


def store(holder: dict[str, Any], entry: Entry, values: list[Any], siblings: list[Any]) -> None:
    """Write an array and its sibling; what holds nothing goes."""
    for key, items in ((entry.key, values), (entry.sibling, siblings)):
        if any(item is not None for item in items):
            holder[key] = items
        else:
            holder.pop(key, None)

"""$meta, $meta-add, $meta-delete: profiles, tags and security labels of a resource.

https://hl7.org/fhir/R4/resource-operation-meta.html. A change is an update like any other: it makes a version, so that
the history tells who labelled what.
"""

from __future__ import annotations

from typing import Any, Final

from fhirserver import jsontext
from fhirserver.errors import BadRequest
from fhirserver.interactions import patch
from fhirserver.interactions import read as reading
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.writes import writing
from fhirserver.issues import Text
from fhirserver.operations.registry import Call, Operation

_LISTS: Final = ("profile", "security", "tag")


def meta(call: Call) -> Answer:
    """Answer the meta of a resource."""
    assert call.kind is not None, "offered on instances"
    assert call.identity is not None, "offered on instances"
    call.parameters(())
    stored = reading.read(call.services, call.request, call.kind, call.identity).stored
    assert stored is not None, "a read answers a version"
    return _answer(jsontext.read(stored.body))


def add(call: Call) -> Answer:
    """Add profiles, tags and security labels; those that are there already stay as they are."""
    return _change(call, remove=False)


def delete(call: Call) -> Answer:
    """Remove profiles, tags and security labels."""
    return _change(call, remove=True)


def _change(call: Call, *, remove: bool) -> Answer:
    kind, identity = call.kind, call.identity
    assert kind is not None, "offered on instances"
    assert identity is not None, "offered on instances"
    writing.allow(call.request, "u", kind)
    values = call.parameters(("meta",)).get("meta", [])
    if len(values) != 1 or not isinstance(values[0], dict):
        raise BadRequest(
            Text(
                "Le paramètre meta (valueMeta) est attendu, une fois.",
                "The parameter meta (valueMeta) is expected, once.",
            ),
            expression="Parameters.parameter",
            rule="parameter",
        )
    call.services.checker.require_readable(call.request.parse())
    given = values[0]

    def change(resource: dict[str, Any]) -> dict[str, Any]:
        kept = dict(resource.get("meta", {}))
        for name in _LISTS:
            found = _merged(kept.pop(name, []), given.get(name, []), remove=remove)
            if found:
                kept[name] = found
        return {**resource, "meta": kept}

    answer = writing.commit(
        call.services,
        call.request,
        lambda transaction: patch.apply(call.services, call.request.within(transaction), kind, identity, change),
    )
    stored = answer.stored
    assert stored is not None, "a patch answers a version"
    return _answer(jsontext.read(stored.body))


def _merged(there: list[Any], given: Any, *, remove: bool) -> list[Any]:
    items = given if isinstance(given, list) else []
    keys = {_key(item) for item in items}
    if remove:
        return [item for item in there if _key(item) not in keys]
    present = {_key(item) for item in there}
    return [*there, *(item for item in items if _key(item) not in present)]


def _key(item: Any) -> Any:
    return (item.get("system"), item.get("code")) if isinstance(item, dict) else item


def _answer(resource: dict[str, Any]) -> Answer:
    value = resource.get("meta", {})
    return Answer(200, resource={"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": value}]})


def _operation(name: str, run: Any, *, reads: bool) -> Operation:
    definition = f"http://hl7.org/fhir/OperationDefinition/Resource-{name}"
    return Operation(name, run, definition, instances=("*",), reads=reads)


OPERATIONS: Final = (
    _operation("meta", meta, reads=True),
    _operation("meta-add", add, reads=False),
    _operation("meta-delete", delete, reads=False),
)

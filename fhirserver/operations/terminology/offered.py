"""The terminology operations as they are invoked: on a type, or on a stored instance.

https://hl7.org/fhir/R4/terminology-service.html. Each is a pure function in the module of its name; here it gets its
parameters, and the resource it is asked of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.decide import decide
from fhirserver.errors import InvalidResource
from fhirserver.interactions import read as reading
from fhirserver.interactions.exchange import Answer
from fhirserver.operations.registry import OF_THE_ANSWER, Call, Operation
from fhirserver.operations.terminology import validate_code
from fhirserver.operations.terminology.expand import expand
from fhirserver.operations.terminology.lookup import lookup
from fhirserver.operations.terminology.stored import with_stored
from fhirserver.operations.terminology.subsumes import subsumes
from fhirserver.operations.terminology.translate import translate
from fhirserver.terminology import Terminology

_BODY: Final = {"ValueSet": "valueSet", "CodeSystem": "codeSystem", "ConceptMap": "conceptMap"}
"""The parameter that a bare resource in the body stands for (https://hl7.org/fhir/R4/operations.html#request)."""


def _given(call: Call) -> dict[str, Any]:
    """Return the Parameters of a call, whichever way they came."""
    listed: list[Any] = [
        {"name": name, "valueString": value} for name, value in call.request.pairs() if name not in OF_THE_ANSWER
    ]
    if call.request.method == "POST":
        body = call.request.parse()
        if body.get("resourceType") == "Parameters":
            listed += body.get("parameter") or []
        else:
            kind = str(body.get("resourceType"))
            listed.append({"name": _BODY.get(kind, kind), "resource": body})
    return {"resourceType": "Parameters", "parameter": listed}


def _instance(call: Call) -> dict[str, Any] | None:
    """Return the stored resource that the call is made on; None on a type.

    Raises:
        Forbidden, NotFound, Gone: as for a read.
    """
    assert call.kind is not None, "terminology operations are offered on types and instances"
    if call.identity is None:
        decide(call.request.caller, "r", call.kind)
        return None
    answer = reading.read(call.services, call.request, call.kind, call.identity)
    assert answer.stored is not None
    resource: dict[str, Any] = jsontext.read(answer.stored.body)
    return resource


def _asked(call: Call) -> tuple[Terminology, dict[str, Any], dict[str, Any] | None]:
    """Return what a call works with: terminology, parameters, and the instance that it is made on."""
    assert call.kind is not None
    given, stored = _given(call), _instance(call)
    for parameter in given["parameter"]:
        _require_readable(call, parameter.get("resource") if isinstance(parameter, dict) else None)
    _require_readable(call, stored)
    return with_stored(call.services, call.kind, given, stored), given, stored


def _require_readable(call: Call, resource: Any) -> None:
    """Refuse a resource that is not readable as its type; one that only breaks rules will do.

    Raises:
        InvalidResource: names what is unreadable.
    """
    if isinstance(resource, dict):
        found = call.services.checker.issues(resource)
        unreadable = [issue for issue in found if issue.refuses and issue.code == "structure"]
        if unreadable:
            raise InvalidResource(unreadable)


def _lookup(call: Call) -> Answer:
    terminology, given, _ = _asked(call)
    return Answer(resource=lookup(terminology, given))


def _subsumes(call: Call) -> Answer:
    terminology, given, stored = _asked(call)
    if stored is not None:
        terminology = terminology.extended([stored])
        given["parameter"].append({"name": "system", "valueUri": stored.get("url")})
    return Answer(resource=subsumes(terminology, given))


def _expand(call: Call) -> Answer:
    terminology, given, stored = _asked(call)
    return Answer(resource=expand(terminology, given, value_set=stored))


def _in_code_system(call: Call) -> Answer:
    terminology, given, stored = _asked(call)
    if stored is not None:
        given["parameter"].append({"name": "codeSystem", "resource": stored})
    return Answer(resource=validate_code.in_code_system(terminology, given, language=call.request.language))


def _in_value_set(call: Call) -> Answer:
    terminology, given, stored = _asked(call)
    found = validate_code.in_value_set(terminology, given, value_set=stored, language=call.request.language)
    return Answer(resource=found)


def _translate(call: Call) -> Answer:
    terminology, given, stored = _asked(call)
    return Answer(resource=translate(terminology, given, concept_map=stored, language=call.request.language))


def _operation(name: str, kind: str, run: Callable[[Call], Answer], *, instances: bool = True) -> Operation:
    definition = f"http://hl7.org/fhir/OperationDefinition/{kind}-{name}"
    return Operation(name, run, definition, types=(kind,), instances=(kind,) if instances else ())


OPERATIONS: Final = (
    _operation("lookup", "CodeSystem", _lookup, instances=False),
    _operation("validate-code", "CodeSystem", _in_code_system),
    _operation("subsumes", "CodeSystem", _subsumes),
    _operation("expand", "ValueSet", _expand),
    _operation("validate-code", "ValueSet", _in_value_set),
    _operation("translate", "ConceptMap", _translate),
)

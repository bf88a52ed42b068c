"""Search parameters whose expression is more than paths: the FHIRPath engine evaluates them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from fhirserver.fhirpath import Engine, Environment, EvaluationError, ExpressionError, Node
from fhirserver.search.declared.parameters import Parameter
from fhirserver.search.types.values import Collector, Values

Collectors = Callable[[str], Collector | None]
"""From a FHIR type to what extracts a parameter's values from elements of that type."""


def evaluator(engine: Engine, parameter: Parameter, collectors: Collectors) -> Collector | None:
    """Return what extracts a parameter's values from a whole resource; None if its expression is not FHIRPath."""
    try:
        expression = engine.compile(parameter.expression)
    except ExpressionError:
        return None
    by_type: dict[str, Collector | None] = {}

    def evaluate(resource: Any, values: Values) -> None:
        environment = Environment(resource, assume_references=True)
        with suppress(EvaluationError):
            for item in expression.evaluate(engine.node(resource), environment):
                fhir_type, value = typed(item)
                if fhir_type not in by_type:
                    by_type[fhir_type] = collectors(fhir_type)
                collector = by_type[fhir_type]
                if collector:
                    collector(value, values)

    return evaluate


def typed(item: Any) -> tuple[str, Any]:
    """Return the FHIR type and the JSON value of a result."""
    if isinstance(item, Node):
        return item.type.name, item.value
    if isinstance(item, bool):
        return "boolean", item
    if isinstance(item, int | Decimal):
        return "decimal", item
    return "string", str(item)

"""FHIRPath: an expression becomes a Python closure over FHIR JSON."""

from fhirserver.fhirpath.engine import Engine, Expression
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import EvaluationError, ExpressionError
from fhirserver.fhirpath.nodes import Location, Node
from fhirserver.fhirpath.values.moments import Moment
from fhirserver.fhirpath.values.quantities import Quantity

__all__ = [
    "Engine",
    "Environment",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Location",
    "Moment",
    "Node",
    "Quantity",
]

"""A profile becomes closures; closures give issues."""

from fhirserver.validation.run import STRUCTURE_ONLY, Options
from fhirserver.validation.validator import Validator

__all__ = ["STRUCTURE_ONLY", "Options", "Validator"]

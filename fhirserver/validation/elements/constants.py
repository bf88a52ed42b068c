"""Fixed values and patterns (https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_).

Numbers compare as their text: 1.0 is not 1.00, as the specification has it for fixed decimals.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def equals(value: Any, fixed: Any) -> bool:
    """Return whether a value is exactly the fixed one, the order of object keys apart."""
    if isinstance(fixed, dict):
        return (
            isinstance(value, dict) and value.keys() == fixed.keys() and all(equals(value[k], fixed[k]) for k in fixed)
        )
    if isinstance(fixed, list):
        return isinstance(value, list) and len(value) == len(fixed) and all(map(equals, value, fixed))
    if isinstance(fixed, (Decimal, int)) and not isinstance(fixed, bool):
        return isinstance(value, (Decimal, int)) and not isinstance(value, bool) and str(value) == str(fixed)
    return type(value) is type(fixed) and bool(value == fixed)


def matches(value: Any, pattern: Any) -> bool:
    """Return whether a value has at least what the pattern has; array items may stand anywhere."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(k in value and matches(value[k], pattern[k]) for k in pattern)
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(matches(item, wanted) for item in value) for wanted in pattern)
    return equals(value, pattern)

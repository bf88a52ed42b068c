"""What the modules of parameter types share: the shapes in which values travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhirserver.issues import Text

Values = dict[str, list[Any]]
"""Index values by field: the parameter's own (`code`) and those beside it (`code:text`)."""

Collector = Callable[[Any, Values], None]
"""Adds what one element of a resource contributes."""

Condition = dict[str, Any]
"""A Mongo condition."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What extraction and reading depend on besides the resource or the query.

    Attributes:
        zone: IANA name of the time zone of dates without one.
        bases: addresses of this server, each ending with a slash: references that begin so are its own.
    """

    zone: str = "Europe/Paris"
    bases: tuple[str, ...] = ()


class ValueFault(ValueError):  # noqa: N818 - a fault in a value, translated to an issue where its parameter is known
    """A value of a query that cannot be read; says why and how to mend it."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def add(values: Values, field: str, value: Any) -> None:
    """Add one value to a field."""
    found = values.get(field)
    if found is None:
        values[field] = [value]
    else:
        found.append(value)

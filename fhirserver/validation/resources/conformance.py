"""Rules of definitions that are themselves sent as resources: SearchParameter."""

from __future__ import annotations

import re
from typing import Any, Final

from fhirserver.fhirpath import ExpressionError
from fhirserver.validation.run import Path, Run
from fhirserver.validation.texts import rules as texts

_LEADING: Final = re.compile(r"\(*\s*([A-Z][A-Za-z]+)\b")
_ANY: Final = frozenset({"Resource", "DomainResource"})


def search_parameter_rules(value: Any, path: Path, run: Run) -> None:
    """Judge a SearchParameter: its expression compiles, and speaks of the types in `base`."""
    expression, bases = value.get("expression"), value.get("base")
    if type(expression) is not str or type(bases) is not list or not run.invariants:
        return
    at = (path, "expression", -1)
    try:
        run.kit.engine.compile(expression)
    except ExpressionError as error:
        run.error("invalid", at, "search-expression", texts.search_expression(expression, error.text))
        return
    for part in expression.split("|"):
        match = _LEADING.match(part.strip())
        if match and match[1] in run.kit.resource_types and match[1] not in bases and not _ANY & set(map(str, bases)):
            run.error("invalid", at, "search-expression", texts.search_base(match[1], [str(one) for one in bases]))

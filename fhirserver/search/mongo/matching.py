"""One `Test` as a Mongo condition on the kept values, and where an index has its candidates.

Conditions name a path such as `s.x.status`, or `0` inside an entry of a composite.
"""

from __future__ import annotations

from typing import Any, Final

from fhirserver.search.asked.query import Test
from fhirserver.search.asked.readers import OF_FILTER
from fhirserver.search.declared import own
from fhirserver.search.declared.parameters import Component, Parameter
from fhirserver.search.types import composite, date, number, position, quantity, reference, string, token, uri
from fhirserver.search.types.values import Condition
from fhirserver.search.values.folding import fold
from fhirserver.search.values.keys import Bounds, joined, starting

VALUES: Final = "s.x."
"""Path of the kept values in a resource's document."""


def condition(test: Test) -> Condition:  # noqa: C901, PLR0911 - one return for each modifier
    """Return the condition that decides a test."""
    parameter, values = test.parameter, list(test.values)
    path = VALUES + parameter.field
    match test.modifier:
        case "missing":
            return _missing(parameter, missing=values[0])
        case "text":
            return string.contains(path + token.TEXT, values)
        case "of-type":
            return {path + token.OF_TYPE: {"$in": values}}
        case "identifier":
            return token.condition(path + reference.IDENTIFIER, values)
        case "chained":
            beside = (path + reference.IDENTIFIER, path + reference.CONTAINED)
            return {"$or": [token.condition(each, values) for each in beside]}
        case "exact":
            return string.equals(path, values)
        case "contains":
            return string.contains(path, values)
        case "below":
            return uri.condition_below(path, values)
        case "above":
            return uri.condition(path, [each for value in values for each in uri.above(value)])
    if test.modifier in OF_FILTER.get(parameter.kind, ()):
        return string.by_operator(path, test.modifier, values)
    if parameter.kind == "composite":
        return _composite(path, values)
    if parameter.kind == "token":
        return _token(parameter, path, values)
    return of_kind(parameter.kind, path, values)


def _missing(parameter: Parameter, *, missing: bool) -> Condition:
    """A reference that is only logical, or a token that is only text, is there."""
    fields = [parameter.field]
    if parameter.kind == "reference":
        fields += (parameter.field + reference.IDENTIFIER, parameter.field + reference.CONTAINED)
    elif parameter.kind == "token":
        fields.append(parameter.field + token.TEXT)
    if missing:
        return {VALUES + field: {"$exists": False} for field in fields}
    return {"$or": [{VALUES + field: {"$exists": True}} for field in fields]}


def _token(parameter: Parameter, path: str, values: list[token.Token]) -> Condition:
    tokens = [_without_implied_system(parameter, value) for value in values]
    found = token.condition(path, tokens)
    if parameter.url in own.ABSENT_IS_FALSE and any(value.code == "false" for value in tokens):
        return {"$or": [found, {path: {"$exists": False}}]}
    return found


def _without_implied_system(parameter: Parameter, value: token.Token) -> token.Token:
    """A `code` element has no system of its own: its value set implies it."""
    if value.system and value.system in parameter.systems:
        return token.Token(value.code, "")
    return value


def of_kind(kind: str, path: str, values: list[Any]) -> Condition:  # noqa: PLR0911 - one return for each kind
    """Return the condition that one of these values, of a parameter kind, is there."""
    match kind:
        case "token":
            return token.condition(path, values)
        case "string":
            return string.starts_with(path, values)
        case "date":
            return date.condition(path, values)
        case "number":
            return number.condition(path, values)
        case "quantity":
            return quantity.condition(path, values)
        case "reference":
            return reference.condition(path, values)
        case "special":
            return position.condition(path, values)
        case _:
            return uri.condition(path, values)


def _composite(path: str, values: list[Any]) -> Condition:
    alternatives = [
        [of_kind(component.kind, str(at), [_meant(component, value)]) for at, (component, value) in enumerate(parts)]
        for parts in values
    ]
    return composite.condition(path, alternatives)


def _meant(component: Component, value: Any) -> Any:
    if component.kind == "token" and component.covering:
        return _without_implied_system(component.covering, value)
    return value


def bounds(test: Test) -> Bounds | None:  # noqa: C901, PLR0911, PLR0912 - one return for each modifier and kind
    """Return where an index has the candidates of a test; None where no index helps."""
    parameter, values = test.parameter, list(test.values)
    match test.modifier:
        case "missing" | "text" | "contains" | "ew" | "co" | "gt" | "lt" | "ge" | "le":
            return None
        case "of-type":
            identifiers = [token.Token(token.value_of_type(value), None) for value in values]
            return token.bounds(parameter.field, identifiers, token.RANKS["Identifier"], codes=parameter.coded)
        case "identifier" | "chained":
            return reference.logical_bounds(parameter.field, values, parameter.anchored)
        case "exact":
            return string.bounds(parameter.field, [fold(value) for value in values])
        case "sw":
            return Bounds("k", (), tuple(starting(parameter.field, value) for value in values), 4)
        case "below":
            return uri.bounds_below(parameter.field, values)
        case "above":
            return uri.bounds(parameter.field, [each for value in values for each in uri.above(value)])
    match parameter.kind:
        case "token":
            return _token_bounds(parameter, values)
        case "string":
            return string.bounds(parameter.field, values)
        case "date":
            return date.bounds(parameter.field, values)
        case "number":
            return number.bounds(parameter.field, values)
        case "quantity":
            return quantity.bounds(parameter.field, values)
        case "reference":
            return reference.bounds(values, parameter.anchored)
        case "uri":
            return uri.bounds(parameter.field, values)
        case "special":
            return position.bounds(parameter.field, values)
        case _:
            return _composite_bounds(values)


def _composite_bounds(values: list[Any]) -> Bounds | None:
    """Return where the candidates of each alternative are: those of the part that finds fewest."""
    found: Bounds | None = None
    for parts in values:
        of_parts = [bounds(Test(component.covering, "", (value,))) for component, value in parts if component.covering]
        best = min((each for each in of_parts if each), key=lambda each: each.rank, default=None)
        if best is None:
            return None
        found = joined(found, best) if found else best
    return found


def _token_bounds(parameter: Parameter, values: list[token.Token]) -> Bounds | None:
    tokens = [_without_implied_system(parameter, value) for value in values]
    if parameter.url in own.ABSENT_IS_FALSE and any(value.code == "false" for value in tokens):
        return None
    rank = max((token.RANKS.get(fhir_type, 6) for fhir_type in parameter.leaf_types), default=6)
    if any(len(path.steps) > 1 for path in parameter.paths):
        rank = max(rank, token.SHARED)  # it identifies something else, such as the source of a List
    return token.bounds(parameter.field, tokens, rank, codes=parameter.coded)

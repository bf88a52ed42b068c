"""Rules of definitions that are themselves sent as resources: SearchParameter, StructureDefinition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fhirserver.definitions.snapshots import Generator, SnapshotError
from fhirserver.fhirpath import ExpressionError
from fhirserver.issues import Text
from fhirserver.validation.run import Path, Run, render
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


def structure_definition_rules(value: Any, path: Path, run: Run) -> None:
    """Judge a profile: its base allows what its differential says, so that a snapshot can be made.

    https://hl7.org/fhir/R4/profiling.html#5.1.0.3: a profile narrows its base and never widens it.
    """
    base_url, differential = value.get("baseDefinition"), value.get("differential")
    if value.get("derivation") != "constraint" or type(differential) is not dict or not run.invariants:
        return
    own = render(path)
    if any(one.refuses and (one.expression or "").startswith(own) for one in run.issues):
        return  # what is no StructureDefinition cannot be compared with its base
    base = run.kit.definitions.structure(base_url) if type(base_url) is str else None
    if base is None:
        run.warn("not-found", (path, "baseDefinition", -1), "snapshot", texts.base_unknown(str(base_url)))
        return
    at = (path, "differential", -1)
    before = len(run.issues)
    for name, reason in _contradictions(differential.get("element"), base):
        run.error("invalid", at, "snapshot", texts.no_snapshot(name, reason))
    if len(run.issues) == before:
        try:
            Generator(run.kit.definitions).of_structure(value)
        except SnapshotError as error:
            text = texts.no_snapshot(error.element or "", Text(error.reason, error.reason))
            run.error("invalid", at, "snapshot", text)


def _contradictions(elements: Any, base: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    """Yield (element id, reason) where a differential allows what the base does not, or nothing at all."""
    above = {one["id"]: one for one in base["snapshot"]["element"] if "id" in one}
    for one in elements if type(elements) is list else ():
        known = above.get(one.get("id")) if type(one) is dict else None
        if known is None:
            continue
        least, most = one.get("min", known.get("min")), one.get("max", known.get("max"))
        if type(least) is int and least < known.get("min", 0):
            yield one["id"], texts.widened("min", str(least), str(known["min"]))
        if type(most) is str and _count(most) > _count(str(known.get("max"))):
            yield one["id"], texts.widened("max", most, known["max"])
        for name, fixed in known.items():
            if name.startswith("fixed") and one.get(name, fixed) != fixed:
                yield one["id"], texts.widened(name, str(one[name]), str(fixed))


def _count(most: str) -> float:
    return int(most) if most.isdecimal() else float("inf")

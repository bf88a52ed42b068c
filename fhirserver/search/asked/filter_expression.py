"""`_filter`: an expression with and, or, not and parentheses (https://hl7.org/fhir/R4/search_filter.html).

    given eq "peter" and (birthdate ge 2014-10-10 or not (status in "http://…/ValueSet/x"))

Read from left to right: neither `and` nor `or` binds closer. Most comparisons mean what the search parameter means with
a modifier or prefix; texts have operators of their own, and what a parameter type has no meaning for is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fhirserver.issues import Text
from fhirserver.search.asked.criteria import MAX_DEPTH, Criteria, UnknownParameter
from fhirserver.search.asked.faults import fault
from fhirserver.search.asked.query import And, Node, Not, Or
from fhirserver.search.asked.readers import OF_FILTER

MAX_LENGTH: Final = 4_000
_MAX_DEPTH: Final = 20
_TOKEN: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[()\[\]]|[^\s()\[\]"]+)')
_CONNECTIVES: Final[dict[str, type[And | Or]]] = {"and": And, "or": Or}
_OF_HAS: Final = 3
"""Colons before what `_has:Type:reference:` asks."""
_PREFIXED: Final = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
_BY_MODIFIER: Final = {
    "string": {"sw": "", "co": "contains", **{each: each for each in sorted(OF_FILTER["string"])}},
    "token": {"eq": "", "in": "in", "ni": "not-in", "ss": "above", "sb": "below"},
    "reference": {"eq": "", "re": ""},
    "uri": {"eq": "", "ss": "above", "sb": "below", **{each: each for each in sorted(OF_FILTER["uri"])}},
    "composite": {"eq": ""},
}
_SYSTEMS: Final = {
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ucum": "http://unitsofmeasure.org",
}
_SHORT_SYSTEM: Final = re.compile(r"(?:^|(?<=[|$]))(loinc|snomed|rxnorm|ucum)(?=\|)")
"""Names that the specification lets stand for these systems."""
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ",": "\\,", "$": "\\$"})
_ESCAPED_PARTS: Final = str.maketrans({"\\": "\\\\", ",": "\\,"})


class FilterReader:
    """Reads one `_filter`.

    Args:
        criteria: of the same query.
        types: searched.
        text: the expression.
    """

    def __init__(self, criteria: Criteria, types: Sequence[str], text: str) -> None:
        self._criteria = Criteria(criteria.registry, replace(criteria.reader, filtering=True))
        self._types = types
        self._tokens: list[tuple[str, int]] = []
        self._at = 0
        position = 0
        if len(text) > MAX_LENGTH:
            raise fault("_filter", Text(f"plus de {MAX_LENGTH} caractères", f"more than {MAX_LENGTH} characters"))
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if not match:
                raise self._fault(position, "guillemet non fermé", "a quote is not closed")
            self._tokens.append((match[1], match.start(1)))
            position = match.end()
        self._end = len(text)

    def read(self) -> Node:
        """Return the condition.

        Raises:
            BadRequest: the expression cannot be read, or asks for what a parameter does not offer.
        """
        node = self._expression(0)
        if self._at < len(self._tokens):
            raise self._fault(self._place(), "fin attendue", "the end was expected")
        return node

    def _expression(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise self._fault(self._place(), f"plus de {_MAX_DEPTH} niveaux", f"more than {_MAX_DEPTH} levels")
        node = self._term(depth)
        while (kind := _CONNECTIVES.get(self._peek())) is not None:
            self._at += 1
            items = node.items if isinstance(node, kind) else (node,)
            node = kind((*items, self._term(depth)))
        return node

    def _term(self, depth: int) -> Node:
        if self._skip("not"):
            return Not(self._term(depth + 1)) if self._peek() == "(" else Not(self._comparison())
        if self._skip("("):
            node = self._expression(depth + 1)
            if not self._skip(")"):
                raise self._fault(self._place(), "« ) » attendue", "`)` was expected")
            return node
        return self._comparison()

    def _comparison(self) -> Node:
        name, place = self._next()
        operator, operator_place = self._next()
        value, _ = self._next()
        if "[" in (name, operator, value):
            raise self._fault(
                place, "les filtres entre crochets ne sont pas offerts", "filters in brackets are not offered"
            )
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if operator == "pr":
            if value not in ("true", "false"):
                raise self._fault(operator_place, "`pr` demande true ou false", "`pr` takes true or false")
            return self._criteria.node(
                self._types, f"{name}:missing", "false" if value == "true" else "true", said="_filter"
            )
        kind = self._kind(self._types, name)
        value = value.translate(_ESCAPED_PARTS if kind == "composite" else _ESCAPED)
        if kind in ("token", "quantity", "composite"):
            value = _SHORT_SYSTEM.sub(lambda short: _SYSTEMS[short[1]], value)
        if kind in ("date", "number", "quantity") and operator in _PREFIXED:
            return self._criteria.node(self._types, name, operator + value, said="_filter")
        if kind == "date" and operator == "po":
            return self._overlaps(name, value)
        modifiers = _BY_MODIFIER.get(kind, {})
        if operator == "ne" and "eq" in modifiers:
            return Not(self._criteria.node(self._types, _modified(name, modifiers["eq"]), value, said="_filter"))
        if operator not in modifiers:
            known = ", ".join(sorted({*modifiers, "pr"} if modifiers else {*_PREFIXED, "pr"}))
            raise self._fault(
                operator_place,
                f"« {operator[:20]} » n'est pas offert pour un paramètre de type {kind} ({known})",
                f'"{operator[:20]}" is not offered for a parameter of type {kind} ({known})',
            )
        return self._criteria.node(self._types, _modified(name, modifiers[operator]), value, said="_filter")

    def _overlaps(self, name: str, value: str) -> Node:
        """A span overlaps another when it neither ends before nor starts after it."""
        before = self._criteria.node(self._types, name, "eb" + value, said="_filter")
        after = self._criteria.node(self._types, name, "sa" + value, said="_filter")
        present = self._criteria.node(self._types, f"{name}:missing", "false", said="_filter")
        return And((present, Not(before), Not(after)))

    def _kind(self, types: Sequence[str], name: str, depth: int = 0) -> str:
        """Return the type of the parameter at the end of a path; that of one too long is for others to refuse.

        Raises:
            UnknownParameter: none of the types has it.
        """
        self._criteria.count_link("_filter")
        if name == "_id" or depth > MAX_DEPTH:
            return "token"
        if name == "_lastUpdated":
            return "date"
        if name.startswith("_has:") and name.count(":") >= _OF_HAS:
            _, resource_type, _, rest = name.split(":", _OF_HAS)
            return self._kind([resource_type], rest, depth + 1)
        head, dot, rest = name.partition(".")
        code, _, only = head.partition(":")
        missing: UnknownParameter | None = None
        for resource_type in types:
            try:
                parameter = self._criteria.parameter(resource_type, code, "_filter")
                return (
                    self._kind([only] if only else sorted(parameter.targets), rest, depth + 1)
                    if dot
                    else parameter.kind
                )
            except UnknownParameter as none:
                missing = none
        raise missing or self._fault(
            self._place(), f"« {code[:40]} » n'est pas une référence", f'"{code[:40]}" is no reference'
        )

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _skip(self, word: str) -> bool:
        if self._peek() == word:
            self._at += 1
            return True
        return False

    def _next(self) -> tuple[str, int]:
        if self._at == len(self._tokens):
            raise self._fault(
                self._end,
                "expression incomplète : `paramètre opérateur valeur`",
                "incomplete: `parameter operator value`",
            )
        self._at += 1
        return self._tokens[self._at - 1]

    def _place(self) -> int:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else self._end

    def _fault(self, place: int, french: str, english: str) -> Exception:
        return fault(
            "_filter",
            Text(f"au caractère {place + 1} : {french}", f"at character {place + 1}: {english}"),
            rule="search-filter",
        )


def _modified(name: str, modifier: str) -> str:
    return f"{name}:{modifier}" if modifier else name

"""Values of one parameter, read by the module of its type; which modifiers each type has.

https://hl7.org/fhir/R4/search.html#modifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.asked.faults import fault, value_fault
from fhirserver.search.asked.query import Node, Not, Or, Test
from fhirserver.search.declared.parameters import Component, Kind, Parameter
from fhirserver.search.types import date, number, position, quantity, reference, string, token
from fhirserver.search.types.values import Setting, ValueFault
from fhirserver.search.values import escapes
from fhirserver.search.values.folding import fold

MODIFIERS: Final[Mapping[str, frozenset[str]]] = {
    "token": frozenset({"missing", "text", "not", "above", "below", "in", "not-in", "of-type"}),
    "string": frozenset({"missing", "exact", "contains"}),
    "date": frozenset({"missing"}),
    "number": frozenset({"missing"}),
    "quantity": frozenset({"missing"}),
    "reference": frozenset({"missing", "identifier", "type"}),
    "uri": frozenset({"missing", "below", "above"}),
    "composite": frozenset({"missing"}),
    "special": frozenset({"missing"}),
}

OF_FILTER: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"eq", "ew", "gt", "lt", "ge", "le"}),
    "uri": frozenset({"sw", "co", "ew"}),
}
"""Operators of `_filter` that no modifier has the meaning of."""

MAX_VALUES: Final = 1_000
"""Most alternatives of one parameter."""

MAX_LENGTH: Final = 2_000
"""Characters of one value."""

ValueSetTokens = Callable[[str, str], list[tuple[str, str]] | None]
"""From a modifier (`in`, `below`, `above`) and its value to (system, code) pairs; None where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads values.

    Attributes:
        setting: time zone and addresses of this server.
        types: the resource types.
        expand: what `:in`, `:not-in`, `:below` and `:above` of tokens mean; None where there is no terminology.
        filtering: whether operators of `_filter` may stand where modifiers do.
    """

    setting: Setting
    types: frozenset[str]
    expand: ValueSetTokens | None = None
    filtering: bool = False

    def test(self, name: str, parameter: Parameter, modifier: str, raw: str) -> Node:
        """Return what `name=raw` asks for.

        Args:
            name: as the client wrote it, for messages.
            parameter: which it names.
            modifier: after the colon; empty where there is none.
            raw: the value, escapes and commas included.

        Raises:
            BadRequest: the modifier or a value cannot be used.
        """
        self._check_modifier(name, parameter, modifier)
        if modifier == "missing":
            return Test(parameter, "missing", (_boolean(name, raw),))
        if modifier == "of-type":
            parts = split_values(name, raw)
            return Test(parameter, modifier, tuple(self._each(name, parts, token.read_of_type)))
        parts = split_values(name, raw)
        if parameter.kind == "token" and modifier in ("in", "not-in", "above", "below"):
            return self._expanded(name, parameter, modifier, parts)
        values = tuple(self._each(name, parts, lambda part: self._value(parameter, modifier, part)))
        if modifier == "not":
            return Not(Test(parameter, "", values))
        return Test(parameter, modifier, values)

    def _check_modifier(self, name: str, parameter: Parameter, modifier: str) -> None:
        allowed = MODIFIERS[parameter.kind]
        if self.filtering and modifier in OF_FILTER.get(parameter.kind, ()):
            return
        if not modifier or (modifier != "type" and modifier in allowed):
            if modifier == "identifier" and parameter.canonical:
                raise _no_modifier(name, parameter, modifier)
            return
        if "type" in allowed and modifier in self.types:
            if modifier not in parameter.targets:
                raise fault(
                    name,
                    Text(
                        f"{modifier} n'est pas une cible possible ({', '.join(sorted(parameter.targets)[:8])})",
                        f"{modifier} is no possible target ({', '.join(sorted(parameter.targets)[:8])})",
                    ),
                    rule="search-modifier",
                )
            return
        raise _no_modifier(name, parameter, modifier)

    def _each(self, name: str, parts: list[str], read: Callable[[str], Any]) -> list[Any]:
        found = []
        for at, part in enumerate(parts):
            try:
                found.append(read(part))
            except ValueFault as wrong:
                raise value_fault(name, wrong.text, at, len(parts)) from None
        return found

    def _value(self, parameter: Parameter, modifier: str, part: str) -> Any:
        if modifier == "text":
            return _folded(part)
        if parameter.kind == "reference" and modifier == "identifier":
            return token.read(part)
        if parameter.kind == "string":
            text = escapes.unescape(part)
            return text if modifier == "exact" else string.read(text)
        if parameter.kind == "composite":
            return self._composite(parameter, part)
        only = modifier or None
        return self.value(parameter.kind, part, parameter.targets, only, canonical=parameter.canonical)

    def value(  # noqa: PLR0911 - one return for each kind
        self, kind: Kind, part: str, targets: frozenset[str], only: str | None = None, *, canonical: bool = False
    ) -> Any:
        """Return a value of a kind, as its module reads it.

        Raises:
            ValueFault: it cannot be read.
        """
        match kind:
            case "token":
                return token.read(part)
            case "string":
                return string.read(escapes.unescape(part))
            case "date":
                return date.read(escapes.unescape(part), self.setting)
            case "number":
                return number.read(escapes.unescape(part))
            case "quantity":
                return quantity.read(part)
            case "reference":
                return reference.read(escapes.unescape(part), targets, only, self.setting, canonical=canonical)
            case "special":
                return position.read(part)
            case _:
                return escapes.unescape(part)

    def _composite(self, parameter: Parameter, part: str) -> tuple[tuple[Component, Any], ...]:
        pieces = escapes.split(part, "$")
        if len(pieces) != len(parameter.components) or not all(pieces):
            codes = "$".join(component.code for component in parameter.components)
            raise ValueFault(
                Text(
                    f"{len(parameter.components)} parties attendues, séparées par « $ » : {codes}",
                    f"{len(parameter.components)} parts expected, separated by `$`: {codes}",
                )
            )
        return tuple(
            (component, self.value(component.kind, piece, component.targets or self.types))
            for component, piece in zip(parameter.components, pieces, strict=True)
        )

    def _expanded(self, name: str, parameter: Parameter, modifier: str, parts: list[str]) -> Node:
        tokens: list[token.Token] = []
        for at, part in enumerate(parts):
            asked = reference.local(escapes.unescape(part), self.setting) if modifier in ("in", "not-in") else part
            found = self.expand("in" if modifier == "not-in" else modifier, asked) if self.expand else None
            if found is None:
                raise value_fault(
                    name,
                    Text(
                        f"« {asked[:80]} » ne peut pas être développé ici (jeu de valeurs ou système inconnu)",
                        f'"{asked[:80]}" cannot be expanded here (unknown value set or code system)',
                    ),
                    at,
                    len(parts),
                )
            tokens += [token.Token(code, system) for system, code in found]
        node: Node = Test(parameter, "", tuple(tokens)) if tokens else Or(())
        return Not(node) if modifier == "not-in" else node


def split_values(name: str, raw: str) -> list[str]:
    """Return the alternatives of a value.

    Raises:
        BadRequest: an empty one, or too many.
    """
    parts = escapes.split(raw, ",")
    if len(parts) > MAX_VALUES:
        raise fault(
            name,
            Text(
                f"{len(parts)} valeurs ; {MAX_VALUES} au plus, répartissez-les sur plusieurs requêtes",
                f"{len(parts)} values; {MAX_VALUES} at most, spread them over several queries",
            ),
            code="too-costly",
        )
    for at, part in enumerate(parts):
        if not part:
            raise value_fault(name, Text("valeur vide", "empty value"), at, len(parts))
        if len(part) > MAX_LENGTH:
            raise value_fault(
                name, Text(f"plus de {MAX_LENGTH} caractères", f"more than {MAX_LENGTH} characters"), at, len(parts)
            )
    return parts


def _folded(part: str) -> str:
    folded = fold(escapes.unescape(part))
    if not folded:
        raise ValueFault(Text("texte vide", "empty text"))
    return folded


def _boolean(name: str, raw: str) -> bool:
    if raw not in ("true", "false"):
        raise fault(name, Text("`:missing` demande true ou false", "`:missing` takes true or false"))
    return raw == "true"


def _no_modifier(name: str, parameter: Parameter, modifier: str) -> Exception:
    known = sorted(MODIFIERS[parameter.kind] - {"type"})
    fr = f"ceux d'un paramètre de type {parameter.kind} : {', '.join(known)}" if known else "il n'en a aucun"
    en = f"those of a parameter of type {parameter.kind}: {', '.join(known)}" if known else "it has none"
    return fault(
        name,
        Text(
            f"modificateur « {modifier[:40]} » non pris en charge ({fr})",
            f'modifier "{modifier[:40]}" not supported ({en})',
        ),
        code="not-supported",
        rule="search-modifier",
    )

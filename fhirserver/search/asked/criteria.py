"""Criteria: `name=value` pairs become conditions, through chains and `_has`.

https://hl7.org/fhir/R4/search.html#chaining and #has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fhirserver.errors import BadRequest
from fhirserver.issues import Issue, Text
from fhirserver.search.asked.faults import fault, not_understood, unknown, value_fault
from fhirserver.search.asked.query import And, Chain, Has, Ids, Listed, Node, Or, Test, Updated, Words
from fhirserver.search.asked.readers import Reader, split_values
from fhirserver.search.declared import own
from fhirserver.search.declared.parameters import Parameter
from fhirserver.search.declared.registry import Registry
from fhirserver.search.types import date
from fhirserver.search.types.values import ValueFault
from fhirserver.search.values import escapes
from fhirserver.search.values.folding import fold
from fhirserver.search.values.words import WORD

MAX_DEPTH: Final = 8
"""Most links of a chain, and levels of `_has`."""

MAX_LINKS: Final = 2_000
"""Most links that the chains of one query may be read as: each leads to every type that it does not exclude."""

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


class UnknownParameter(BadRequest):
    """400: a parameter that the type does not have; ignored with a warning under `Prefer: handling=lenient`."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.text, issues=[issue])


class Criteria:
    """Reads criteria of one query.

    Args:
        registry: the parameters in force.
        reader: of values.
    """

    def __init__(self, registry: Registry, reader: Reader) -> None:
        self.registry = registry
        self.reader = reader
        self._links = 0

    def node(self, types: Sequence[str], name: str, raw: str, depth: int = 0, said: str = "") -> Node:
        """Return what `name=raw` asks of resources of these types.

        Args:
            types: at least one.
            name: parameter with modifier and chain.
            raw: the value as written.
            depth: how many links of a chain lie before it.
            said: the whole name as the client wrote it, for messages.

        Raises:
            UnknownParameter: the type has no such parameter.
            BadRequest: anything else that cannot be understood.
        """
        said = said or name
        if depth:
            self.count_link(said)
        if depth > MAX_DEPTH:
            raise fault(
                said,
                Text(f"plus de {MAX_DEPTH} maillons", f"more than {MAX_DEPTH} links"),
                code="too-costly",
                rule="search-chain",
            )
        if name == "_has" or name.startswith("_has:"):
            return self._has(types, name, raw, depth, said)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if code.startswith("_") and not dot:
            special = self._special(code, modifier, raw, said)
            if special is not None:
                return special
        alternatives: list[Node] = []
        for resource_type in types:
            parameter = self.parameter(resource_type, code, said)
            if dot:
                alternatives.append(self._chain(parameter, modifier, rest, raw, depth, said))
            else:
                alternatives.append(self.reader.test(said, parameter, modifier, raw))
        if len(alternatives) == 1 or _alike(alternatives):
            return alternatives[0]
        raise fault(
            said,
            Text(
                "les types recherchés lui donnent des sens différents ; cherchez un type à la fois",
                "the types searched give it different meanings; search one type at a time",
            ),
            rule="search-parameter",
        )

    def count_link(self, said: str) -> None:
        """Note that one more link of a chain is being read.

        Raises:
            BadRequest: there are too many.
        """
        self._links += 1
        if self._links > MAX_LINKS:
            raise fault(
                said,
                Text(
                    f"le chaînage mène à trop de types (plus de {MAX_LINKS} maillons) ; nommez-les : "
                    "`référence:Type.paramètre`",
                    f"the chain leads to too many types (more than {MAX_LINKS} links); name them: "
                    "`reference:Type.parameter`",
                ),
                code="too-costly",
                rule="search-chain",
            )

    def parameter(self, resource_type: str, code: str, said: str) -> Parameter:
        """Return a parameter of a type.

        Raises:
            UnknownParameter: there is none.
        """
        found = self.registry.shared(resource_type, code)
        if found is None:
            by_code = self.registry.of(resource_type).by_code
            found = by_code.get(code) or by_code.get(own.ALIASES.get((resource_type, code), ""))
        if found is None:
            useless = self.registry.unusable.get((resource_type, code))
            issue = not_understood(code, useless) if useless else unknown(code, resource_type, by_code)
            raise UnknownParameter(
                issue if code == said else Issue(issue.severity, issue.code, issue.text, f"http.{said}", issue.rule)
            )
        if found.url in self.registry.pending:
            raise fault(
                said,
                Text(
                    "ce paramètre vient d'être ajouté ; les ressources antérieures s'indexent encore ($reindex)",
                    "this parameter was just added; earlier resources are being indexed ($reindex)",
                ),
                code="transient",
                rule="search-parameter",
            )
        return found

    def _special(self, code: str, modifier: str, raw: str, said: str) -> Node | None:
        if code not in ("_id", "_lastUpdated", "_text", "_content", "_list"):
            return None
        if modifier:
            raise fault(
                said,
                Text(f"`{code}` n'a pas de modificateur", f"`{code}` has no modifiers"),
                code="not-supported",
                rule="search-modifier",
            )
        parts = split_values(said, raw)
        if code == "_lastUpdated":
            return Updated(tuple(self._dates(said, parts)))
        if code in ("_text", "_content"):
            return Words(code == "_text", tuple(self._words(said, parts)))
        for at, part in enumerate(parts):
            if not _ID.fullmatch(part.removeprefix("List/") if code == "_list" else part):
                raise value_fault(
                    said,
                    Text("un id a de 1 à 64 lettres, chiffres, - et .", "an id has 1 to 64 letters, digits, - and ."),
                    at,
                    len(parts),
                )
        if code == "_list":
            return Listed(tuple(part.removeprefix("List/") for part in parts))
        return Ids(tuple(dict.fromkeys(parts)))

    def _dates(self, said: str, parts: list[str]) -> list[object]:
        found: list[object] = []
        for at, part in enumerate(parts):
            try:
                found.append(date.read(escapes.unescape(part), self.reader.setting))
            except ValueFault as wrong:
                raise value_fault(said, wrong.text, at, len(parts)) from None
        return found

    def _words(self, said: str, parts: list[str]) -> list[tuple[str, ...]]:
        found = []
        for at, part in enumerate(parts):
            words = tuple(WORD.findall(fold(escapes.unescape(part))))
            if not words:
                raise value_fault(said, Text("aucun mot à chercher", "no word to look for"), at, len(parts))
            found.append(words)
        return found

    def _chain(  # noqa: PLR0913, PLR0917 - the parts of one link
        self, parameter: Parameter, only: str, rest: str, raw: str, depth: int, said: str
    ) -> Node:
        if parameter.kind != "reference":
            raise fault(
                said,
                Text(
                    f"« {parameter.code} » n'est pas une référence et ne peut pas être suivi d'un point",
                    f'"{parameter.code}" is no reference and cannot be followed by a dot',
                ),
                rule="search-chain",
            )
        if only and only not in parameter.targets:
            raise fault(
                said,
                Text(
                    f"{only} n'est pas une cible de « {parameter.code} » ({', '.join(sorted(parameter.targets)[:8])})",
                    f'{only} is no target of "{parameter.code}" ({", ".join(sorted(parameter.targets)[:8])})',
                ),
                rule="search-chain",
            )
        targets: list[tuple[str, Node]] = []
        missing: UnknownParameter | None = None
        for target in [only] if only else sorted(parameter.targets):
            try:
                targets.append((target, self.node([target], rest, raw, depth + 1, said)))
            except UnknownParameter as none:
                missing = none
        if not targets:
            raise missing or UnknownParameter(unknown(rest, parameter.resource_type, ()))
        identifiers = ()
        if rest == "identifier":
            inner = targets[0][1]
            identifiers = inner.values if isinstance(inner, Test) else ()
        return Chain(parameter, tuple(targets), identifiers)

    def _has(self, types: Sequence[str], name: str, raw: str, depth: int, said: str) -> Node:
        parts = name.split(":", 3)
        if len(parts) != 4 or not all(parts):  # noqa: PLR2004 - _has, type, reference, the rest
            raise fault(
                said,
                Text(
                    "`_has` s'écrit `_has:Type:référence:paramètre`",
                    "`_has` is written `_has:Type:reference:parameter`",
                ),
                rule="search-has",
            )
        _, resource_type, code, rest = parts
        if resource_type not in self.registry.types:
            raise fault(
                said,
                Text(
                    f"« {resource_type[:40]} » n'est pas un type de ressource",
                    f'"{resource_type[:40]}" is no resource type',
                ),
                rule="search-has",
            )
        parameter = self.parameter(resource_type, code, said)
        if parameter.kind != "reference" or not parameter.targets.intersection(types):
            raise fault(
                said,
                Text(
                    f"« {code} » de {resource_type} ne désigne pas {' ni '.join(list(types)[:4])}",
                    f'"{code}" of {resource_type} does not refer to {" or ".join(list(types)[:4])}',
                ),
                rule="search-has",
            )
        return Has(resource_type, parameter, self.node([resource_type], rest, raw, depth + 1, said))


def conjunction(nodes: Sequence[Node]) -> Node:
    """Return the condition that all of these hold."""
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def _alike(nodes: Sequence[Node]) -> bool:
    """Tell whether conditions read for several types are one: same kind, same field, same values."""
    return len({_essence(node) for node in nodes}) == 1


def _essence(node: Node) -> str:
    match node:
        case Test(parameter, modifier, values):
            return repr((parameter.kind, parameter.field, modifier, values))
        case Chain(parameter, targets, _):
            return repr((parameter.field, [(target, _essence(inner)) for target, inner in targets]))
        case And(items) | Or(items):
            return repr([_essence(item) for item in items])
        case _:
            return repr(node)

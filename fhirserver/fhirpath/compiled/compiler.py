"""From a syntax tree to closures, with the types that are known beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fhirserver.fhirpath.compiled import members
from fhirserver.fhirpath.compiled.code import EMPTY, Code, Focus, lowered, many, noded, one, system_type
from fhirserver.fhirpath.compiled.constants import constant
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import ExpressionError, fails
from fhirserver.fhirpath.functions import FUNCTIONS
from fhirserver.fhirpath.grammar.syntax import (
    Binary,
    Call,
    Constant,
    Index,
    Literal,
    Member,
    Sign,
    Tree,
    TypeTest,
    Variable,
)
from fhirserver.fhirpath.model import INTEGER, Model
from fhirserver.fhirpath.operators import binary as operators
from fhirserver.fhirpath.operators import typetests
from fhirserver.issues import Text

_THIS: Final = Variable("$this", 0)
_WALKING: Final = frozenset({"where", "select", "all", "exists", "repeat", "aggregate", "children", "descendants"})
"""Functions that nested in each other may take any time."""


class Compiler:
    """Compiles one expression.

    Attributes:
        model: the types.
        strict: whether a semantic finding refuses the expression, and `as` of several items fails.
        findings: what can never make sense, for the types known (unknown elements, operands of wrong types).
        located: whether every value must know its place: then none is taken out of its Node.
        uses_context: whether the expression asks for `%context`.
    """

    def __init__(self, model: Model, *, strict: bool, located: bool = False) -> None:
        self.model = model
        self.strict = strict
        self.located = located
        self.findings: list[ExpressionError] = []
        self.uses_context = False

    def find(self, position: int, fr: str, en: str) -> None:
        """Note what can never make sense; in strict mode, refuse the expression."""
        error = ExpressionError(position, Text(fr, en))
        if self.strict:
            raise error
        self.findings.append(error)

    def compile(self, tree: Tree, focus: Focus) -> Code:  # noqa: PLR0911 - one return for one kind of tree
        """Return the closure of a tree whose `$this` is as the focus says."""
        match tree:
            case Literal():
                return self._literal(tree)
            case Member():
                return members.member(self, tree, focus)
            case Call():
                return self._call(tree, focus)
            case Binary():
                return operators.binary(self, tree, focus)
            case Variable():
                return self._variable(tree, focus)
            case Constant():
                return constant(self, tree)
            case Index():
                return self._index(tree, focus)
            case Sign():
                return operators.signed(self, tree, focus)
            case TypeTest():
                return typetests.operator(self, tree, focus)

    def source(self, tree: Call | Member, focus: Focus) -> Code:
        """Return what a call or member is applied to: `$this` where nothing else is written."""
        return self.compile(tree.source if tree.source is not None else _THIS, focus)

    def noded(self, code: Code) -> Code:
        """Return the piece with every FHIR item as a Node."""
        return noded(code, self.model)

    def nodes(self, code: Code) -> Any:
        """Return the closure that gives a list of Nodes and System values."""
        return many(noded(code, self.model))

    def _literal(self, tree: Literal) -> Code:
        value = tree.value
        if value is None:
            return EMPTY
        return Code(lambda this, env: value, single=True, type=system_type(value))  # noqa: ARG005 - a closure's shape

    def _variable(self, tree: Variable, focus: Focus) -> Code:
        if tree.name == "$this":
            if focus.type is not None:
                type_ = focus.type
                plain = None if type_.system or not type_.primitive else _value
                return Code(_this, single=True, type=type_, plain=plain)
            return Code(_this, single=True, possible=focus.possible)
        if tree.name == "$index":
            return Code(lambda this, env: env.index, single=True, type=INTEGER)  # noqa: ARG005 - a closure's shape
        return Code(lambda this, env: env.total, single=False)  # noqa: ARG005 - as above

    def _call(self, tree: Call, focus: Focus) -> Code:
        known = FUNCTIONS.get(tree.name)
        if known is None:
            raise ExpressionError(
                tree.position,
                Text(f"Fonction FHIRPath inconnue : {tree.name}().", f"Unknown FHIRPath function: {tree.name}()."),
            )
        count = len(tree.arguments)
        if not known.least <= count <= known.most:
            due = str(known.least) if known.least == known.most else f"{known.least}-{known.most}"
            raise ExpressionError(
                tree.position,
                Text(
                    f"{tree.name}() attend {due} argument(s), {count} donné(s).",
                    f"{tree.name}() takes {due} argument(s), {count} given.",
                ),
            )
        source = self.source(tree, focus)
        if not self.located or tree.name not in _WALKING:
            return known.build(self, source, tree, focus)
        return _metered(known.build(self, _metered(source), tree, focus))

    def _index(self, tree: Index, focus: Focus) -> Code:
        source = self.compile(tree.source, focus)
        self.check_ordered(source, tree.position)
        items = many(source)
        at = one(lowered(self.compile(tree.index, focus)))

        def indexed(this: Any, env: Environment) -> Any:
            found = items(this, env)
            index = at(this, env)
            if index is None:
                return None
            if type(index) is not int:
                raise fails("un indice doit être un entier", "an index must be an integer")
            return found[index] if 0 <= index < len(found) else None

        return Code(indexed, single=True, type=source.type, possible=source.possible)

    def check_ordered(self, source: Code, position: int) -> None:
        """Note a function that depends on an order which its source does not have."""
        if source.unordered and self.strict:
            self.find(
                position,
                "L'ordre de children() et descendants() n'est pas défini.",
                "The order of children() and descendants() is not defined.",
            )


def _metered(code: Code) -> Code:
    if code.single:
        return code
    run = code.run

    def counted(this: Any, env: Environment) -> Any:
        items = run(this, env)
        env.spend(len(items))
        return items

    return replace(code, run=counted)


def _this(this: Any, env: Environment) -> Any:  # noqa: ARG001 - a closure's shape
    return this


def _value(this: Any, env: Environment) -> Any:  # noqa: ARG001 - a closure's shape
    return this.value if hasattr(this, "sibling") else this

"""The way in: compile once, evaluate often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fhirserver.definitions.elements import Elements
from fhirserver.fhirpath.compiled.code import Code, Focus, many, noded, truth
from fhirserver.fhirpath.compiled.compiler import Compiler
from fhirserver.fhirpath.compiled.universal import shortcut
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import ExpressionError, fails
from fhirserver.fhirpath.grammar.syntax import parse
from fhirserver.fhirpath.model import Model, Structures, Type
from fhirserver.fhirpath.nodes import Location, Node, resource_node
from fhirserver.issues import Text

MAX_REMEMBERED: Final = 20_000
"""Most compiled expressions kept: those of clients (patches) have no end. R4 has 1,300 of its own."""

_DATA_FAULTS: Final = (
    ArithmeticError,
    AttributeError,
    TypeError,
    KeyError,
    IndexError,
    ValueError,
    RecursionError,
    MemoryError,
)


class Expression:
    """A compiled expression; safe to share between threads.

    Attributes:
        text: as it was written.
        context: the type of the focus that it was compiled for; None where the focus must be a Node or a resource.
        findings: what can never make sense for the types known (none in strict mode: there it is refused).
        test: `test(focus, env)`: True, False, or None for empty; see `Engine.compile` for the focus.
    """

    __slots__ = ("_items", "_model", "_uses_context", "context", "findings", "test", "text")

    def __init__(  # noqa: PLR0913, PLR0917 - made by the engine alone
        self,
        text: str,
        context: Type | None,
        code: Code,
        model: Model,
        findings: tuple[Text, ...],
        uses_context: bool,  # noqa: FBT001
    ) -> None:
        self.text = text
        self.context = context
        self.findings = findings
        self._model = model
        self._uses_context = uses_context
        self._items: Callable[[Any, Environment], list[Any]] = self._guarded(many(noded(code, model)))
        judge = truth(code)
        self.test: Callable[[Any, Environment], bool | None] = self._guarded(
            judge if context is None else shortcut(text, context, judge)
        )

    def __repr__(self) -> str:
        return f"Expression({self.text!r}, {self.context!r})"

    def evaluate(self, focus: Any, env: Environment) -> list[Any]:
        """Return the result: Nodes for FHIR values, Python values (bool, str, Decimal, Moment…) for others.

        Raises:
            EvaluationError: no result on these data.
        """
        return self._items(focus, env)

    def locate(self, focus: Node, env: Environment) -> list[tuple[Node, Location | None]]:
        """Return the FHIR values found, each with its place in the JSON (None for the resource itself).

        The expression must have been compiled without a context, and the focus be a Node (`Engine.node`).
        """
        return [(item, item.location) for item in self.evaluate(focus, env) if item.__class__ is Node]

    def _guarded(self, run: Callable[[Any, Environment], Any]) -> Callable[[Any, Environment], Any]:
        if self.context is None or self._uses_context:
            run = self._prepared(run)
        elif not self.context.primitive:
            run = _on_values(run)
        text = self.text

        def guarded(focus: Any, env: Environment) -> Any:
            try:
                return run(focus, env)
            except _DATA_FAULTS as error:
                # Closures trust the data to have the shape of their types: where they have not, there is no result.
                raise fails(
                    f"données mal formées pour « {text} »", f'the data are not well-formed for "{text}"'
                ) from error

        return guarded

    def _prepared(self, run: Callable[[Any, Environment], Any]) -> Callable[[Any, Environment], Any]:
        model, known, uses_context = self._model, self.context, self._uses_context

        def prepared(focus: Any, env: Environment) -> Any:
            if known is None:
                env.begin()
                if focus.__class__ is dict:
                    focus = resource_node(model, focus)
            elif not known.primitive and focus.__class__ is Node:
                focus = focus.value
            if uses_context:
                env.context = focus if focus.__class__ is Node or known is None else Node(focus, known)
            return run(focus, env)

        return prepared


def _on_values(run: Callable[[Any, Environment], Any]) -> Callable[[Any, Environment], Any]:
    """Return the closure for a complex type, which takes a Node's value for the Node."""
    return lambda focus, env: run(focus.value if focus.__class__ is Node else focus, env)


class Engine:
    """FHIRPath for one set of definitions; safe to share between threads."""

    def __init__(self, definitions: Structures, elements: Elements | None = None) -> None:
        """Make an engine that knows no type yet; each is read when it is first asked for.

        Args:
            definitions: where types come from.
            elements: the element model of these definitions, where it is at hand already.
        """
        self.model = Model(definitions, elements)
        self._compiled: dict[tuple[str, tuple[Type, ...], bool], Expression] = {}

    def compile(self, expression: str, context: str | None = None, *, strict: bool = False) -> Expression:
        """Compile an expression, or return it from the memory of those already compiled.

        Args:
            expression: FHIRPath 2.0 with FHIR R4's additions.
            context: type of the focus: a type name or element path (`Quantity`, `MedicationRequest.dosageInstruction`).
                The focus is then the raw JSON value of that type (or a Node, for a primitive with a `_` sibling).
                None, or an element of several types (`Observation.value[x]`): the focus is a Node or a resource.
            strict: refuse what can never make sense for the types known, and let `as` fail on several items.

        Raises:
            ExpressionError: not FHIRPath, unknown functions or types, wrong numbers of arguments; unknown contexts.
        """
        types = self._types(context)
        key = (expression, types, strict)
        known = self._compiled.get(key)
        if known is None:
            known = self._compile(expression, types, strict=strict)
            if len(self._compiled) >= MAX_REMEMBERED:
                self._compiled.clear()
            # Two threads may compile the same at once: the first one stays.
            known = self._compiled.setdefault(key, known)
        return known

    def node(self, resource: dict[str, Any]) -> Node:
        """Return a resource as a node, from which children know their place."""
        return resource_node(self.model, resource)

    def typed_node(self, value: Any, type_name: str, sibling: dict[str, Any] | None = None) -> Node:
        """Return a value of a type (`string`, `Patient.contact`) as a node.

        Raises:
            KeyError: no such type.
        """
        type_ = self.model.find(type_name)
        if type_ is None:
            raise KeyError(type_name)
        return Node(value, type_, sibling)

    def _types(self, context: str | None) -> tuple[Type, ...]:
        if context is None:
            return ()
        types = self.model.at(context)
        if not types:
            raise ExpressionError(0, Text(f"Contexte inconnu : {context}.", f"Unknown context: {context}."))
        return types

    def _compile(self, expression: str, types: tuple[Type, ...], *, strict: bool) -> Expression:
        tree = parse(expression)
        focus = Focus(types[0], entry=True) if len(types) == 1 else Focus(None, frozenset(types) or None, entry=True)
        compiler = Compiler(self.model, strict=strict, located=focus.type is None)
        try:
            code = compiler.compile(tree, focus)
        except RecursionError:
            raise ExpressionError(
                0, Text("Expression trop imbriquée.", "The expression nests too deeply."), "syntax"
            ) from None
        findings = tuple(error.text for error in compiler.findings)
        return Expression(expression, focus.type, code, self.model, findings, compiler.uses_context)

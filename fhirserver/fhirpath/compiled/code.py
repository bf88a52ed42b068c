"""Compiled pieces of an expression, and the forms in which one piece takes the result of another.

A piece is a closure `run(this, env)`: `this` is the item in focus, `env` the Environment. What it gives depends on
what is known beforehand:

* `single`: one item, or None for empty; otherwise a list.
* `type` known: the items are raw JSON values of that type (a primitive that has a `_` sibling is a Node, though); of a
  System type, Python values (bool, int, Decimal, str, Moment, Quantity).
* `type` None: items of FHIR types are Nodes; whatever is no Node is of a System type.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.model import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    DECIMAL,
    INTEGER,
    QUANTITY,
    STRING,
    TIME,
    Model,
    Type,
)
from fhirserver.fhirpath.nodes import Node
from fhirserver.fhirpath.values.moments import Moment
from fhirserver.fhirpath.values.quantities import Quantity

Run = Callable[[Any, Environment], Any]


@dataclass(slots=True)
class Code:
    """A compiled piece.

    Attributes:
        run: see above.
        single: whether it gives at most one item.
        type: of all items, where known.
        possible: where `type` is None, the types that the items may have; None: any.
        plain: as `run`, but without the `_` siblings of primitives (which then have no value: None, or left out).
        present: whether there is an item, as bool; None where only `run` can tell.
        unordered: whether the order of the items means nothing (`children()`).
    """

    run: Run
    single: bool
    type: Type | None = None
    possible: frozenset[Type] | None = None
    plain: Run | None = None
    present: Run | None = None
    unordered: bool = False

    @property
    def candidates(self) -> frozenset[Type] | None:
        """The types that items may have; None: any."""
        return frozenset((self.type,)) if self.type else self.possible


@dataclass(frozen=True, slots=True)
class Focus:
    """What is known of `$this` while a piece is compiled; `entry` while it is the focus of the whole expression."""

    type: Type | None
    possible: frozenset[Type] | None = None
    entry: bool = False


EMPTY: Final = Code(lambda this, env: None, single=True, possible=frozenset())  # noqa: ARG005 - a closure's shape


def focus_on(code: Code) -> Focus:
    """Return the focus of a piece that is applied to each item of another."""
    return Focus(code.type, code.possible)


def system_type(value: Any) -> Type | None:  # noqa: PLR0911 - one return for one type
    """Return the System type of a Python value; None for what has none."""
    match value:
        case bool():
            return BOOLEAN
        case int():
            return INTEGER
        case Decimal():
            return DECIMAL
        case str():
            return STRING
        case Moment():
            return {"date": DATE, "dateTime": DATE_TIME, "time": TIME}[value.kind]
        case Quantity():
            return QUANTITY
        case _:
            return None


def many(code: Code) -> Run:
    """Return the closure that gives a list."""
    run = code.run
    if not code.single:
        return run

    def listed(this: Any, env: Environment) -> list[Any]:
        item = run(this, env)
        return [] if item is None else [item]

    return listed


def one(code: Code) -> Run:
    """Return the closure that gives one item or None, and fails on several."""
    run = code.run
    if code.single:
        return run

    def only(this: Any, env: Environment) -> Any:
        items = run(this, env)
        if not items:
            return None
        if len(items) > 1:
            raise too_many(len(items))
        return items[0]

    return only


def too_many(count: int) -> Exception:
    """Return the failure of a collection where one item is due."""
    return fails(f"un seul élément attendu, {count} trouvés", f"one item expected, {count} found")


def noded(code: Code, model: Model) -> Code:
    """Return the piece with every FHIR item as a Node."""
    type_ = code.type
    if type_ is None or type_.system:
        return code
    run = code.run
    known: Type = type_
    if known.resource:

        def wrap(item: Any) -> Node:
            return item if item.__class__ is Node else Node(item, model.of_resource(item))

    else:

        def wrap(item: Any) -> Node:
            return item if item.__class__ is Node else Node(item, known)

    if code.single:

        def wrapped(this: Any, env: Environment) -> Any:
            item = run(this, env)
            return None if item is None else wrap(item)

    else:

        def wrapped(this: Any, env: Environment) -> Any:
            return [wrap(item) for item in run(this, env)]

    possible = None if known.resource else frozenset((known,))
    return Code(wrapped, code.single, None, possible, None, code.present, code.unordered)


def unwrapped(item: Any) -> Any:
    """Return an item as FHIRPath's own value where it has one; a Node of a complex type as it is."""
    return item.system if item.__class__ is Node else item


def lowered(code: Code) -> Code:
    """Return the piece with FHIRPath's own values for primitives and quantities; items without a value are left out."""
    type_ = code.type
    if type_ is None:
        possible = code.possible and frozenset(item.lowered or item for item in code.possible)
        return Code(_mapped(code, unwrapped), code.single, None, possible, None, None, code.unordered)
    if type_.system or type_.lower is None:
        return code
    lower = type_.lower
    if code.plain is not None and type_.lowered in (STRING, BOOLEAN, INTEGER):
        return Code(code.plain, code.single, type_.lowered)
    if code.plain is not None:
        return Code(_mapped(Code(code.plain, code.single), lower), code.single, type_.lowered)

    def lower_any(item: Any) -> Any:
        value = item.value if item.__class__ is Node else item
        return None if value is None else lower(value)

    return Code(_mapped(code, lower_any), code.single, type_.lowered)


def _mapped(code: Code, change: Callable[[Any], Any]) -> Run:
    run = code.run
    if code.single:

        def changed(this: Any, env: Environment) -> Any:
            item = run(this, env)
            return None if item is None else change(item)

        return changed

    def each(this: Any, env: Environment) -> list[Any]:
        return [found for item in run(this, env) if (found := change(item)) is not None]

    return each


def truth(code: Code) -> Run:
    """Return the closure that gives True, False or None: a single item that is no Boolean counts as true."""
    low = lowered(code)
    run = one(low)
    if low.type is BOOLEAN:
        return run

    def judged(this: Any, env: Environment) -> bool | None:
        item = run(this, env)
        return None if item is None else item is not False

    return judged


def present(code: Code) -> Run:
    """Return the closure that tells whether there is an item."""
    if code.present is not None:
        return code.present
    run = code.run
    if code.single:
        return lambda this, env: run(this, env) is not None
    return lambda this, env: bool(run(this, env))

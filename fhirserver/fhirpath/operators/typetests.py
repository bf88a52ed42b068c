"""`is`, `as` and `ofType` (https://hl7.org/fhirpath/N1/#types)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fhirserver.fhirpath.compiled import members
from fhirserver.fhirpath.compiled.code import Code, Focus, many, one, system_type
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import ExpressionError
from fhirserver.fhirpath.grammar.syntax import Member, Tree, TypeTest
from fhirserver.fhirpath.model import ANY, BOOLEAN, SYSTEM_TYPES, Type
from fhirserver.fhirpath.nodes import Node
from fhirserver.issues import Text

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler


def operator(compiler: Compiler, tree: TypeTest, focus: Focus) -> Code:
    """Compile `operand is Type` or `operand as Type`."""
    wanted = named(compiler, tree.type_name, tree.position)
    if tree.operator == "is":
        return is_type(compiler, compiler.compile(tree.operand, focus), wanted)
    return narrowed(compiler, tree.operand, focus, wanted, only_one=True)


def named(compiler: Compiler, name: str, position: int) -> tuple[Type, ...]:
    """Return the types that a type specifier may mean: of FHIR first, then of System.

    Raises:
        ExpressionError: neither has such a type (in lenient mode, it is noted, and nothing is of that type).
    """
    namespace, _, bare = name.rpartition(".")
    found: list[Type] = []
    if namespace in ("", "FHIR") and (fhir := compiler.model.find(bare)) is not None:
        found.append(fhir)
    if namespace in ("", "System") and bare in SYSTEM_TYPES:
        found.append(SYSTEM_TYPES[bare])
    if not found and namespace != "System":
        error = ExpressionError(position, Text(f"Type inconnu : {name}.", f"Unknown type: {name}."))
        if compiler.strict:
            raise error
        compiler.findings.append(error)
    return tuple(found)


def of_tree(compiler: Compiler, tree: Tree) -> tuple[Type, ...]:
    """Return the types that an argument which is a type specifier means."""
    names: list[str] = []
    at: Tree | None = tree
    while isinstance(at, Member):
        names.insert(0, at.name)
        at = at.source
    if at is not None or not names:
        raise ExpressionError(tree.position, Text("Un nom de type est attendu.", "The name of a type is expected."))
    return named(compiler, ".".join(names), tree.position)


def is_type(compiler: Compiler, source: Code, wanted: tuple[Type, ...]) -> Code:
    """Compile the test whether the one item is of a type or a specialization of it."""
    item = one(compiler.noded(source))

    def tested(this: Any, env: Environment) -> bool | None:
        value = item(this, env)
        if value is None:
            return None
        type_ = type_of(value)
        return type_ is not None and any(type_.is_a(other) or other is ANY for other in wanted)

    return Code(tested, single=True, type=BOOLEAN)


def type_of(value: Any) -> Type | None:
    """Return the type of a Node or System value."""
    return value.type if value.__class__ is Node else system_type(value)


def narrowed(compiler: Compiler, operand: Tree, focus: Focus, wanted: tuple[Type, ...], *, only_one: bool) -> Code:
    """Compile the choice of the items of a type: `as`, and `ofType()` where several may come."""
    direct = _choice_key(compiler, operand, focus, wanted)
    if direct is not None and not (only_one and compiler.strict and not direct.single):
        return direct
    source = compiler.compile(operand, focus)
    return chosen(compiler, source, wanted, only_one=only_one)


def chosen(compiler: Compiler, source: Code, wanted: tuple[Type, ...], *, only_one: bool) -> Code:
    """Compile the choice of the items of a type from a compiled source."""
    if only_one and compiler.strict:
        run = one(compiler.noded(source))
        items = many(Code(run, single=True))
    else:
        items = compiler.nodes(source)
    single = source.single or (only_one and compiler.strict)

    def fits(type_: Type | None) -> bool:
        # A primitive is only what it is (`gender as string` is empty, as a code is no string here); for the others,
        # a specialization counts.
        return type_ is not None and any(
            type_ is other or (not type_.primitive and type_.is_a(other)) for other in wanted
        )

    concrete = len(wanted) == 1 and not wanted[0].resource and not wanted[0].system and not wanted[0].primitive
    if concrete and source.type is None and not compiler.located:
        # Of one known complex type: raw from here on.
        def raw(this: Any, env: Environment) -> Any:
            return [item.value for item in items(this, env) if item.__class__ is Node and fits(item.type)]

        return _maybe_single(raw, single=single, type_=wanted[0])

    def kept(this: Any, env: Environment) -> Any:
        return [item for item in items(this, env) if fits(type_of(item))]

    abstract = any(type_.name in ("Resource", "DomainResource", "Element", "BackboneElement") for type_ in wanted)
    return _maybe_single(kept, single=single, possible=None if abstract else frozenset(wanted))


def _maybe_single(
    run: Any, *, single: bool, type_: Type | None = None, possible: frozenset[Type] | None = None
) -> Code:
    if not single:
        return Code(run, single=False, type=type_, possible=possible)

    def first(this: Any, env: Environment) -> Any:
        found = run(this, env)
        return found[0] if found else None

    return Code(first, single=True, type=type_, possible=possible)


def _choice_key(compiler: Compiler, operand: Tree, focus: Focus, wanted: tuple[Type, ...]) -> Code | None:
    """Return the direct access to one key of a choice (`value as Quantity` is `valueQuantity`), where types allow."""
    if not isinstance(operand, Member) or len(wanted) > 2 or not wanted:  # noqa: PLR2004 - FHIR's and System's
        return None
    if operand.source is None and focus.entry and operand.name[:1].isupper():
        return None
    source = compiler.source(operand, focus)
    field = source.type.fields.get(operand.name) if source.type and not source.type.primitive else None
    if field is None or not field.choice:
        return None
    fitting = [entry for entry in field.entries.values() if entry.type is wanted[0]]
    special = [
        e for e in field.entries.values() if e.type is not wanted[0] and not e.type.primitive and e.type.is_a(wanted[0])
    ]
    if len(fitting) != 1 or special:
        return None
    return members.of_entry(source, fitting[0])

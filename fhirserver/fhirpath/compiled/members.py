"""Elements by name: the fast ways where the type of the holder is known, and the general one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fhirserver.fhirpath.compiled.code import EMPTY, Code, Focus, many
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.grammar.syntax import Member, Variable
from fhirserver.fhirpath.model import Entry, Field, Type
from fhirserver.fhirpath.nodes import Node, member_nodes

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.code import Run
    from fhirserver.fhirpath.compiled.compiler import Compiler


def member(compiler: Compiler, tree: Member, focus: Focus) -> Code:
    """Compile an element name: a type name at the start of an expression means its focus."""
    if tree.source is None and focus.entry and tree.name[:1].isupper():
        rooted = _root(compiler, tree, focus)
        if rooted is not None:
            return rooted
    source = compiler.source(tree, focus)
    if source is EMPTY:
        return EMPTY
    if source.type is None:
        return _of_mixed(compiler, source, tree)
    return of_known(compiler, source, source.type, tree)


def of_known(compiler: Compiler, source: Code, holder: Type, tree: Member) -> Code:
    """Compile an element of items whose type is known."""
    field = holder.fields.get(tree.name)
    if field is None:
        if holder.resource and holder in (compiler.model.resource, compiler.model.domain_resource):
            return _of_mixed(compiler, compiler.noded(source), tree)
        _unknown(compiler, tree, holder.name)
        return EMPTY
    if holder.primitive:
        return _of_primitive(source, field)
    on_this = tree.source is None or (isinstance(tree.source, Variable) and tree.source.name == "$this")
    if field.choice and len(field.entries) > 1:
        return _choice(source, field)
    entry = next(iter(field.entries.values()))
    return of_entry(source, entry, on_this=on_this)


def of_entry(source: Code, entry: Entry, *, on_this: bool = False) -> Code:
    """Compile the access to one JSON key of raw objects."""
    if entry.type.primitive and entry.type.name != "xhtml":
        return _primitive(source, entry, on_this=on_this)
    return _complex(source, entry, on_this=on_this)


def _root(compiler: Compiler, tree: Member, focus: Focus) -> Code | None:
    named = compiler.model.find(tree.name)
    if named is None:
        return None
    if focus.type is not None:
        if focus.type.is_a(named):
            return Code(lambda this, env: this, single=True, type=focus.type)  # noqa: ARG005 - a closure's shape
        if not focus.type.resource or focus.type.name in ("Resource", "DomainResource"):
            return None
        compiler.find(
            tree.position,
            f"L'expression part de {tree.name}, mais s'applique à {focus.type.name}.",
            f"The expression starts from {tree.name}, but applies to {focus.type.name}.",
        )
        return EMPTY
    wanted: Type = named
    fields = tree.name

    def rooted(this: Any, env: Environment) -> Any:  # noqa: ARG001 - a closure's shape
        if this.__class__ is Node and this.type.is_a(wanted):
            return this
        return next(iter(member_nodes(compiler.model, this, fields)), None) if this.__class__ is Node else None

    return Code(
        rooted, single=True, possible=None if wanted.name in ("Resource", "DomainResource") else frozenset((wanted,))
    )


def _unknown(compiler: Compiler, tree: Member, holder: str) -> None:
    compiler.find(
        tree.position,
        f"{holder} n'a pas d'élément « {tree.name} ».",
        f'{holder} has no element "{tree.name}".',
    )


def _complex(source: Code, entry: Entry, *, on_this: bool) -> Code:
    key, run, listed = entry.key, source.run, entry.field.many
    get: Run
    if source.single and listed:
        if on_this:
            get = lambda this, env: this.get(key) or []  # noqa: E731, ARG005 - the shortest closure there is
        else:

            def get(this: Any, env: Environment) -> Any:
                holder = run(this, env)
                return [] if holder is None else holder.get(key) or []

    elif source.single:
        if on_this:
            get = lambda this, env: this.get(key)  # noqa: E731, ARG005 - as above
        else:

            def get(this: Any, env: Environment) -> Any:
                holder = run(this, env)
                return None if holder is None else holder.get(key)

    elif listed:

        def get(this: Any, env: Environment) -> Any:
            return [item for holder in run(this, env) if key in holder for item in holder[key]]

    else:

        def get(this: Any, env: Environment) -> Any:
            return [holder[key] for holder in run(this, env) if key in holder]

    return Code(get, source.single and not listed, entry.type)


def _primitive(source: Code, entry: Entry, *, on_this: bool) -> Code:
    if entry.field.many:
        return _primitives(source, entry)
    if not source.single:
        return _primitive_of_each(source, entry)
    key, sibling, type_, run = entry.key, entry.sibling, entry.type, source.run
    if on_this:

        def get(this: Any, env: Environment) -> Any:  # noqa: ARG001 - a closure's shape
            if sibling in this:
                return Node(this.get(key), type_, this[sibling], None, key)
            return this.get(key)

        return Code(
            get,
            single=True,
            type=type_,
            plain=lambda this, env: this.get(key),  # noqa: ARG005 - a closure's shape
            present=lambda this, env: key in this or sibling in this,  # noqa: ARG005 - as above
        )

    def follow(this: Any, env: Environment) -> Any:
        holder = run(this, env)
        if holder is None:
            return None
        if sibling in holder:
            return Node(holder.get(key), type_, holder[sibling], None, key)
        return holder.get(key)

    def follow_plain(this: Any, env: Environment) -> Any:
        holder = run(this, env)
        return None if holder is None else holder.get(key)

    return Code(follow, single=True, type=type_, plain=follow_plain)


def _primitive_of_each(source: Code, entry: Entry) -> Code:
    key, sibling, type_, run = entry.key, entry.sibling, entry.type, source.run

    def each(this: Any, env: Environment) -> Any:
        found = []
        for holder in run(this, env):
            if sibling in holder:
                found.append(Node(holder.get(key), type_, holder[sibling], None, key))
            elif key in holder:
                found.append(holder[key])
        return found

    def plain(this: Any, env: Environment) -> Any:
        return [holder[key] for holder in run(this, env) if holder.get(key) is not None]

    return Code(each, single=False, type=type_, plain=plain)


def _primitives(source: Code, entry: Entry) -> Code:
    key, sibling, type_, holders = entry.key, entry.sibling, entry.type, many(source)

    def each(this: Any, env: Environment) -> Any:
        found: list[Any] = []
        for holder in holders(this, env):
            if sibling in holder:
                values, beside = holder.get(key) or [], holder[sibling] or []
                for index in range(max(len(values), len(beside))):
                    value = values[index] if index < len(values) else None
                    extra = beside[index] if index < len(beside) else None
                    if extra is not None:
                        found.append(Node(value, type_, extra, None, key, index))
                    elif value is not None:
                        found.append(value)
            elif key in holder:
                found.extend(holder[key])
        return found

    def plain(this: Any, env: Environment) -> Any:
        return [item for holder in holders(this, env) if key in holder for item in holder[key] if item is not None]

    return Code(each, single=False, type=type_, plain=plain)


def _choice(source: Code, field: Field) -> Code:
    run = source.run
    entries = {**field.entries, **{entry.sibling: entry for entry in field.entries.values() if entry.type.primitive}}
    names = frozenset(entries)

    def pick(holder: dict[str, Any]) -> Node | None:
        for key in holder:
            if key in names:
                entry = entries[key]
                value = holder.get(entry.key)
                sibling = holder.get(entry.sibling) if entry.type.primitive else None
                return Node(value, entry.type, sibling, None, entry.key)
        return None

    possible = frozenset(entry.type for entry in field.entries.values())
    if source.single:

        def get(this: Any, env: Environment) -> Any:
            holder = run(this, env)
            return None if holder is None else pick(holder)

        def is_there(this: Any, env: Environment) -> bool:
            holder = run(this, env)
            return holder is not None and not names.isdisjoint(holder)

        return Code(get, single=True, possible=possible, present=is_there)

    def each(this: Any, env: Environment) -> Any:
        return [node for holder in run(this, env) if (node := pick(holder)) is not None]

    return Code(each, single=False, possible=possible)


def _of_primitive(source: Code, field: Field) -> Code:
    entry = next(iter(field.entries.values()))
    items, key = many(source), entry.key
    if key == "value":

        def values(this: Any, env: Environment) -> Any:
            found = [item.value if item.__class__ is Node else item for item in items(this, env)]
            return [value for value in found if value is not None]

        return Code(values, single=False, type=source.type, plain=values)

    def beside(this: Any, env: Environment) -> Any:
        found: list[Any] = []
        for item in items(this, env):
            if item.__class__ is Node and item.sibling and key in item.sibling:
                held = item.sibling[key]
                if isinstance(held, list):
                    found.extend(held)
                else:
                    found.append(held)
        return found

    return Code(beside, single=False, type=entry.type)


def _of_mixed(compiler: Compiler, source: Code, tree: Member) -> Code:
    model, name, items = compiler.model, tree.name, many(source)
    candidates = source.candidates
    possible: frozenset[Type] | None = None
    single = False
    if candidates is not None and not any(type_.resource and type_.base is None for type_ in candidates):
        fields = [field for type_ in candidates if (field := type_.fields.get(name))]
        if not fields and candidates:
            _unknown(compiler, tree, " | ".join(sorted(type_.name for type_ in candidates)[:5]))
            return EMPTY
        possible = frozenset(entry.type for field in fields for entry in field.entries.values())
        if any(type_.resource and type_.name in ("Resource", "DomainResource") for type_ in possible):
            possible = None
        single = source.single and not any(field.many for field in fields)

    def each(this: Any, env: Environment) -> Any:
        found: list[Any] = []
        for item in items(this, env):
            if item.__class__ is Node:
                found.extend(member_nodes(model, item, name))
        return found

    if not single:
        return Code(each, single=False, possible=possible)

    def only(this: Any, env: Environment) -> Any:
        found = each(this, env)
        return found[0] if found else None

    return Code(only, single=True, possible=possible)

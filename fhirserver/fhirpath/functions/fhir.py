"""What FHIR adds to FHIRPath (https://hl7.org/fhir/R4/fhirpath.html#functions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fhirserver.fhirpath.compiled.code import Code, Focus, lowered, many, one, unwrapped
from fhirserver.fhirpath.compiled.members import of_entry
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import ExpressionError, fails
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.model import BOOLEAN
from fhirserver.fhirpath.nodes import Node, member_nodes
from fhirserver.fhirpath.operators.typetests import type_of
from fhirserver.fhirpath.references import resolved
from fhirserver.fhirpath.values.narrative import is_safe_narrative
from fhirserver.issues import Text

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call


@function("extension", 1)
def extension(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return the extensions with a url."""
    url = one(lowered(compiler.compile(tree.arguments[0], focus)))
    type_ = source.type
    known = type_ is not None and not type_.primitive and "extension" in type_.fields
    if known and type_ is not None:
        listed = many(of_entry(source, type_.fields["extension"].entries["extension"]))

        def raw(this: Any, env: Environment) -> Any:
            found = listed(this, env)
            if not found:
                return found
            wanted = url(this, env)
            return [item for item in found if item.get("url") == wanted]

        return Code(raw, single=False, type=type_.fields["extension"].entries["extension"].type)
    model, items = compiler.model, compiler.nodes(source)

    def run(this: Any, env: Environment) -> Any:
        wanted = url(this, env)
        return [
            held
            for item in items(this, env)
            if item.__class__ is Node
            for held in member_nodes(model, item, "extension")
            if held.value.get("url") == wanted
        ]

    kind = model.find("Extension")
    return Code(run, single=False, possible=frozenset((kind,)) if kind else None)


@function("hasExtension", 1)
def has_extension(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell whether there is an extension with a url (no function of FHIR, but its search parameters use it)."""
    found = many(extension(compiler, source, tree, focus))
    return Code(lambda this, env: bool(found(this, env)), single=True, type=BOOLEAN)


@function("hasValue")
def has_value(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Tell whether there is one primitive, and it has a value."""
    type_ = source.type
    if type_ is not None and not type_.primitive and source.single:
        return Code(lambda this, env: False, single=True, type=BOOLEAN)  # noqa: ARG005 - a closure's shape
    if source.single and source.plain is not None:
        plain = source.plain
        return Code(lambda this, env: plain(this, env) is not None, single=True, type=BOOLEAN)
    items = compiler.nodes(source)

    def run(this: Any, env: Environment) -> bool:
        found = items(this, env)
        if len(found) != 1:
            return False
        item = found[0]
        if item.__class__ is not Node:
            return True
        return item.type.primitive and item.value is not None

    return Code(run, single=True, type=BOOLEAN)


@function("getValue")
def get_value(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return the value of the one primitive as FHIRPath's own."""
    items = compiler.nodes(source)

    def run(this: Any, env: Environment) -> Any:
        found = items(this, env)
        if len(found) != 1 or (found[0].__class__ is Node and not found[0].type.primitive):
            return None
        return unwrapped(found[0])

    type_ = source.type.lowered if source.type and source.type.primitive else None
    return Code(run, single=True, type=type_)


@function("resolve")
def resolve(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return the resources that references point to; what cannot be found is left out."""
    model, items = compiler.model, compiler.nodes(source)

    def run(this: Any, env: Environment) -> Any:
        found = []
        for item in items(this, env):
            resource = resolved(item.value if item.__class__ is Node else item, env)
            if resource is not None:
                found.append(Node(resource, model.of_resource(resource)))
        return found

    return Code(run, single=False)


@function("memberOf", 1)
def member_of(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell whether the code, Coding or CodeableConcept is in a value set; empty where that is unknown."""
    item = one(compiler.noded(source))
    value_set = one(lowered(compiler.compile(tree.arguments[0], focus)))

    def run(this: Any, env: Environment) -> bool | None:
        held, url = item(this, env), value_set(this, env)
        if held is None or url is None:
            return None
        if env.member_of is None:
            raise fails("memberOf() : terminologie absente", "memberOf(): no terminology at hand")
        if held.__class__ is Node:
            return None if held.value is None else env.member_of(held.value, held.type.name, url)
        return env.member_of(held, "string", url)

    return Code(run, single=True, type=BOOLEAN)


@function("subsumes", 1)
def subsumes(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell whether the code means all that the other one means, and maybe more; empty where that is unknown."""
    return _subsumption(source, compiler.compile(tree.arguments[0], focus))


@function("subsumedBy", 1)
def subsumed_by(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell whether the other code means all that this one means, and maybe more; empty where that is unknown."""
    return _subsumption(compiler.compile(tree.arguments[0], focus), source)


def _subsumption(wider: Code, narrower: Code) -> Code:
    first, second = one(wider), one(narrower)

    def run(this: Any, env: Environment) -> bool | None:
        mine, other = first(this, env), second(this, env)
        if mine is None or other is None:
            return None
        if env.subsumes is None:
            raise fails("subsumes() : terminologie absente", "subsumes(): no terminology at hand")
        return env.subsumes(*(item.value if item.__class__ is Node else item for item in (mine, other)))

    return Code(run, single=True, type=BOOLEAN)


@function("conformsTo", 1)
def conforms_to(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell whether the item conforms to a profile; it fails where no such profile is known."""
    model = compiler.model
    item = one(compiler.noded(source))
    profile = one(lowered(compiler.compile(tree.arguments[0], focus)))

    def run(this: Any, env: Environment) -> bool | None:
        held, url = item(this, env), profile(this, env)
        if held is None or url is None:
            return None
        if not isinstance(url, str):
            raise fails("conformsTo() attend une url", "conformsTo() takes a url")
        if env.conforms_to is not None and held.__class__ is Node:
            answer = env.conforms_to(held.value, url)
        else:
            base = model.find(url.removeprefix("http://hl7.org/fhir/StructureDefinition/"))
            type_ = type_of(held)
            answer = None if base is None or type_ is None else type_.is_a(base)
        if answer is None:
            raise fails(f"profil inconnu : {url}", f"unknown profile: {url}")
        return answer

    return Code(run, single=True, type=BOOLEAN)


@function("type")
def type_info(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return namespace and name of each item's type."""
    items = compiler.nodes(source)
    info = compiler.model.type_info

    def run(this: Any, env: Environment) -> Any:
        found = []
        for item in items(this, env):
            type_ = type_of(item)
            if type_ is not None:
                name = type_.base.name if "." in type_.name and type_.base else type_.name
                found.append({"namespace": "System" if type_.system else "FHIR", "name": name})
        return found

    return Code(run, single=False, type=info)


@function("htmlChecks")
def html_checks(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Tell whether the narrative holds only the XHTML that FHIR allows."""
    items = many(lowered(source))

    def run(this: Any, env: Environment) -> bool | None:
        found = items(this, env)
        return all(isinstance(item, str) and is_safe_narrative(item) for item in found) if found else None

    return Code(run, single=True, type=BOOLEAN)


@function("checkModifiers", 0, 99)
def check_modifiers(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return the items, and fail on a modifier extension other than those named."""
    model, nodes = compiler.model, compiler.nodes(source)
    known = [one(lowered(compiler.compile(argument, focus))) for argument in tree.arguments]

    def run(this: Any, env: Environment) -> Any:
        allowed = {argument(this, env) for argument in known}
        found = nodes(this, env)
        for item in found:
            for held in member_nodes(model, item, "modifierExtension") if item.__class__ is Node else ():
                if held.value.get("url") not in allowed:
                    url = held.value.get("url")
                    raise fails(f"extension modificatrice inconnue : {url}", f"unknown modifier extension: {url}")
        return found

    return Code(run, single=False, possible=source.candidates)


def _of_the_validator(name: str, arguments: int) -> None:
    @function(name, arguments)
    def refused(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
        raise ExpressionError(
            tree.position,
            Text(
                f"{name}() n'est pas évaluée ici : les profils sont l'affaire du validateur.",
                f"{name}() is not evaluated here: profiles are the validator's business.",
            ),
        )


# FHIR R4 names them; no published invariant or search parameter calls them.
_of_the_validator("elementDefinition", 0)
_of_the_validator("slice", 2)

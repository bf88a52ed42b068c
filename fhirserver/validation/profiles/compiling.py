"""A profile becomes closures: one for each object, property and value that its snapshot describes.

The snapshot of a profile restates everything that its parents say, so one walk of a resource along one profile judges
the base type and the profile together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from fhirserver.definitions import split_canonical
from fhirserver.validation.elements.bindings import binding_steps
from fhirserver.validation.elements.constants import equals, matches
from fhirserver.validation.elements.extensions import extension_rule, missing_extensions
from fhirserver.validation.elements.formats import FORMATS
from fhirserver.validation.elements.limits import limit_steps
from fhirserver.validation.elements.references import target_step
from fhirserver.validation.elements.types import SPECIAL
from fhirserver.validation.kit import CORE, Kit
from fhirserver.validation.profiles.certain import Child
from fhirserver.validation.profiles.invariants import invariants_of, keys_of
from fhirserver.validation.profiles.objects import Further, Need, ObjectCheck, Shape
from fhirserver.validation.profiles.properties import (
    Bounds,
    Property,
    Scalar,
    many,
    one,
    primitive,
    primitive_check,
    primitives,
    prohibited,
    sibling_of,
)
from fhirserver.validation.profiles.slicing import Slicing, absent, single, sliced_rule
from fhirserver.validation.profiles.tree import Element, walk_to
from fhirserver.validation.profiles.writing import write
from fhirserver.validation.resources.nested import resource_value
from fhirserver.validation.run import Check, Path, Rule, Run
from fhirserver.validation.texts import rules as rule_texts
from fhirserver.validation.texts import structure as texts
from fhirserver.validation.texts import values as value_texts

_INLINE: Final = frozenset({"BackboneElement", "Element"})
_ANY_RESOURCE: Final = frozenset({"Resource", "DomainResource"})
_PROPOSED: Final = "names-proposed"
_MOST_PROPOSED: Final = 20
"""Unknown elements of one run for which similar names are looked for."""


def compile_profile(kit: Kit, structure: dict[str, Any], root: Element) -> tuple[Check, frozenset[str]]:
    """Compile a StructureDefinition: the check of one value of its type, and the constraints it evaluates there."""
    base = structure.get("type") or root.name
    compiler = Compiler(kit, root)
    if structure.get("kind") == "primitive-type":
        return primitive_check(base, ()), frozenset()
    constraints = keys_of(root)
    parent = None if base == root.profile.removeprefix(CORE) else kit.tree(base)
    check = compiler.object(
        root, base, is_resource=structure.get("kind") == "resource", more=[parent] if parent else []
    )
    return check, constraints | (keys_of(parent) if parent else frozenset())


class Compiler:
    """Compiles the elements of one StructureDefinition."""

    def __init__(self, kit: Kit, root: Element) -> None:
        self.kit = kit
        self.root = root
        self._slicings: dict[int, Slicing] = {}

    # objects

    def object(
        self,
        element: Element,
        base: str,
        *,
        is_resource: bool = False,
        more: Sequence[Element] = (),
        first: Sequence[Check] = (),
    ) -> Check:
        """Compile the check of an object with the children of an element.

        Args:
            element: whose children are in force; its own constraints are evaluated on the object.
            base: FHIR type of the object.
            is_resource: an object with `resourceType`.
            more: elements whose constraints are evaluated too (the root of the data type).
            first: further checks of the value.
        """
        label = base if element.path == base or base not in _INLINE else element.path
        shape = Shape(label, partial(self._unknown, element, label), is_resource=is_resource)
        if is_resource:
            shape.rules["resourceType"] = Property(_accept, Scalar("anything"))
        children: dict[str, Child] = {}
        for child in element.below:
            before = len(shape.rules)
            self._property(shape, child, base, is_resource=is_resource)
            stem = child.name.removesuffix("[x]")
            excluded = self._excluded(child) if child.name.endswith("[x]") else []
            only = child.types[0]["code"] if len(child.types) == 1 and not child.repeats and stem == child.name else ""
            children[stem] = Child((*list(shape.rules)[before:], *excluded), only)
        shape.steps.extend(first)
        if base in SPECIAL:
            shape.steps.extend(SPECIAL[base])
        invariants = invariants_of(self.kit, [element, *more], base, children=children)
        shape.presence.extend(invariants.presence)
        shape.steps.extend(invariants.steps)
        return ObjectCheck(shape, partial(write, self.kit), self.kit.patience)

    def _property(self, shape: Shape, child: Element, owner: str, *, is_resource: bool) -> None:
        name = child.name
        if name in ("extension", "modifierExtension"):
            shape.rules[name] = Property(extension_rule(self, child, modifier=name == "modifierExtension", owner=owner))
            if child.most == "0":
                shape.rules[name] = prohibited(name, child.origin)
            if child.least:
                shape.needs.append(Need(name, (name,), child.least, child.origin))
            absent = missing_extensions(child)
            if absent:
                shape.steps.append(absent)
            return
        keys: list[str] = []
        if name.endswith("[x]"):
            self._choice(shape, child, keys)
        else:
            keys.append(name)
            kind = (child.types or [{"code": ""}])[0]
            if name == "id" and is_resource:
                kind = {"code": "id"}  # R4's snapshots say string, its prose says id
            self._key(shape, child, name, name, kind)
            if name == "id" and not is_resource:
                shape.rules["id"] = Property(_unique(shape.rules["id"].rule))
        if child.least and keys:
            # a value of a type that the profile excludes is there all the same: its own issue says what is wrong
            others = self._excluded(child) if name.endswith("[x]") else []
            shape.needs.append(Need(name, (*keys, *others), child.least, child.origin))

    def _choice(self, shape: Shape, child: Element, keys: list[str]) -> None:
        stem = child.name[:-3]
        for one_type in child.types:
            for actual in self._open_types(one_type["code"]):
                key = stem + actual[0].upper() + actual[1:]
                keys.append(key)
                self._key(shape, child, key, f"{stem}.ofType({actual})", {**one_type, "code": actual})
        if len(keys) > 1:
            names = frozenset(keys) | {f"_{key}" for key in keys}
            shape.choices.append((child.name, names))

    def _open_types(self, code: str) -> list[str]:
        if code != "*":
            return [code]
        extension = self.kit.tree("Extension")
        wide = extension.child("value") if extension else None
        assert wide is not None
        return [one_type["code"] for one_type in wide.types]

    def _key(self, shape: Shape, child: Element, key: str, label: str, one_type: dict[str, Any]) -> None:
        """Add the rules of one JSON property."""
        code = one_type["code"]
        if child.most == "0":
            shape.rules[key] = shape.rules[f"_{key}"] = prohibited(label, child.origin)
            return
        most = None if child.most == "*" else int(child.most)
        bounds = Bounds(child.name, child.least, most, child.origin)
        if code in FORMATS and not _is_attribute(child, code):
            shape.rules[f"_{key}"] = sibling_of(label, key, self.kit.later("Element"), repeats=child.repeats)
        if child.slices and child.repeats:
            slicing = Slicing(self, child)
            shape.rules[key] = Property(sliced_rule(self, child, label, bounds, slicing))
            missing = absent(slicing, label, lambda value: key in value or f"_{key}" in value)
            if missing and not child.least:
                shape.steps.append(missing)
        elif child.slices:
            shape.rules[key] = single(self, child, label, one_type, self._slicing(shape, child))
        elif code in FORMATS:
            steps, pure = self._primitive_steps(child, code)
            shape.rules[key] = (
                primitives(label, key, code, steps, bounds, pure=pure)
                if child.repeats
                else primitive(label, code, steps, pure=pure)
            )
        else:
            check = self.value(child, one_type)
            shape.rules[key] = many(label, check, bounds) if child.repeats else one(label, check)

    def _slicing(self, shape: Shape, child: Element) -> Slicing:
        """Return the slicing of an element that does not repeat, made once for all of its types."""
        key = id(child)
        if key not in self._slicings:
            slicing = self._slicings[key] = Slicing(self, child)
            stem = child.name.removesuffix("[x]")

            def is_there(value: dict[str, Any]) -> bool:
                return any(one == stem or (one.startswith(stem) and one in shape.rules) for one in value)

            missing = absent(slicing, stem, is_there)
            if missing:
                shape.steps.append(missing)
        return self._slicings[key]

    def _unknown(self, element: Element, label: str, key: str, path: Path, run: Run) -> None:
        """Judge a property that has no rule: a type that the profile excludes, or an element that does not exist."""
        for child in element.below:
            stem = child.name[:-3]
            bare = key.lstrip("_")
            if child.name.endswith("[x]") and bare.startswith(stem) and bare != stem:
                wide = self._in_base(child)
                found = next((t for t in wide if t[0].upper() + t[1:] == bare[len(stem) :]), None)
                if found:
                    allowed = [t["code"] for t in child.types]
                    where = (path, f"{stem}.ofType({found})", -1)
                    run.error("value", where, "choice-type", texts.type_not_allowed(found, allowed, child.origin))
                    return
        told = run.memory[_PROPOSED] = run.memory.get(_PROPOSED, 0) + 1
        # to look for similar names takes long; who sends thousands of unknown elements has misspelt none
        known = [child.name for child in element.below] if told <= _MOST_PROPOSED else ()
        run.error("structure", (path, key, -1), "unknown-element", texts.unknown_element(key, label, known))

    def _excluded(self, child: Element) -> list[str]:
        """Return the JSON properties of a choice that its base definition has and the profile excludes."""
        stem = child.name[:-3]
        allowed = {actual for one in child.types for actual in self._open_types(one["code"])}
        return [stem + one[0].upper() + one[1:] for one in self._in_base(child) if one not in allowed]

    def _in_base(self, child: Element) -> list[str]:
        """Return the types that the base definition of a choice allows."""
        base_path = child.definition.get("base", {}).get("path", child.path)
        root = self.kit.tree(base_path.partition(".")[0])
        found = walk_to(root, base_path) if root else None
        if found is None:
            return []
        return [name for t in found.types for name in self._open_types(t["code"])]

    # values

    def checker(self, child: Element, one_type: dict[str, Any]) -> Check:
        """Compile the check of one value of an element, of one of its types."""
        code = one_type["code"]
        if code in FORMATS:
            return primitive_check(code, self._primitive_steps(child, code)[0])
        return self.value(child, one_type)

    def _primitive_steps(self, child: Element, code: str) -> tuple[list[Check], bool]:
        """Return what an element asks of a primitive value, and whether that depends on the value alone."""
        steps = [*self._constant_steps(child), *limit_steps(child, code)]
        steps.extend(binding_steps(self.kit, child, code))
        others = [*invariants_of(self.kit, [child], code).steps, *SPECIAL.get(code, ())]
        steps.extend(others)
        return steps, not others

    def value(self, child: Element, one_type: dict[str, Any]) -> Check:
        """Compile the check of one complex value of an element."""
        code = one_type["code"]
        reference = child.definition.get("contentReference")
        if reference:
            return self._content_reference(reference)
        if code in _ANY_RESOURCE or code in self.kit.resource_types:
            return resource_value(self.kit, child, one_type)
        profiles = [p for p in one_type.get("profile", ()) if self.kit.tree(p) is not None]
        steps = self._constant_steps(child)
        steps.extend(binding_steps(self.kit, child, code))
        steps.extend(limit_steps(child, code))
        if code == "Reference":
            steps.append(target_step(self.kit, child, one_type))
        root = None if code in _INLINE or not code else self.kit.tree(code)
        if child.below:
            main = self.object(child, code or "Element", more=[root] if root else [], first=steps)
            return _further(main, [self.kit.later(profiles[0])]) if len(profiles) == 1 else main
        known = keys_of(root) if root else frozenset()
        steps.extend(invariants_of(self.kit, [child], code, without=known).steps)
        return _further(self._by_type(child, code, profiles), steps)

    def _by_type(self, child: Element, code: str, profiles: list[str]) -> Check:
        """Return the check of a value by its data type, or by the data type profiles that the element asks for."""
        if len(profiles) > 1:
            return _any_of(self.kit, code, profiles, child.origin)
        return self.kit.later(profiles[0] if profiles else code or "Element")

    def _content_reference(self, reference: str) -> Check:
        url, _, path = reference.rpartition("#")
        if not url or split_canonical(url)[0] == self.root.profile:
            found: list[Check] = []

            def check(value: Any, at: Path, run: Run) -> None:
                if not found:
                    element = walk_to(self.root, path)
                    if element is None:
                        return
                    found.append(self.value(element, (element.types or [{"code": "Element"}])[0]))
                found[0](value, at, run)

            return check
        root = self.kit.tree(url)
        element = walk_to(root, path) if root else None
        if root is None or element is None:
            return _accept_value
        return Compiler(self.kit, root).value(element, (element.types or [{"code": "Element"}])[0])

    def _constant_steps(self, child: Element) -> list[Check]:
        steps: list[Check] = []
        fixed, pattern, origin = child.constant("fixed"), child.constant("pattern"), child.origin
        if fixed is not None:

            def check_fixed(value: Any, path: Path, run: Run) -> None:
                if not equals(value, fixed):
                    run.error("value", path, "fixed", value_texts.not_fixed(value, fixed, origin))

            steps.append(check_fixed)
        if pattern is not None:

            def check_pattern(value: Any, path: Path, run: Run) -> None:
                if not matches(value, pattern):
                    run.error("value", path, "pattern", value_texts.not_pattern(value, pattern, origin))

            steps.append(check_pattern)
        return steps


def _is_attribute(child: Element, code: str) -> bool:
    """Return whether an element is an attribute in XML (id, url, the narrative): these have no extensions."""
    return code == "xhtml" or (
        child.name in ("id", "url") and "http://hl7.org/fhirpath/" in str(child.definition.get("type"))
    )


def _further(main: Check, steps: Sequence[Check]) -> Check:
    return Further(main, steps) if steps else main


def _any_of(kit: Kit, code: str, profiles: list[str], origin: str) -> Check:
    """Return the check of a value that must meet at least one of several profiles."""
    checks = [kit.later(profile) for profile in profiles]
    plain = kit.later(code)

    def check(value: Any, path: Path, run: Run) -> None:
        best: list[Any] | None = None
        for one_check in checks:
            issues = run.probe(one_check, value, path)
            if not any(issue.refuses for issue in issues):
                run.issues.extend(issues)
                return
            if best is None or len(issues) < len(best):
                best = issues
        plain(value, path, run)
        run.error("value", path, "profile-choice", texts.type_not_allowed(code, profiles, origin))

    return check


def _accept(_value: Any, _owner: dict[str, Any], _path: Path, _run: Run) -> None:
    return


def _unique(rule: Rule) -> Rule:
    """Return the rule of an element's id, which is unique in its resource."""

    def unique(value: Any, owner: dict[str, Any], path: Path, run: Run) -> None:
        rule(value, owner, path, run)
        if run.scope.resource.get("resourceType") == "StructureDefinition":
            return  # its snapshot and its differential have the same ids
        seen = run.memory.setdefault(("ids", id(run.scope.resource)), {})
        if type(value) is str and seen.setdefault(value, owner) is not owner:
            run.error("duplicate", path, "element-id", rule_texts.id_twice(value))

    return unique


def _accept_value(_value: Any, _path: Path, _run: Run) -> None:
    return

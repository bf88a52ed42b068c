"""What every rule may use: definitions, terminology, FHIRPath, and the profiles compiled so far."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fhirserver.validation.profiles.tree import Element, grow, walk_to
from fhirserver.validation.run import Check, Path, Run

if TYPE_CHECKING:
    from fhirserver.definitions import Definitions
    from fhirserver.fhirpath import Engine
    from fhirserver.terminology import Terminology

_LATER_NAMES: Final = frozenset({"CanonicalResource", "MetadataResource", "BackboneType", "DataType", "Base"})
"""Types that later versions of FHIR name, and extensions' contexts with them."""

CORE: Final = "http://hl7.org/fhir/StructureDefinition/"

PATIENCE: Final = 24
"""An object's plan becomes source when it has been used so often: writing one costs as much as some hundred uses."""
WRITES: Final = 3
"""Plans written for one resource at most: what holds them comes into use at the same moment, and waits its turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One StructureDefinition, ready to judge.

    Attributes:
        url: its canonical url, without version.
        type: the FHIR type that it describes.
        structure: the StructureDefinition.
        root: its snapshot as a tree.
        check: judges one value of its type.
        keys: the constraints that `check` evaluates on the value itself.
        parents: canonical urls of what it derives from, nearest first.
    """

    url: str
    type: str
    structure: dict[str, Any]
    root: Element
    check: Check
    keys: frozenset[str]
    parents: tuple[str, ...]


class Kit:
    """Shared by all runs of one validator; safe for threads.

    A profile is compiled the first time it is needed and kept; two threads may compile the same one, the first to
    finish wins.

    Attributes:
        patience: how often a plan is used before source is written for it; 0 for never. Set before the first use.
        writes: how many plans are written in one run at most.
        written: how many plans have been written so far.
    """

    def __init__(
        self,
        definitions: Definitions,
        terminology: Terminology,
        engine: Engine,
        compile_profile: Callable[[Kit, dict[str, Any], Element], tuple[Check, frozenset[str]]],
    ) -> None:
        self.definitions = definitions
        self.terminology = terminology
        self.engine = engine
        self.resource_types = definitions.resource_types
        self.fits: dict[tuple[str, str, tuple[str, ...]], bool] = {}
        self.plans: dict[Any, Any] = {}
        self.patience = PATIENCE
        self.writes = WRITES
        self.written = 0
        self._compile = compile_profile
        self._trees: dict[str, Element | None] = {}
        self._profiles: dict[str, Profile | None] = {}
        self._lock = threading.RLock()

    def profile(self, canonical: str) -> Profile | None:
        """Return a profile by canonical url (`url`, `url|version`) or type name; None where nobody defines it.

        A profile that does not hang together is as good as unknown: `packages check` names its faults.
        """
        try:
            return self._profiles[canonical]
        except KeyError:
            pass
        structure = self.definitions.structure(canonical)
        profile = None
        if structure is not None:
            name = _release(structure)
            profile = self._profiles.get(name)
            if profile is None:
                try:
                    profile = self._build(structure)
                except (ValueError, KeyError, TypeError):
                    profile = None
            with self._lock:
                profile = self._profiles.setdefault(name, profile)
        with self._lock:
            return self._profiles.setdefault(canonical, profile)

    def tree(self, canonical: str) -> Element | None:
        """Return a profile's snapshot as a tree, without compiling it; None where it is unknown or broken."""
        try:
            return self._trees[canonical]
        except KeyError:
            pass
        structure = self.definitions.structure(canonical)
        root = self._grown(structure) if structure is not None else None
        with self._lock:
            return self._trees.setdefault(canonical, root)

    def _grown(self, structure: dict[str, Any]) -> Element | None:
        name = _release(structure)
        root = self._trees.get(name)
        if root is None:
            try:
                root = grow(structure)
            except (ValueError, KeyError, TypeError):
                root = None
        with self._lock:
            return self._trees.setdefault(name, root)

    def _build(self, structure: dict[str, Any]) -> Profile:
        root = self._grown(structure)
        if root is None:
            raise ValueError("no snapshot")
        check, keys = self._compile(self, structure, root)
        url: str = structure["url"]
        return Profile(url, structure.get("type") or root.name, structure, root, check, keys, self._parents(structure))

    def _parents(self, structure: dict[str, Any]) -> tuple[str, ...]:
        parents: list[str] = []
        step: dict[str, Any] | None = structure
        while step is not None and (base := step.get("baseDefinition")) and base.partition("|")[0] not in parents:
            parents.append(base.partition("|")[0])
            step = self.definitions.structure(base)
        return tuple(parents)

    def holders(self, names: tuple[str, ...], resource: str) -> frozenset[str]:
        """Return every expression that means the element at a path, such as `Patient.name`, `HumanName`, `Element`.

        Args:
            names: element names from the resource down, choices without their type.
            resource: the resource's type.

        Empty where the path leads nowhere, or into an extension.
        """
        profile = self.profile(resource)
        if profile is None or "extension" in names or "modifierExtension" in names:
            return frozenset()
        found = {resource, *(parent.rpartition("/")[2] for parent in profile.parents)}
        if not names:
            if profile.root.child("url"):
                found |= {"CanonicalResource", "MetadataResource"}  # later versions' names for what has a url
            return frozenset({*found, "Element"})  # many extensions say Element and mean resources too
        found = {"Element"}
        places: list[tuple[Element, str]] = [(profile.root, resource)]
        for name in names:
            places = [step for element, path in places for step in self._step(element, path, name)]
        found |= {path for _, path in places}
        for element, _ in places:
            found.add(str(element.definition.get("contentReference", "")).rpartition("#")[2])
            for one in element.types or [{"code": "Element"}]:
                found.add(one["code"])
                holder = self.profile(one["code"])
                if holder:
                    found.update(parent.rpartition("/")[2] for parent in holder.parents)
        return frozenset(found) if places else frozenset()

    def names_element(self, expression: str) -> bool:
        """Return whether an extension's context (`Patient.name`, `Dosage`) names an element that exists.

        One that does not is a fault of the guide, and no reason to refuse anything.
        """
        path = expression.partition("#")[0]
        if expression != path or not path or path in _LATER_NAMES:
            return path in _LATER_NAMES
        head, *names = path.split(".")
        root = self.tree(head)
        places: list[tuple[Element, str]] = [(root, head)] if root else []
        for name in names:
            places = [step for element, at in places for step in self._step(element, at, name.removesuffix("[x]"))]
        return bool(places)

    def _step(self, element: Element, path: str, name: str) -> list[tuple[Element, str]]:
        child = element.child(name)
        if child is not None:
            return [(child, f"{path}.{child.name}")]
        steps: list[tuple[Element, str]] = []
        repeated = str(element.definition.get("contentReference", "")).rpartition("#")[2]
        if repeated:
            root = self.tree(repeated.partition(".")[0])
            again = walk_to(root, repeated) if root else None
            deeper = again.child(name) if again else None
            return [(deeper, f"{repeated}.{deeper.name}")] if deeper else []
        for one in element.types:
            holder = self.profile(one["code"]) if one["code"] not in ("BackboneElement", "Element") else None
            deeper = holder.root.child(name) if holder else None
            if deeper is not None:
                steps.append((deeper, f"{path}.{deeper.name}"))
                steps.append((deeper, f"{one['code']}.{deeper.name}"))
        return steps

    def later(self, canonical: str) -> Later:
        """Return a check that compiles its profile when it is first used, so that cyclic profiles compile."""
        return Later(self, canonical)


class Later:
    """The check of a profile that is compiled when it is first used."""

    __slots__ = ("_canonical", "_kit", "_target")

    def __init__(self, kit: Kit, canonical: str) -> None:
        self._kit = kit
        self._canonical = canonical
        self._target: Check | None = None

    @property
    def target(self) -> Check:
        """The check itself."""
        if self._target is None:
            profile = self._kit.profile(self._canonical)
            self._target = profile.check if profile else _nothing
        return self._target

    def __call__(self, value: Any, path: Path, run: Run) -> None:
        """Judge a value."""
        (self._target or self.target)(value, path, run)


def _release(structure: dict[str, Any]) -> str:
    """Return what tells one release of a definition from the others, however it was asked for."""
    return f"{structure.get('url')}|{structure.get('version', '')}"


def _nothing(_value: Any, _path: Path, _run: Run) -> None:
    return

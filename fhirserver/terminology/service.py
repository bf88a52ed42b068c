"""Terminology in memory: code systems and value sets, compiled when first asked for and then kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import RLock
from typing import Any, Final

from fhirserver.definitions import Definitions
from fhirserver.fhirpath import ucum
from fhirserver.issues import Text
from fhirserver.terminology.codesystem import CodeSystem, from_resource
from fhirserver.terminology.compose import (
    Include,
    Matcher,
    say_not_loaded,
    unknown,
)
from fhirserver.terminology.computed import Grammar, grammars, listed
from fhirserver.terminology.implicit import Survey, implied, survey
from fhirserver.terminology.stored import includes_of_expansion
from fhirserver.terminology.verdicts import CodeState, CodeStatus, Designation, Membership

MAX_IMPORTS: Final = 50
"""Levels of value sets importing value sets beyond which one is reported as unusable."""

MAX_WEIGHT: Final = 10_000
"""Value sets asked for one answer beyond which one is unusable: imports of imports multiply."""

MAX_KEPT: Final = 10_000
"""So many answers of one kind are remembered; then all are forgotten, since clients choose what they ask."""


class Terminology:
    """Answers about codes, from the packages in force and what an operator loads.

    Safe to share between threads: what is compiled is immutable, and compiled once.
    """

    def __init__(
        self,
        definitions: Definitions,
        extra: Sequence[CodeSystem] = (),
        *,
        value_sets: Sequence[dict[str, Any]] = (),
        is_unit: Callable[[str], bool] = ucum.valid,
    ) -> None:
        """Take what to answer from.

        Args:
            definitions: the packages in force.
            extra: code systems that an operator loaded; they win over the packages'.
            value_sets: value sets and concept maps that an operator loaded; they win over the packages'.
            is_unit: whether a code is a UCUM unit.
        """
        self.definitions = definitions
        self._extra: dict[str, list[CodeSystem]] = {}
        for system in extra:
            self._extra.setdefault(system.url, []).append(system)
        self._resources = value_sets
        self._is_unit = is_unit
        self._grammars: dict[str, Grammar] = grammars(is_unit)
        self._systems: dict[tuple[str, str], CodeSystem | Grammar | None] = {}
        self._matchers: dict[str, Matcher] = {}
        self._statuses: dict[tuple[str, str], CodeStatus] = {}
        self._survey: Survey | None = None
        self._lock = RLock()

    def member(self, value_set: str, system: str | None, code: str, version: str | None = None) -> Membership:
        """Return whether a code is in a value set.

        Args:
            value_set: canonical url, with or without `|version`.
            system: the Coding's system; None for an element of type code, whose system the value set implies.
            code: the code.
            version: the Coding's version.
        """
        matcher = self._matchers.get(value_set)
        if matcher is None:
            matcher = self.matcher(value_set)
        return matcher.decide(system, code, version)

    def code(self, system: str, code: str) -> CodeStatus:
        """Return what a code system says of a code."""
        known = self._statuses.get((system, code))
        if known is not None:
            return known
        source = self.system(system)
        if source is None or (isinstance(source, CodeSystem) and source.content == "not-present"):
            status = CodeStatus(CodeState.UNVERIFIABLE, say_not_loaded(system))
        else:
            status = self.status(source, code)
        if len(self._statuses) >= MAX_KEPT:
            self._statuses.clear()
        self._statuses[system, code] = status
        return status

    def status(self, source: CodeSystem | Grammar, code: str) -> CodeStatus:
        """Return what a code system says of a code, with the names that its supplements add."""
        status = source.status(code)
        names: list[Designation] = []
        for supplement in self.supplements(source.url) if status.code else ():
            names += supplement.status(status.code).designations
        return status._replace(designations=(*status.designations, *names)) if names else status

    def supplements(self, url: str) -> list[CodeSystem]:
        """Return the supplements of a code system: https://hl7.org/fhir/R4/codesystem.html#supplements."""
        return self._surveyed().supplements.get(url, [])

    def _surveyed(self) -> Survey:
        if self._survey is None:
            with self._lock:
                if self._survey is None:
                    loaded = [system for systems in self._extra.values() for system in systems]
                    self._survey = survey(loaded, self.definitions.all("CodeSystem"))
        return self._survey

    def system(self, url: str, version: str = "") -> CodeSystem | Grammar | None:
        """Return a code system: of that version if it is loaded, else the one in force; None where there is none."""
        key = (url, version)
        if key in self._systems:
            return self._systems[key]
        with self._lock:
            if key not in self._systems:
                if len(self._systems) >= MAX_KEPT:
                    self._systems.clear()
                self._systems[key] = self._find_system(url, version)
            return self._systems[key]

    def _find_system(self, url: str, version: str) -> CodeSystem | Grammar | None:
        if url in self._grammars:
            return self._grammars[url]
        loaded = self._extra.get(url, [])
        for system in loaded:
            if not version or system.version == version:
                return system
        resource = self.definitions.find("CodeSystem", f"{url}|{version}" if version else url)
        if resource is None and version:
            return self.system(url)
        if resource is None or resource.get("content") == "not-present":
            return loaded[0] if loaded else listed(url) or (from_resource(resource) if resource else None)
        # a code system found under two canonicals (with and without version) is built once
        own = (url, resource.get("version") or "")
        if own != (url, version) and isinstance(self._systems.get(own), CodeSystem):
            return self._systems[own]
        system = from_resource(resource)
        self._systems[own] = system
        return system

    def systems(self) -> dict[str, tuple[str, ...]]:
        """Return the urls of the code systems that can be asked, each with its known versions, that in force first."""
        found: dict[str, list[str]] = {url: [] for url in self._grammars}
        for url, loaded in self._extra.items():
            found.setdefault(url, []).extend(system.version for system in loaded)
        for resource in self.definitions.all("CodeSystem"):
            url = str(resource.get("url") or "")
            if url and resource.get("content") not in ("not-present", "supplement"):
                own = self.definitions.entry("CodeSystem", url)
                at = len(found.setdefault(url, []))
                version = resource.get("version") or ""
                found[url].insert(0 if own and own.version == version and url not in self._extra else at, version)
        return {url: tuple(dict.fromkeys(filter(None, versions))) for url, versions in found.items()}

    def has_system(self, url: str) -> bool:
        """Whether a code system can be asked: it is loaded, wholly or in part, or follows a grammar."""
        found = self.system(url)
        return found is not None and not (isinstance(found, CodeSystem) and found.content == "not-present")

    def extended(self, resources: Sequence[dict[str, Any]]) -> Terminology:
        """Return a terminology that also has these CodeSystems, ValueSets and ConceptMaps."""
        systems = [from_resource(one) for one in resources if one.get("resourceType") == "CodeSystem"]
        others = [one for one in resources if one.get("resourceType") != "CodeSystem"]
        extra = [system for loaded in self._extra.values() for system in loaded]
        return Terminology(
            self.definitions, [*systems, *extra], value_sets=[*others, *self._resources], is_unit=self._is_unit
        )

    def value_set(self, canonical: str) -> dict[str, Any] | None:
        """Return a value set by canonical url; of another version where that one is not loaded.

        Also one that nobody publishes but a code system implies (implicit.py).
        """
        return self.resource("ValueSet", canonical) or implied(canonical, self._surveyed().value_sets)

    def resource(self, kind: str, canonical: str) -> dict[str, Any] | None:
        """Return a ValueSet or ConceptMap, the operator's first; of another version where that one is not loaded."""
        url, _, version = canonical.partition("|")
        for resource in self._resources:
            matches = resource.get("resourceType") == kind and resource.get("url") == url
            if matches and (not version or resource.get("version") == version):
                return resource
        return self.definitions.find(kind, canonical) or (self.resource(kind, url) if version else None)

    def all(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield every resource of a kind, the operator's first."""
        yield from (resource for resource in self._resources if resource.get("resourceType") == kind)
        yield from self.definitions.all(kind)

    def matcher(self, canonical: str) -> Matcher:
        """Return a compiled value set; one that cannot be used answers UNKNOWN, and why."""
        matcher = self._matchers.get(canonical)
        if matcher is not None:
            return matcher
        with self._lock:
            matcher = self._matchers.get(canonical)
            if matcher is None:
                matcher = self._compile_named(canonical)
                if len(self._matchers) >= MAX_KEPT:
                    self._matchers.clear()
                self._matchers[canonical] = matcher
            return matcher

    def _compile_named(self, canonical: str) -> Matcher:
        resource = self.value_set(canonical)
        if resource is None:
            return Matcher(canonical, broken=unknown("value-set-not-loaded", lambda: _say_missing(canonical)))
        return self.compile(resource)

    def compile(self, resource: dict[str, Any]) -> Matcher:
        """Compile a value set that need not be loaded, such as one posted in a request."""
        try:
            return self._compile(resource)
        except (AttributeError, TypeError, ValueError, KeyError):
            # what an operator loads, or a client sends, need not have the shape of a value set
            named = str(resource.get("url"))
            return Matcher(named, broken=unknown("value-set-unusable", lambda: _say_malformed(named)))

    def _compile(self, resource: dict[str, Any]) -> Matcher:
        named = canonical_of(resource)
        trouble = self._trouble(resource)
        if trouble:
            return Matcher(named, broken=trouble)
        compose = resource.get("compose") or {"include": includes_of_expansion(resource)}
        if not compose.get("include"):
            return Matcher(named, broken=unknown("value-set-unusable", lambda: _say_empty(named)))
        active_only = compose.get("inactive") is False
        parts = {
            kind: [
                Include(self, part, [self.matcher(one) for one in part.get("valueSet") or ()], active_only=active_only)
                for part in compose.get(kind) or ()
            ]
            for kind in ("include", "exclude")
        }
        stored: list[Include] = []
        if resource.get("compose") and any(part.doubt for part in parts["include"]):
            stored = [Include(self, part, []) for part in includes_of_expansion(resource)]
        made = Matcher(named, [*parts["include"], *stored], parts["exclude"])
        if made.weight > MAX_WEIGHT:
            return Matcher(named, broken=unknown("value-set-unusable", lambda: _say_too_many(named)))
        return made

    def _trouble(self, resource: dict[str, Any]) -> Membership | None:
        """Return why the imports of a value set make it unusable: it imports itself, or too many levels of others."""
        own = canonical_of(resource)
        seen: set[str] = set()
        level = imports_of(resource)
        for _ in range(MAX_IMPORTS):
            below: list[str] = []
            for canonical in level:
                imported = self.value_set(canonical)
                if imported is None:
                    continue
                named = canonical_of(imported)
                if named == own:
                    return unknown("value-set-unusable", lambda: _say_cyclic(own, canonical))  # noqa: B023 - returned at once
                if named not in seen:
                    seen.add(named)
                    below.extend(imports_of(imported))
            level = below
            if not level:
                return None
        return unknown("value-set-unusable", lambda: _say_too_deep(own))


def canonical_of(resource: dict[str, Any]) -> str:
    """Return `url|version` of a definition."""
    url, version = resource.get("url") or "", resource.get("version")
    return f"{url}|{version}" if version else url


def imports_of(resource: dict[str, Any]) -> list[str]:
    """Return the canonicals of the value sets that a value set imports."""
    compose = resource.get("compose") or {}
    return [
        canonical
        for kind in ("include", "exclude")
        for part in compose.get(kind) or ()
        for canonical in part.get("valueSet") or ()
    ]


def _say_missing(canonical: str) -> Text:
    return Text(
        f"Le jeu de valeurs {canonical} n'est pas chargé sur ce serveur.",
        f"The value set {canonical} is not loaded on this server.",
    )


def _say_malformed(named: str) -> Text:
    return Text(
        f"Le jeu de valeurs {named} est mal formé : validez-le ($validate) et corrigez-le.",
        f"The value set {named} is malformed: validate it ($validate) and mend it.",
    )


def _say_empty(named: str) -> Text:
    return Text(
        f"Le jeu de valeurs {named} n'a ni définition (compose) ni expansion.",
        f"The value set {named} has neither a definition (compose) nor an expansion.",
    )


def _say_cyclic(own: str, by: str) -> Text:
    return Text(
        f"Le jeu de valeurs {own} s'importe lui-même (par {by}) : il ne peut pas être évalué.",
        f"The value set {own} imports itself (through {by}): it cannot be evaluated.",
    )


def _say_too_many(own: str) -> Text:
    return Text(
        f"Le jeu de valeurs {own} en importe d'autres plus de {MAX_WEIGHT} fois en tout.",
        f"The value set {own} imports others more than {MAX_WEIGHT} times in all.",
    )


def _say_too_deep(own: str) -> Text:
    return Text(
        f"Le jeu de valeurs {own} en importe d'autres sur plus de {MAX_IMPORTS} niveaux.",
        f"The value set {own} imports others over more than {MAX_IMPORTS} levels.",
    )

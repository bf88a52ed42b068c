"""References: how they are written, what they lead to, and what profiles ask of the target.

https://hl7.org/fhir/R4/references.html. What lies outside of the resource or Bundle is not resolved here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fhirserver.validation.resources.resolution import entry_around, entry_url
from fhirserver.validation.run import Path, Run, Silent, Step
from fhirserver.validation.texts import references as texts

if TYPE_CHECKING:
    from fhirserver.validation.kit import Kit
    from fhirserver.validation.profiles.tree import Element
    from fhirserver.validation.resources.resolution import Target

_TYPED: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_ILLEGAL: Final = re.compile(r"[\s<>\"{}\\^`\x00-\x1f]")
_ANY: Final = frozenset({"Resource", "DomainResource"})


def typed(reference: str, resource_types: frozenset[str]) -> str | None:
    """Return the resource type that a reference's text names (`Patient/1`), None where it names none."""
    name, slash, _ = reference.partition("/")
    if slash and name in resource_types and "?" not in reference:
        return name
    if "?" in reference:
        name = reference.partition("?")[0]
        return name if name in resource_types else None
    match = _TYPED.fullmatch(reference)
    return match[1] if match and match[1] in resource_types else None


def reference_format(value: Any, path: Path, run: Run) -> None:
    """Judge how a Reference is written, whatever its target."""
    reference = value.get("reference")
    stated = value.get("type")
    if (
        type(stated) is str
        and stated
        and ":" not in stated
        and stated not in run.kit.resource_types
        and stated not in _ANY
    ):
        run.error("code-invalid", (path, "type", -1), "reference-type", texts.type_unknown(stated))
    if type(reference) is not str or not reference:
        return
    if _ILLEGAL.search(reference):
        run.error("value", (path, "reference", -1), "reference-format", texts.malformed(reference))
    elif reference[0] == "#" and reference != "#" and run.resolve(value) is None:
        is_entry = _among_entries(run, reference[1:])
        run.error("not-found", path, "ref-1", texts.contained_missing(reference, in_bundle=is_entry))


def quietly_written(value: Any, _run: Run) -> bool:
    """Return whether a Reference is surely written as it should be."""
    reference = value.get("reference")
    if reference is None:
        return "type" not in value
    return (
        type(reference) is str and reference[:1] != "#" and "type" not in value and _ILLEGAL.search(reference) is None
    )


def _among_entries(run: Run, wanted: str) -> bool:
    scope = run.scope
    while scope is not None:
        if scope.resource.get("resourceType") == "Bundle":
            entries = scope.resource.get("entry")
            return isinstance(entries, list) and any(
                isinstance(one, dict) and isinstance(one.get("resource"), dict) and one["resource"].get("id") == wanted
                for one in entries
            )
        if scope.parent is None:
            return False
        scope = scope.parent
    return False


class _Wanted(NamedTuple):
    """What an element asks of the target of its reference.

    Attributes:
        allowed: target profiles by resource type.
        profiled: those of them that ask for more than a type.
        anything: whether any type will do.
        aggregation: where the target may be: `contained`, `bundled`, `referenced`; empty for anywhere.
        versioning: `specific` or `independent` where the reference must or must not name a version; else `either`.
        origin: profile and element.
    """

    allowed: dict[str, list[str]]
    profiled: frozenset[str]
    anything: bool
    aggregation: tuple[str, ...]
    versioning: str
    origin: str


def _wanted(kit: Kit, element: Element, one_type: dict[str, Any]) -> _Wanted:
    allowed: dict[str, list[str]] = {}
    profiled: set[str] = set()
    complete = True
    for canonical in one_type.get("targetProfile", ()):
        structure = kit.definitions.structure(canonical)
        if structure is None:
            complete = False
            continue
        allowed.setdefault(structure.get("type") or "Resource", []).append(canonical)
        if structure.get("derivation") == "constraint":
            profiled.add(canonical)
    anything = not allowed or not complete or bool(_ANY & allowed.keys())
    aggregation = tuple(sorted(one_type.get("aggregation", ())))
    versioning = one_type.get("versioning", "either")
    return _Wanted(allowed, frozenset(profiled), anything, aggregation, versioning, element.origin)


def target_step(kit: Kit, element: Element, one_type: dict[str, Any]) -> Step:
    """Return the check of what an element's reference leads to: type, profile, aggregation."""
    wanted = _wanted(kit, element, one_type)
    allowed, names, origin = wanted.allowed, sorted(wanted.allowed), wanted.origin
    types = kit.resource_types

    def check(value: Any, path: Path, run: Run) -> None:
        reference, stated = value.get("reference"), value.get("type")
        if type(stated) is not str or stated not in types:
            stated = None
        found, target = stated, None
        if type(reference) is str and reference:
            target = _look(wanted, value, reference, path, run)
            found = target.resource.get("resourceType") if target else typed(reference, types)
            if type(found) is not str:
                found = stated
            elif stated is not None and stated != found:
                run.error("value", path, "reference-type", texts.type_differs(stated, found))
            if target is None:
                _judge_form(reference, path, run, names_type=found is not None)
        if found is None or wanted.anything:
            return
        if found not in allowed:
            run.error("value", path, "reference-target", texts.wrong_target(found, names, origin))
        elif target is not None and wanted.profiled:
            _judge_profiles(wanted, allowed[found], target, path, run)

    return Step(check, _right_target(wanted, types))


def _leads_nowhere(reference: str) -> bool:
    """Return whether a reference is relative and yet no `[type]/[id]` (https://hl7.org/fhir/R4/references.html#literal)."""
    return reference[0] != "#" and ":" not in reference and _ILLEGAL.search(reference) is None


def _judge_form(reference: str, path: Path, run: Run, *, names_type: bool) -> None:
    """Judge the form of a relative reference to what is not at hand."""
    if _is_misplaced(reference, run):
        run.error("value", path, "reference-format", texts.no_type(reference))
    elif not names_type and _leads_nowhere(reference):
        run.warn("value", (path, "reference", -1), "reference-format", texts.no_type(reference))


def _is_misplaced(reference: str, run: Run) -> bool:
    """Return whether a relative reference in an entry cannot be resolved against the entry's fullUrl.

    https://hl7.org/fhir/R4/bundle.html#references: `[type]/[id]`, maybe with a version; criteria in transactions alone.
    """
    if run.lone or not run.options.references or not _leads_nowhere(reference.partition("?")[0] or "#"):
        return False
    entry = entry_around(run.scope)
    if reference.count("/") in (1, 3) or entry is None or entry.parent is None or ":" not in (entry_url(entry) or ""):
        return False  # a fullUrl that is missing or relative is the fault to be told
    return "?" not in reference or entry.parent.resource.get("type") != "transaction"


def _right_target(wanted: _Wanted, types: frozenset[str]) -> Silent:
    """Return the test for a reference that names an allowed type, and leads to nothing that must be looked at."""
    anywhere = not wanted.aggregation and wanted.versioning == "either"
    right = types if wanted.anything else types & wanted.allowed.keys()

    def silent(value: Any, run: Run) -> bool:
        reference = value.get("reference")
        if type(reference) is not str or "type" in value or (run.options.references and not (run.lone and anywhere)):
            return False
        name, slash, _ = reference.partition("/")
        return slash != "" and name in right and "?" not in reference

    return silent


def _look(wanted: _Wanted, value: dict[str, Any], reference: str, path: Path, run: Run) -> Target | None:
    """Return what a reference leads to, if that is at hand; where it should be and is not, that is an issue."""
    if not run.options.references:
        return None
    target = run.resolve(value) if reference[0] == "#" or not run.lone else None
    if wanted.aggregation:
        mode = "contained" if reference[0] == "#" else "referenced" if target is None else "bundled"
        if mode not in wanted.aggregation and not (mode == "bundled" and "referenced" in wanted.aggregation):
            text = texts.not_here(reference, wanted.aggregation, wanted.origin)
            run.error("not-found", path, "reference-aggregation", text)
    versioned = "/_history/" in reference
    if wanted.versioning != "either" and reference[0] != "#" and versioned != (wanted.versioning == "specific"):
        text = texts.wrong_version(reference, wanted.versioning, wanted.origin)
        run.error("value", (path, "reference", -1), "reference-versioning", text)
    return target


def _judge_profiles(wanted: _Wanted, canonicals: list[str], target: Target, path: Path, run: Run) -> None:
    """Judge a target at hand: it meets one of the profiles asked for."""
    for canonical in canonicals:
        if canonical not in wanted.profiled or run.conforms(target.resource, canonical, target.path):
            return
    why = run.why_not(target.resource, canonicals[0], target.path)
    text = texts.wrong_profile(canonicals, why, wanted.origin)
    run.add(run.options.targets, "value", path, "reference-profile", text)

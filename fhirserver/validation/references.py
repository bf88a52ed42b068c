"""References: how they are written, what they lead to, and what profiles ask of the target.

https://hl7.org/fhir/R4/references.html. What lies outside of the resource or Bundle is not resolved here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fhirserver.definitions import split_canonical
from fhirserver.validation.run import Check, Path, Run
from fhirserver.validation.texts import references as texts

if TYPE_CHECKING:
    from fhirserver.validation.kit import Kit
    from fhirserver.validation.resolution import Target
    from fhirserver.validation.tree import Element

_TYPED: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_ILLEGAL: Final = re.compile(r"[\s<>\"{}\\^`\x00-\x1f]")
_ANY: Final = frozenset({"Resource", "DomainResource"})


def typed(reference: str, resource_types: frozenset[str]) -> str | None:
    """Return the resource type that a reference's text names (`Patient/1`), None where it names none."""
    name = reference.partition("/")[0]
    if name in resource_types and "?" not in reference:
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


def target_step(kit: Kit, element: Element, one_type: dict[str, Any]) -> Check:
    """Return the check of what an element's reference leads to: type, profile, aggregation."""
    canonicals: list[str] = list(one_type.get("targetProfile", ()))
    allowed: dict[str, list[str]] = {}
    complete = True
    for canonical in canonicals:
        structure = kit.definitions.structure(canonical)
        if structure is None:
            complete = False
        else:
            allowed.setdefault(structure.get("type") or "Resource", []).append(canonical)
    anything = not allowed or not complete or bool(_ANY & allowed.keys())
    aggregation = frozenset(one_type.get("aggregation", ()))
    here_only = bool(aggregation) and "referenced" not in aggregation
    origin = element.origin
    names = sorted(allowed)
    profiled = frozenset(
        canonical
        for one in allowed.values()
        for canonical in one
        if not split_canonical(canonical)[0].startswith("http://hl7.org/fhir/StructureDefinition/")
        or (kit.definitions.structure(canonical) or {}).get("derivation") == "constraint"
    )

    def check(value: Any, path: Path, run: Run) -> None:
        reference = value.get("reference")
        if type(reference) is not str or not reference:
            stated = value.get("type")
            if not anything and type(stated) is str and stated in kit.resource_types and stated not in allowed:
                run.error("value", path, "reference-target", texts.wrong_target(stated, names, origin))
            return
        if not run.options.references:
            target = None
            found = typed(reference, kit.resource_types)
        else:
            target = run.resolve(value)
            found = target.resource.get("resourceType") if target else typed(reference, kit.resource_types)
        if here_only and target is None and run.options.references:
            run.error(
                "not-found", path, "reference-aggregation", texts.not_here(reference, sorted(aggregation), origin)
            )
        stated = value.get("type")
        if type(found) is not str:
            found = stated if type(stated) is str and stated in kit.resource_types else None
        elif type(stated) is str and stated in kit.resource_types and stated != found:
            run.error("value", path, "reference-type", texts.type_differs(stated, found))
        if found is None or anything:
            return
        if found not in allowed:
            run.error("value", path, "reference-target", texts.wrong_target(found, names, origin))
        elif target is not None and profiled:
            _judge_profiles(allowed[found], target, path, run)

    def _judge_profiles(wanted: list[str], target: Target, path: Path, run: Run) -> None:
        if any(
            canonical not in profiled or run.conforms(target.resource, canonical, target.path) for canonical in wanted
        ):
            return
        why = run.why_not(target.resource, wanted[0], target.path)
        run.add(run.options.targets, "value", path, "reference-profile", texts.wrong_profile(wanted, why, origin))

    return check

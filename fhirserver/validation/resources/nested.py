"""Resources inside of resources: contained, in Bundle entries, in Parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from fhirserver.validation.elements.formats import json_type
from fhirserver.validation.run import Check, Path, Run
from fhirserver.validation.texts import rules as rule_texts
from fhirserver.validation.texts import structure as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fhirserver.validation.kit import Kit
    from fhirserver.validation.profiles.tree import Element

_ANY: Final = frozenset({"Resource", "DomainResource"})


def resource_value(kit: Kit, element: Element, one_type: dict[str, Any]) -> Check:
    """Return the check of a resource that an element holds."""
    by_type: dict[str, list[str]] = {}
    for one in element.types or [one_type]:
        by_type.setdefault(one["code"], []).extend(one.get("profile", ()))
    anything = bool(_ANY & by_type.keys())
    general = [profile for name in _ANY for profile in by_type.get(name, ())]
    allowed = list(by_type)
    origin = element.origin
    held: Literal["contained", "entry", "inside"] = (
        "contained" if element.name == "contained" else "entry" if element.path == "Bundle.entry.resource" else "inside"
    )

    def check(value: Any, path: Path, run: Run) -> None:
        found = resource_type(value, path, run)
        if found is None:
            return
        if not anything and found not in by_type:
            run.error("value", path, "resource-type", texts.type_not_allowed(found, allowed, origin))
            return
        profiles = by_type.get(found, general)
        with run.within(value, path, held):
            run.judge_resource(value, path, profiles if len(profiles) == 1 else ())
            if len(profiles) > 1:
                _judge_choice(kit, value, path, run, profiles)

    return check


def _judge_choice(kit: Kit, value: dict[str, Any], path: Path, run: Run, profiles: Sequence[str]) -> None:
    """Judge a resource that must meet one of several profiles; one that is not known here may be the one."""
    if all(kit.tree(profile) is not None and not run.conforms(value, profile, path) for profile in profiles):
        why = run.why_not(value, profiles[0], path)
        run.error("value", path, "profile-choice", rule_texts.no_profile(profiles, why))


def resource_type(value: Any, path: Path, run: Run) -> str | None:
    """Return the type of a resource; None, with the finding, where it is not one of R4's."""
    if type(value) is not dict:
        _not_a_resource(value, path, run)
        return None
    found = value.get("resourceType")
    if type(found) is not str or not found:
        run.error("structure", path, "resource-type-missing", texts.resource_type_missing())
        return None
    if found not in run.kit.resource_types:
        run.error(
            "structure", path, "resource-type-unknown", texts.resource_type_unknown(found, run.kit.resource_types)
        )
        return None
    return found


def _not_a_resource(value: Any, path: Path, run: Run) -> None:
    if value is None:
        run.error("structure", path, "json-null", texts.null_unwanted())
    else:
        run.error("structure", path, "json-type", texts.wrong_json_type(json_type(value), "object", "Resource"))

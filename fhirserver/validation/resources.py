"""Judging one resource: its base type, the profiles it claims and those asked for, and the rules of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fhirserver.validation.bundles import bundle_rules
from fhirserver.validation.conformance import search_parameter_rules
from fhirserver.issues import Severity
from fhirserver.validation.run import Check, Path
from fhirserver.validation.special import EVERY_RESOURCE
from fhirserver.validation.texts import rules as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fhirserver.validation.kit import Kit, Profile
    from fhirserver.validation.run import Run

RULES: Final[dict[str, tuple[Check, ...]]] = {"Bundle": (bundle_rules,), "SearchParameter": (search_parameter_rules,)}
"""By resource type, beyond what definitions say."""


def judge_resource(run: Run, resource: dict[str, Any], path: Path, asked: Sequence[str] = ()) -> None:
    """Judge a resource of a known type."""
    kind: str = resource["resourceType"]
    for profile in _in_force(run, resource, path, asked, kind):
        profile.check(resource, path, run)
    judge_kind(run, resource, path)


def judge_kind(run: Run, resource: dict[str, Any], path: Path) -> None:
    """Judge what no definition says: contained resources, Bundles, questionnaires."""
    for step in EVERY_RESOURCE:
        step(resource, path, run)
    for step in RULES.get(resource["resourceType"], ()):
        step(resource, path, run)


def _in_force(run: Run, resource: dict[str, Any], path: Path, asked: Sequence[str], kind: str) -> list[Profile]:
    """Return the profiles to judge by: those asked for and claimed, without the parents of others, or the base type."""
    kit = run.kit
    found: dict[str, Profile] = {}
    meta = resource.get("meta")
    claims = meta.get("profile") if type(meta) is dict else None
    for index, canonical in enumerate(claims if type(claims) is list else ()):
        if type(canonical) is str:
            _add(
                run, found, canonical, ((path, "meta", -1), "profile", index), kind, path, run.options.unknown_profiles
            )
    # a profile asked for and not known is an error where it leaves nothing but the base type to judge by
    unknown: Severity = "warning" if found else run.options.unknown_asked
    for canonical in asked:
        _add(run, found, canonical, path, kind, path, unknown)
    base = kit.profile(kind)
    if base is not None:
        found.setdefault(base.url, base)
    above = {parent for profile in found.values() for parent in profile.parents}
    return [profile for url, profile in found.items() if url not in above]


def _add(  # noqa: PLR0913, PLR0917 - one finding, all that it needs to say
    run: Run, found: dict[str, Profile], canonical: str, at: Path, kind: str, path: Path, unknown: Severity
) -> None:
    profile = run.kit.profile(canonical)
    if profile is None:
        near = renamed(run.kit, canonical)
        run.add(unknown, "not-found", at, "profile-unknown", texts.profile_unknown(canonical, near))
    elif profile.type not in (kind, "Resource", "DomainResource"):
        run.error("invalid", path, "profile-type", texts.profile_wrong_type(canonical, profile.type, kind))
    else:
        found.setdefault(profile.url, profile)


def renamed(kit: Kit, canonical: str) -> str | None:
    """Return the canonical of a loaded profile that the unknown one most likely means: the same name elsewhere."""
    name = canonical.partition("|")[0].rstrip("/").rpartition("/")[2]
    if not name:
        return None
    wanted = _plain(name)
    near = [
        entry.url
        for entry in kit.definitions.entries("StructureDefinition")
        if entry.url != canonical and _plain(entry.url.rpartition("/")[2]) == wanted
    ]
    return near[0] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")

"""Judging one resource: its base type, the profiles it claims and those asked for, and the rules of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fhirserver.issues import IssueCode, Severity, Text
from fhirserver.validation.elements.types import EVERY_RESOURCE
from fhirserver.validation.resources.bundles import bundle_rules
from fhirserver.validation.resources.conformance import search_parameter_rules, structure_definition_rules
from fhirserver.validation.resources.observations import judge_vital_sign
from fhirserver.validation.resources.questionnaires import questionnaire_rules, response_rules
from fhirserver.validation.run import Check, Path
from fhirserver.validation.texts import rules as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fhirserver.validation.kit import Kit, Profile
    from fhirserver.validation.run import Run

RULES: Final[dict[str, tuple[Check, ...]]] = {
    "Bundle": (bundle_rules,),
    "Questionnaire": (questionnaire_rules,),
    "QuestionnaireResponse": (response_rules,),
    "SearchParameter": (search_parameter_rules,),
    "StructureDefinition": (structure_definition_rules,),
}
"""By resource type, beyond what definitions say."""

_MOST_PLANS: Final = 2_000


def judge_resource(run: Run, resource: dict[str, Any], path: Path, asked: Sequence[str] = ()) -> None:
    """Judge a resource of a known type."""
    kind: str = resource["resourceType"]
    profiles = _in_force(run, resource, path, asked, kind)
    for profile in profiles:
        profile.check(resource, path, run)
    if kind == "Observation":
        judge_vital_sign(run, resource, path, profiles)
    judge_kind(run, resource, path)


def judge_kind(run: Run, resource: dict[str, Any], path: Path) -> None:
    """Judge what no definition says: contained resources, Bundles, questionnaires."""
    for step in EVERY_RESOURCE:
        step(resource, path, run)
    for step in RULES.get(resource["resourceType"], ()):
        step(resource, path, run)


class Unusable(NamedTuple):
    """A profile that cannot be judged by.

    Attributes:
        claim: its position in `meta.profile`, None for one that was asked for.
        code: of the issue.
        severity: of the issue; None where the options say.
        text: of the issue.
    """

    claim: int | None
    code: IssueCode
    severity: Severity | None
    text: Text


class Plan(NamedTuple):
    """What a resource of one type with these claims is judged by."""

    profiles: tuple[Profile, ...]
    unusable: tuple[Unusable, ...]


def _in_force(run: Run, resource: dict[str, Any], path: Path, asked: Sequence[str], kind: str) -> tuple[Profile, ...]:
    """Return the profiles to judge by: those asked for and claimed, without the parents of others, or the base type."""
    meta = resource.get("meta")
    stated = meta.get("profile") if type(meta) is dict else None
    claims = (
        tuple(one if type(one) is str else None for one in stated)
        if run.options.claims and type(stated) is list
        else ()
    )
    key = (kind, tuple(asked), claims)
    plan: Plan | None = run.kit.plans.get(key)
    if plan is None:
        plan = _plan(run.kit, *key)
        if len(run.kit.plans) >= _MOST_PLANS:
            run.kit.plans.clear()
        run.kit.plans[key] = plan
    for one in plan.unusable:
        at = path if one.claim is None else ((path, "meta", -1), "profile", one.claim)
        default = run.options.unknown_asked if one.claim is None else run.options.unknown_profiles
        run.add(one.severity or default, one.code, at, "profile", one.text)
    return plan.profiles


def _plan(kit: Kit, kind: str, asked: tuple[str, ...], claims: tuple[str | None, ...]) -> Plan:
    found: dict[str, Profile] = {}
    unusable: list[Unusable] = []
    for claim, canonical in enumerate(claims):
        if canonical is not None:
            _add(kit, found, unusable, canonical, claim, kind)
    for canonical in asked:
        _add(kit, found, unusable, canonical, None, kind)
    # a profile asked for and not known is an error only where it leaves nothing but the base type to judge by
    unusable = [one._replace(severity="warning") if _excused(one, found) else one for one in unusable]
    base = kit.profile(kind)
    if base is not None:
        found.setdefault(base.url, base)
    above = {parent for profile in found.values() for parent in profile.parents}
    return Plan(tuple(profile for url, profile in found.items() if url not in above), tuple(unusable))


def _excused(one: Unusable, found: dict[str, Profile]) -> bool:
    return one.claim is None and one.severity is None and bool(found)


def _add(  # noqa: PLR0913, PLR0917 - one finding, all that it needs to say
    kit: Kit, found: dict[str, Profile], unusable: list[Unusable], canonical: str, claim: int | None, kind: str
) -> None:
    profile = kit.profile(canonical)
    if profile is None:
        text = texts.profile_unknown(canonical, renamed(kit, canonical))
        unusable.append(Unusable(claim, "not-found", None, text))
    elif profile.type not in (kind, "Resource", "DomainResource"):
        text = texts.profile_wrong_type(canonical, profile.type, kind)
        unusable.append(Unusable(claim, "invalid", "error", text))
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

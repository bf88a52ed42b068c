"""The validator: a resource in, issues out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fhirserver.issues import Issue
from fhirserver.validation.kit import Kit
from fhirserver.validation.profiles.compiling import compile_profile
from fhirserver.validation.resources.judging import judge_resource
from fhirserver.validation.resources.nested import resource_type
from fhirserver.validation.run import Options, Path, Run, Scope
from fhirserver.validation.texts import structure as texts

if TYPE_CHECKING:
    from fhirserver.definitions import Definitions
    from fhirserver.fhirpath import Engine
    from fhirserver.terminology import Terminology

_DEFAULT: Final = Options()


class Validator:
    """Judges resources by base types, profiles, invariants and value sets.

    Made once for a set of definitions, then shared by all threads. Profiles compile when they are first used.
    """

    def __init__(self, definitions: Definitions, terminology: Terminology, engine: Engine) -> None:
        self.kit = Kit(definitions, terminology, engine, compile_profile)

    def validate(
        self,
        resource: dict[str, Any],
        profiles: Sequence[str] = (),
        *,
        advised: Sequence[str] = (),
        options: Options = _DEFAULT,
    ) -> list[Issue]:
        """Judge a resource by its base type, what it claims in `meta.profile`, and some profiles more.

        Args:
            resource: as `jsontext.read` gives it.
            profiles: canonical urls, `url` or `url|version`.
            advised: canonical urls of profiles whose breach is a warning, such as drafts.
            options: how deep to look.

        Returns:
            The issues, in the order of the resource's elements; none is stated twice.
        """
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        path: Path = (None, kind if isinstance(kind, str) and kind else "Resource", -1)
        scope = Scope(resource if isinstance(resource, dict) else {}, path, "root", None)
        run = Run(self.kit, options, scope, judge_resource)
        try:
            if resource_type(resource, path, run) is not None:
                judge_resource(run, resource, path, profiles)
                for canonical in advised:
                    _advise(run, resource, path, canonical)
        except RecursionError:
            # nested beyond what jsontext lets in, or profiles that ask for one another without end
            run.scope = scope
            run.error("too-costly", path, "depth", texts.too_deep())
        return list(dict.fromkeys(run.issues)) if len(run.issues) > 1 else run.issues


def _advise(run: Run, resource: dict[str, Any], path: Path, canonical: str) -> None:
    """Note what a profile would refuse, as warnings; what refuses the resource already is not stated again."""
    profile = run.kit.profile(canonical)
    if profile is None or profile.type != resource["resourceType"]:
        return
    known = {(one.expression, one.rule) for one in run.issues if one.refuses}
    for one in run.probe(profile.check, resource, path):
        if one.refuses and (one.expression, one.rule) not in known:
            run.issues.append(replace(one, severity="warning"))

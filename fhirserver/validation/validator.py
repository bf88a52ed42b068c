"""The validator: a resource in, issues out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fhirserver.issues import Issue
from fhirserver.validation.compile import compile_profile
from fhirserver.validation.kit import Kit
from fhirserver.validation.nested import resource_type
from fhirserver.validation.resources import judge_resource
from fhirserver.validation.run import Options, Path, Run, Scope

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
        self, resource: dict[str, Any], profiles: Sequence[str] = (), *, options: Options = _DEFAULT
    ) -> list[Issue]:
        """Judge a resource by its base type, what it claims in `meta.profile`, and some profiles more.

        Args:
            resource: as `jsontext.read` gives it.
            profiles: canonical urls, `url` or `url|version`.
            options: how deep to look.

        Returns:
            The issues, in the order of the resource's elements; none is stated twice.
        """
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        path: Path = (None, kind if isinstance(kind, str) and kind else "Resource", -1)
        scope = Scope(resource if isinstance(resource, dict) else {}, path, "root", None)
        run = Run(self.kit, options, scope, judge_resource)
        if resource_type(resource, path, run) is not None:
            judge_resource(run, resource, path, profiles)
        return list(dict.fromkeys(run.issues)) if len(run.issues) > 1 else run.issues

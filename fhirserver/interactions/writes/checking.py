"""Is this resource fit to be stored: validation against what the policy asks of its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from fhirserver.errors import InvalidResource
from fhirserver.issues import Issue, Severity
from fhirserver.validation import STRUCTURE_ONLY, Options, Validator
from fhirserver.validation.policy import Policy

_READABLE: Final = replace(STRUCTURE_ONLY, claims=False)


class Checker:
    """Validates resources by the policy in force."""

    def __init__(
        self, validator: Validator, policy: Policy, *, enabled: bool = True, refuse_unknown_profiles: bool = False
    ) -> None:
        self._validator = validator
        self.policy = policy
        self._enabled = enabled
        unknown: Severity = "error" if refuse_unknown_profiles else "warning"
        self._options = Options(claims=policy.claims, unknown_profiles=unknown, vital_signs="warning")

    def check(self, resource: dict[str, Any]) -> list[Issue]:
        """Return warnings and notes.

        Raises:
            InvalidResource: an issue refuses the resource: 400 when it is not readable, 422 otherwise.
        """
        if not self._enabled:
            return []
        issues = self.issues(resource)
        if any(issue.refuses for issue in issues):
            # what has to be mended comes first
            raise InvalidResource(sorted(issues, key=lambda issue: not issue.refuses))
        return issues

    def asks(self, resource: dict[str, Any], profile: str) -> bool:
        """Tell whether the policy holds a resource to a profile, by its type or by its own claim."""
        if not self._enabled or profile in self.policy.profiles(resource):
            return True
        meta = resource.get("meta")
        claimed = meta.get("profile") if isinstance(meta, dict) else None
        return self.policy.claims and isinstance(claimed, list) and profile in claimed

    def require_readable(self, *resources: dict[str, Any]) -> None:
        """Require resources without elements that their types do not have, and without wrong JSON types.

        Raises:
            InvalidResource: names the elements that cannot be read as FHIR.
        """
        found = [issue for each in resources for issue in self._validator.validate(each, options=_READABLE)]
        unreadable = [issue for issue in found if issue.refuses and issue.code == "structure"]
        if unreadable:
            raise InvalidResource(unreadable)

    def issues(self, resource: dict[str, Any], profiles: Sequence[str] = ()) -> list[Issue]:
        """Return all findings against the policy and further profiles, refusing none."""
        return self._validator.validate(
            resource,
            (*self.policy.profiles(resource), *profiles),
            options=self._options,
            advised=self.policy.advised(resource),
        )

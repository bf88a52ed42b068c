"""What is wrong with a request or a resource, said once and in two languages.

An `Issue` becomes an `OperationOutcome.issue` (https://hl7.org/fhir/R4/operationoutcome.html) at the edge;
below it, every room speaks of failures in these terms only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["fatal", "error", "warning", "information"]
Language = Literal["fr", "en"]

IssueCode = Literal[
    "invalid", "structure", "required", "value", "invariant",
    "security", "login", "unknown", "expired", "forbidden", "suppressed",
    "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long",
    "code-invalid", "extension", "too-costly", "business-rule", "conflict",
    "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled",
    "informational",
]  # fmt: skip
"""http://hl7.org/fhir/issue-type. `structure` means: not readable as FHIR of that type (HTTP 400);
every other code of an invalid resource means: readable, but breaks a rule (HTTP 422)."""


class Text(NamedTuple):
    """One message in both languages of the server."""

    fr: str
    en: str

    def say(self, language: Language) -> str:
        """Return the text in one language."""
        return self.en if language == "en" else self.fr


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding, at one element.

    Attributes:
        severity: as in OperationOutcome.
        code: as in OperationOutcome (http://hl7.org/fhir/issue-type).
        text: what was found, what was expected, how to mend it.
        expression: FHIRPath of the element, such as `Patient.name[0].family`; None where no element is at fault.
        rule: where the rule comes from: a short key of ours (`cardinality-min`) or `profile-url#constraint-key`.
    """

    severity: Severity
    code: IssueCode
    text: Text
    expression: str | None = None
    rule: str | None = None

    @property
    def refuses(self) -> bool:
        """Whether a resource with this issue must not be stored."""
        return self.severity in ("error", "fatal")

"""Findings become OperationOutcomes (https://hl7.org/fhir/R4/operationoutcome.html).

`details.text` is in the caller's language, `diagnostics` in the other one of the server's two, `expression` names
the element, and `details.coding` the rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fhirserver.issues import Issue, Language, Text

RULES: Final = "urn:fhirserver:rules"
ALL_OK: Final = Issue("information", "informational", Text("Tout est correct.", "All is well."))
INTERNAL: Final = Issue(
    "fatal",
    "exception",
    Text(
        "Erreur interne du serveur ; elle est consignée sous l'identifiant de cette requête (X-Request-Id).",
        "Internal error of the server; it is logged under this request's id (X-Request-Id).",
    ),
)
"""All that is told about a failure of our own."""
_MOST: Final = 2_000
"""Findings that one answer tells: what is sent to be checked may have any number of them."""
_LONGEST: Final = 2000
"""Characters of a message, or of an expression."""


def outcome(issues: Iterable[Issue], language: Language) -> dict[str, Any]:
    """Return an OperationOutcome of these findings; one that says all is well when there are none."""
    other: Language = "fr" if language == "en" else "en"
    return {
        "resourceType": "OperationOutcome",
        "issue": [_element(issue, language, other) for issue in _told(list(issues) or [ALL_OK])],
    }


def _told(issues: list[Issue]) -> list[Issue]:
    """Return as many findings as somebody can mend, those that refuse before others, and how many there are more."""
    if len(issues) <= _MOST + 1:  # one more takes no more room than to say that there is one
        return issues
    rest = len(issues) - _MOST
    more = Text(f"… et {rest} autres constats.", f"… and {rest} other findings.")
    return [*sorted(issues, key=lambda issue: not issue.refuses)[:_MOST], Issue("information", "incomplete", more)]


def _element(issue: Issue, language: Language, other: Language) -> dict[str, Any]:
    details: dict[str, Any] = {"text": _clean(issue.text.say(language))}
    if issue.rule:
        details = {"coding": [{"system": RULES, "code": _clean(issue.rule)}], **details}
    element: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": details,
        "diagnostics": _clean(issue.text.say(other)),
    }
    if issue.expression:
        element["expression"] = [_clean(issue.expression)]
    return element


def _clean(text: str) -> str:
    """Replace what a FHIR string may not hold, and cut what is beyond reason: a message may cite bad input."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() or character in "\t\r\n" else "�" for character in text)

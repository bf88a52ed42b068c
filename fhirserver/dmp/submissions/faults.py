"""Findings of the checks on documents, each made in one line."""

from __future__ import annotations

from fhirserver.issues import Issue, IssueCode, Text


def fault(expression: str, rule: str, fr: str, en: str, code: IssueCode = "business-rule") -> Issue:
    """Return an error at an element."""
    return Issue("error", code, Text(fr, en), expression, rule)


def warning(expression: str, rule: str, fr: str, en: str, code: IssueCode = "business-rule") -> Issue:
    """Return a warning at an element."""
    return Issue("warning", code, Text(fr, en), expression, rule)

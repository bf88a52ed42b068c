"""Failures of one operation among several."""

from __future__ import annotations

from fhirserver.errors import Failure
from fhirserver.issues import Issue, Text


def at_operation(failure: Failure, number: int) -> Failure:
    """Return the failure of an operation with its number said first.

    Args:
        failure: what the operation failed with.
        number: of the operation, from 0; people read it from 1.
    """
    issues = [
        Issue(
            issue.severity,
            issue.code,
            Text(f"Opération {number + 1} : {issue.text.fr}", f"Operation {number + 1}: {issue.text.en}"),
            issue.expression,
            issue.rule,
        )
        for issue in failure.issues
    ]
    return type(failure)(issues[0].text, issues=issues)

"""What an OperationOutcome tells."""

from __future__ import annotations

from fhirserver.interactions.shown.outcomes import outcome
from fhirserver.issues import Issue, Text


def test_thousands_of_findings_are_told_as_far_as_somebody_can_mend_them_and_what_refuses_first() -> None:
    warnings = [Issue("warning", "value", Text("a", "b"), f"Observation.note[{at}]") for at in range(2_500)]
    refusing = Issue("error", "structure", Text("c", "d"), "Observation.nom")
    told = outcome([*warnings, refusing], "fr")["issue"]
    assert told[0]["expression"] == ["Observation.nom"]
    assert len(told) == 2_001
    assert told[-1]["details"]["text"] == "… et 501 autres constats."
    assert told[-1]["severity"] == "information"
    assert len(outcome(warnings[:2_000], "fr")["issue"]) == 2_000
    assert "expression" in outcome(warnings[:2_001], "fr")["issue"][-1]

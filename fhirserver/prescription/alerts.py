"""What a rule has to say about a prescription: blocking, to be confirmed with a reason, or for information."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from fhirserver.issues import Issue, Severity, Text


class Level(StrEnum):
    """How much an alert weighs."""

    BLOCKING = "blocking"
    CONFIRM = "confirm"
    INFORMATION = "information"


_SEVERITY: Final[dict[Level, Severity]] = {
    Level.BLOCKING: "error",
    Level.CONFIRM: "warning",
    Level.INFORMATION: "information",
}
_ORDER: Final = {level: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Alert:
    """One finding of one rule.

    Attributes:
        rule: a short key, such as `maximum-duration`; a confirmation names it.
        level: how much it weighs.
        text: what was found and how to mend it.
        expression: FHIRPath of the element.
        source: the regulation it comes from.
        confirmed: whether a reason was given for it.
    """

    rule: str
    level: Level
    text: Text
    expression: str | None = None
    source: str = ""
    confirmed: bool = False

    def settled(self, given: Container[str]) -> Alert:
        """Return it as confirmed where its rule is among those that a reason was given for."""
        return replace(self, confirmed=True) if self.rule in given else self

    def issue(self) -> Issue:
        """As an Issue; one to be confirmed refuses until it is."""
        severity = _SEVERITY[self.level]
        text = self.text
        if self.level is Level.CONFIRM and not self.confirmed:
            severity = "error"
            text = Text(
                f"{text.fr} À confirmer avec un motif (extension confirmed-alert, règle {self.rule}).",
                f"{text.en} To be confirmed with a reason (extension confirmed-alert, rule {self.rule}).",
            )
        if self.source:
            text = Text(f"{text.fr} [{self.source}]", f"{text.en} [{self.source}]")
        return Issue(severity, "business-rule", text, self.expression, f"prescription-{self.rule}")


def ordered(alerts: Iterable[Alert]) -> list[Alert]:
    """Blocking ones first, in the order of their elements otherwise kept."""
    return sorted(alerts, key=lambda alert: _ORDER[alert.level])


def refusing(alerts: Iterable[Alert]) -> list[Issue]:
    """The issues for which a prescription or a delivery is refused: blocking ones, and those not yet confirmed."""
    return [
        alert.issue()
        for alert in alerts
        if alert.level is Level.BLOCKING or (alert.level is Level.CONFIRM and not alert.confirmed)
    ]


def parameters(alerts: Iterable[Alert], outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of `$check-prescription`: the OperationOutcome as `return`, and each alert as an `alert`.

    Args:
        alerts: what the rules found.
        outcome: the same as an OperationOutcome, made by the edge in the caller's language.
    """
    found = [
        {
            "name": "alert",
            "part": [
                {"name": "rule", "valueCode": alert.rule},
                {"name": "level", "valueCode": str(alert.level)},
                {"name": "text", "valueString": alert.text.fr},
                {"name": "text-en", "valueString": alert.text.en},
                *([{"name": "expression", "valueString": alert.expression}] if alert.expression else []),
                *([{"name": "source", "valueString": alert.source}] if alert.source else []),
            ],
        }
        for alert in alerts
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": dict(outcome)}, *found]}

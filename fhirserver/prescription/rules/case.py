"""One line under examination: what every rule of prescribing is asked with, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from fhirserver.issues import Text
from fhirserver.prescription.alerts import Alert, Level
from fhirserver.prescription.facts import Facts
from fhirserver.prescription.lines import Line
from fhirserver.prescription.rules.tables import Medicine, Tables


@dataclass(frozen=True)
class Case:
    """A line, the facts and the tables."""

    line: Line
    facts: Facts
    tables: Tables

    @property
    def on(self) -> date:
        """The day whose law holds: that of drafting; today where it is missing."""
        return self.line.drafted or self.facts.on

    @cached_property
    def medicine(self) -> Medicine:
        """What the tables know of its medicine."""
        return self.tables.medicine(self.line)

    @cached_property
    def names(self) -> frozenset[str]:
        """What rows may name it by."""
        return self.tables.names(self.line)

    def blocking(self, rule: str, text: Text, path: str, source: str) -> Alert:
        """An alert for which the prescription is refused."""
        return Alert(rule, Level.BLOCKING, text, self.line.at(path) if path else self.line.location, source)

    def confirm(self, rule: str, text: Text, path: str, source: str) -> Alert:
        """An alert that the prescriber may confirm with a reason."""
        return Alert(rule, Level.CONFIRM, text, self.line.at(path) if path else self.line.location, source)

    def inform(self, rule: str, text: Text, path: str, source: str) -> Alert:
        """An alert for information."""
        return Alert(rule, Level.INFORMATION, text, self.line.at(path) if path else self.line.location, source)

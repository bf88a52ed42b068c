"""Faults of guides themselves: what no resource can be held to, or nobody can decide.

A check is a function that looks at some definitions, among all that are loaded, and yields what is wrong with them.
Those of this room are listed here; other rooms and operators add theirs as entry points of the group
`fhirserver.package_checks`, each a mapping from name to check.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Final, NamedTuple

from fhirserver.definitions.cache import Entry
from fhirserver.definitions.loaded import Definitions
from fhirserver.issues import Text

GROUP: Final = "fhirserver.package_checks"


class Fault(NamedTuple):
    """One fault of a guide.

    Attributes:
        check: name of the check that found it.
        package: name and version of the package, such as `hl7.fhir.fr.core#2.1.0`.
        definition: canonical url.
        element: id of the element, or empty.
        text: what is wrong, and what follows from it.
    """

    check: str
    package: str
    definition: str
    element: str
    text: Text


class Finding(NamedTuple):
    """What a check yields: a fault without what is known of it anyway.

    Attributes:
        entry: the definition at fault.
        element: id of the element, or empty.
        text: what is wrong, and what follows from it.
    """

    entry: Entry
    element: str
    text: Text


Check = Callable[[Definitions, Sequence[Entry]], Iterable[Finding]]
"""Takes all definitions, and the entries of those to look at, of any kind, in package order."""


def of_kind(entries: Sequence[Entry], kind: str) -> Iterator[Entry]:
    """Yield the entries of one kind of definition."""
    return (entry for entry in entries if entry.kind == kind)


def all_checks() -> dict[str, Check]:
    """Return every check by name: those of this room, and those that others offer as entry points."""
    from fhirserver.definitions.checks import (  # noqa: PLC0415 - the modules build upon this one
        profiles,
        references,
        slicing,
    )

    checks: dict[str, Check] = {**profiles.CHECKS, **references.CHECKS, **slicing.CHECKS}
    for point in entry_points(group=GROUP):
        offered: Mapping[str, Check] = point.load()
        checks |= offered
    return checks


def run(definitions: Definitions, checks: Mapping[str, Check], only: Collection[str] = ()) -> Iterator[Fault]:
    """Yield the faults that the checks find, check by check, each in package order.

    Args:
        definitions: all that are loaded.
        checks: by name.
        only: names of the packages to look at; none means all.
    """
    entries = [one for one in definitions.entries() if not only or definitions.packages[one.package].name in only]
    for name, check in checks.items():
        for finding in _findings(check, definitions, entries):
            package = str(definitions.packages[finding.entry.package])
            yield Fault(name, package, finding.entry.url or finding.entry.id, finding.element, finding.text)


_MALFORMED: Final = (KeyError, TypeError, AttributeError, ValueError)


def _findings(check: Check, definitions: Definitions, entries: Sequence[Entry]) -> list[Finding]:
    """Return what a check finds; a definition that is not of the form that FHIR says is itself a finding."""
    try:
        return list(check(definitions, entries))
    except _MALFORMED:
        pass
    found: list[Finding] = []
    for entry in entries:
        try:
            found += check(definitions, [entry])
        except _MALFORMED as error:
            text = Text(
                f"Cette définition n'a pas la forme que FHIR prescrit : {error!r}.",
                f"This definition is not of the form that FHIR prescribes: {error!r}.",
            )
            found.append(Finding(entry, "", text))
    return found

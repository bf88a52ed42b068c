"""Literal references to what is not here: refused or told, by the setting `dangling_references`."""

from __future__ import annotations

from typing import Any

from fhirserver.errors import Unprocessable
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes.references import literals, local
from fhirserver.issues import Issue, Text


def check(services: Services, request: Request, resource: dict[str, Any]) -> tuple[Issue, ...]:
    """Return a warning for each local reference that leads nowhere.

    Looked up only when it matters: when the setting refuses, or when the caller asks to be told the findings.

    Raises:
        Unprocessable: the setting refuses them.
    """
    refuses = services.settings.dangling_references == "refuse"
    if not refuses and request.prefer.returning != "OperationOutcome":
        return ()
    wanted: dict[str, tuple[str, str]] = {}
    for path, text in literals(resource, str(resource.get("resourceType"))):
        target = local(text, request.base)
        if target is not None and target[0] in services.types:
            wanted[path] = target
    if not wanted:
        return ()
    there = services.store.read_many(set(wanted.values()))
    issues = []
    for path, target in wanted.items():
        stored = there.get(target)
        if stored is not None and not stored.deleted:
            # whether there is something that its author may not know of is not told
            if services.guards.shows(services, request, stored):
                continue
        elif request.unit is not None and request.unit.exists(*target):
            continue
        issues.append(_issue(path, target, refuses=refuses))
    if issues and refuses:
        raise Unprocessable(issues[0].text, issues=issues)
    return tuple(issues)


def _issue(path: str, target: tuple[str, str], *, refuses: bool) -> Issue:
    kind, identity = target
    return Issue(
        "error" if refuses else "warning",
        "not-found",
        Text(f"{kind}/{identity} n'existe pas ici.", f"{kind}/{identity} is not here."),
        path,
        "dangling-reference",
    )

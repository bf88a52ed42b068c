"""`fhirserver purge`: prescriptions are kept five years from their drafting (décret 2023-1222), and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import click

from fhirserver import app, jsontext
from fhirserver import settings as configuration
from fhirserver.interactions.services import Services
from fhirserver.prescription import lines
from fhirserver.prescription.lines import paris_day
from fhirserver.prescription.rules.calendar import months_after
from fhirserver.prescription.rules.validity import purge_day
from fhirserver.prescription.tasks import View
from fhirserver.store import Store, local
from fhirserver.store.commits import claims
from fhirserver.store.kept.erasing import erase
from fhirserver.workflow import context
from fhirserver.workflow.context import Workflow
from fhirserver.workflow.marks import mark_of

_AT_ONCE = 50_000
_SHORTEST = 48
"""Months of a Task's age from which its lines are looked at; they decide."""


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and erase nothing.")
def purge(*, dry_run: bool) -> None:
    """Erase prescriptions whose time of retention is over, with their versions, prints and receipts.

    Run it daily, and `fhirserver collect` after it; both may run beside the server. MONGODB_URI names the database;
    without it, that of a server of this FHIRSERVER_STATE.
    """
    settings = configuration.read()
    address = local.address(settings.mongodb_uri, settings.state)
    if not address:
        raise click.UsageError("MONGODB_URI is not set: it names the replica set whose prescriptions are looked at.")
    store = Store(address, settings.database)
    try:
        services = app.services(settings, store)
        found = list(due(context.workflow(settings), services, paris_day(context.present())))
        for number, parts in found:
            if not dry_run:
                erase(store, parts, [claims.name("number", number)])
        click.echo(f"{len(found)} prescriptions {'would be ' if dry_run else ''}erased")
    finally:
        store.close()


def due(workflow: Workflow, services: Services, today: date) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield number and parts of each prescription whose retention has ended."""
    limit = months_after(today, -_SHORTEST).isoformat()
    tasks = services.searcher.ids("Task", [("authored-on", f"lt{limit}")], _AT_ONCE)
    parts: dict[str, set[tuple[str, str]]] = {}
    over: dict[str, bool] = {}
    for stored in services.store.read_many([("Task", identity) for identity in tasks]).values():
        mark = mark_of(stored)
        if mark is None or stored.deleted:
            continue
        view = View(jsontext.read(stored.body))
        above = [each["reference"] for each in view.task.get("basedOn", ())]
        groups = [reference for reference in above if reference.startswith("RequestGroup/")]
        named = [*view.lines, *groups, *(entry["valueReference"]["reference"] for entry in view.task.get("output", ()))]
        references = {(kind, identity) for kind, _, identity in (name.partition("/") for name in named)}
        parts.setdefault(mark.number, set()).update({("Task", stored.id), *references})
        over[mark.number] = over.get(mark.number, True) and _is_over(workflow, services, view, today)
    for number, references in parts.items():
        if over[number]:
            yield number, sorted(references)


def _is_over(workflow: Workflow, services: Services, view: View, today: date) -> bool:
    found = services.store.read_many(
        [(kind, identity) for kind, _, identity in (name.partition("/") for name in view.lines)]
    )
    drafted = [day for stored in found.values() if (day := lines.day(jsontext.read(stored.body).get("authoredOn")))]
    return bool(drafted) and today > purge_day(max(drafted), workflow.tables)

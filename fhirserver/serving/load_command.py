"""`fhirserver load`: files into the store, by several processes."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fhirserver import app
from fhirserver import settings as configuration
from fhirserver.interactions.loading import BATCH, Item, Outcome, items
from fhirserver.interactions.loading import load as load_items
from fhirserver.interactions.services import Services
from fhirserver.serving.running import prepare
from fhirserver.serving.worker import keep
from fhirserver.settings import Settings
from fhirserver.store import Store, local
from fhirserver.store.connection import unavailable
from fhirserver.store.loads import Journal
from fhirserver.store.local import LocalMongod, LocalMongodError

_SUFFIXES: Final = (".json", ".ndjson", ".jsonl")
_AHEAD: Final = 3
"""Batches that wait for each process."""
_OF_A_CORE: Final = 2
"""Processes for each core: while one waits for its commit, another one works."""
_SHOWN: Final = 50
_PATIENCE: Final = 90.0
"""Seconds to wait for a database that is away, or for what a load that was killed has left locked (60 s)."""
_BROKEN: Final = (
    "a process that loads was killed (out of memory?); the same command goes on where it was, --workers says how many"
)

_services: list[Services] = []


@click.command()
@click.argument("places", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--workers", type=int, default=0, help="Processes; two for each core unless given.")
@click.option("--no-validation", is_flag=True, help="Store what is readable, without validating it.")
@click.option("--again", is_flag=True, help="Begin anew instead of going on where an earlier run stopped.")
@click.option("--language", type=click.Choice(["fr", "en"]), help="Language of the report.")
def load(places: tuple[Path, ...], workers: int, *, no_validation: bool, again: bool, language: str | None) -> None:
    """Load resources, Bundles and NDJSON from files and folders, and report what cannot be stored.

    It may run beside the server. MONGODB_URI names the database; without it, that of FHIRSERVER_STATE.
    """
    settings = configuration.read()
    if no_validation:
        settings = replace(settings, validation="off")
    address = local.address(settings.mongodb_uri, settings.state)
    if address:
        _load(replace(settings, mongodb_uri=address), _files(places), workers, again=again, language=language)
        return
    try:
        mongod = LocalMongod(settings.state / "mongodb")
    except LocalMongodError as error:
        raise click.ClickException(str(error)) from error
    with mongod:
        _load(replace(settings, mongodb_uri=mongod.uri), _files(places), workers, again=again, language=language)


def _files(places: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            found += sorted(file for file in place.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
        else:
            found.append(place)
    return found


def _load(settings: Settings, files: Sequence[Path], workers: int, *, again: bool, language: str | None) -> None:
    prepare(settings)
    store = Store(settings.mongodb_uri, settings.database)
    try:
        faults = _all(
            settings, files, workers, Journal(store, _fingerprint(files, settings.validation), again=again), language
        )
    except BrokenProcessPool as error:
        raise click.ClickException(_BROKEN) from error
    finally:
        store.close()
    if faults:
        raise SystemExit(1)


def _all(settings: Settings, files: Sequence[Path], workers: int, journal: Journal, language: str | None) -> int:
    """Load what the journal does not have; return how much was refused."""
    console = Console(stderr=True)
    workers = workers or _OF_A_CORE * (os.cpu_count() or 1)
    stored = faults = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        ProcessPoolExecutor(workers, initializer=_begin, initargs=(settings,)) as pool,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("loading", total=sum(_size(file) for file in files))
        for number, size, outcome in _results(pool, files, journal, workers * _AHEAD):
            progress.advance(task, size)
            if outcome is None:
                continue
            if outcome.away:
                raise unavailable()
            stored += outcome.stored
            for place, issues in outcome.faults:
                faults += 1
                if faults <= _SHOWN:
                    text = issues[0].text.say("en" if (language or settings.language) == "en" else "fr")
                    progress.console.print(
                        f"{place}: {issues[0].expression or ''} {text}", markup=False, soft_wrap=True
                    )
            journal.done(number)
    console.print(f"{stored} stored, {faults} refused" + (f" (the first {_SHOWN} shown)" if faults > _SHOWN else ""))
    journal.close()
    return faults


def _results(
    pool: ProcessPoolExecutor, files: Sequence[Path], journal: Journal, ahead: int
) -> Iterator[tuple[int, int, Outcome | None]]:
    """Yield number, size and outcome of each batch as it is done; None for those done in an earlier run."""
    running: dict[Future[Outcome], tuple[int, int]] = {}
    for number, batch in enumerate(_batches(files)):
        if journal.has(number):
            yield number, len(batch), None
            continue
        running[pool.submit(_work, batch)] = (number, len(batch))
        while len(running) >= ahead:
            yield from _finished(running)
    while running:
        yield from _finished(running)


def _finished(running: dict[Future[Outcome], tuple[int, int]]) -> Iterator[tuple[int, int, Outcome]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        number, size = running.pop(future)
        yield number, size, future.result()


def _batches(files: Sequence[Path]) -> Iterator[list[Item]]:
    every = (item for file in files for item in items(file))
    while batch := list(islice(every, BATCH)):
        yield batch


def _size(file: Path) -> int:
    if file.suffix == ".json":
        return 1
    with file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def _fingerprint(files: Sequence[Path], validation: str) -> str:
    told = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    told.append((validation, 0, 0))
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]


def _begin(settings: Settings) -> None:
    _services.append(app.services(settings, Store(settings.mongodb_uri, settings.database)))
    keep()


def _work(batch: list[Item]) -> Outcome:
    until = time.monotonic() + _PATIENCE
    while True:
        outcome = load_items(_services[0], batch)
        if not outcome.away or time.monotonic() > until:
            return outcome
        time.sleep(1)

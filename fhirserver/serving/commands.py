"""`fhirserver serve`, `fhirserver outbox` and `fhirserver settings`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

import click
import orjson

from fhirserver import settings as configuration
from fhirserver.serving.outbox import work
from fhirserver.serving.running import run
from fhirserver.store import Store, local
from fhirserver.store.local import LocalMongodError

_TOLD: Final = ("_id", "kind", "key", "tries", "due", "error")
"""What an operator sees of a task; its body may tell of a patient."""


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--workers", type=int, help="Server processes; one for each core unless given.")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve FHIR over HTTP, with a local MongoDB unless MONGODB_URI names one."""
    try:
        given = {"FHIRSERVER_HOST": host, "FHIRSERVER_PORT": port, "FHIRSERVER_WORKERS": workers}
        named = {name: str(value) for name, value in given.items() if value is not None}
        run(configuration.read({**os.environ, **named}))
    except (configuration.SettingError, LocalMongodError) as error:
        raise click.ClickException(str(error)) from error


@click.command()
@click.option("--failed", is_flag=True, help="Only print the tasks that were set aside, one a line, as JSON.")
@click.option("--again", is_flag=True, help="Only have these tried again.")
def outbox(*, failed: bool, again: bool) -> None:
    """Do what commits leave to be done (prints, expiry, publication), as `serve` does by itself.

    For further machines that only do this. MONGODB_URI names the database; without it, that of a server which runs on
    FHIRSERVER_STATE.
    """
    chosen = configuration.read()
    address = local.address(chosen.mongodb_uri, chosen.state)
    if not address:
        raise click.UsageError("MONGODB_URI is not set: it names the replica set whose outbox is worked through.")
    if not failed and not again:
        work(replace(chosen, mongodb_uri=address))
        return
    store = Store(address, chosen.database)
    try:
        for task in store.outbox.failed() if failed else ():
            click.echo(orjson.dumps({name: task.get(name) for name in _TOLD}, default=str))
        if again:
            click.echo(f"{store.outbox.again()} tasks will be tried again", err=failed)
    finally:
        store.close()


@click.command()
@click.option("--in-force", is_flag=True, help="Show the values that the environment gives instead.")
def settings(*, in_force: bool) -> None:
    """Print all settings, as docs/settings.md has them."""
    if not in_force:
        click.echo(configuration.document(), nl=False)
        return
    for name, value in sorted(configuration.environment(configuration.read(os.environ)).items()):
        secret = name == "FHIRSERVER_CURSOR_SECRET" or ("://" in value and "@" in value)
        shown = "…" if secret else value
        click.echo(f"{name}={shown}")

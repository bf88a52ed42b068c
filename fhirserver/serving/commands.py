"""`fhirserver serve`, `fhirserver outbox` and `fhirserver settings`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import click

from fhirserver import settings as configuration
from fhirserver.serving.outbox import work
from fhirserver.serving.running import run
from fhirserver.store.local import LocalMongodError


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--workers", type=int, help="Server processes; one for each core unless given.")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve FHIR over HTTP, with a local MongoDB unless MONGODB_URI names one."""
    try:
        chosen = configuration.read()
        given: dict[str, Any] = {"host": host, "port": port, "workers": workers}
        chosen = replace(chosen, **{name: value for name, value in given.items() if value is not None})
        run(chosen)
    except (configuration.SettingError, LocalMongodError) as error:
        raise click.ClickException(str(error)) from error


@click.command()
def outbox() -> None:
    """Do what commits leave to be done (prints, expiry, publication), as `serve` does by itself.

    For further machines that only do this: MONGODB_URI names the database.
    """
    try:
        chosen = configuration.read()
    except configuration.SettingError as error:
        raise click.ClickException(str(error)) from error
    if not chosen.mongodb_uri:
        raise click.UsageError("MONGODB_URI is not set: it names the replica set whose outbox is worked through.")
    work(chosen)


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

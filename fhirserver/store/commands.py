"""`fhirserver collect`: remove content that nothing uses any more."""

from __future__ import annotations

import click

from fhirserver import settings
from fhirserver.store.store import Store


@click.command()
def collect() -> None:
    """Remove content that no version uses, and uploads that no commit kept, after a day of grace.

    Run it daily; it may run beside the server. MONGODB_URI names the database.
    """
    read = settings.read()
    if not read.mongodb_uri:
        raise click.UsageError("MONGODB_URI is not set: it names the replica set whose content is to be collected.")
    store = Store(read.mongodb_uri, read.database)
    try:
        click.echo(f"{store.files.collect()} contents removed")
    finally:
        store.close()

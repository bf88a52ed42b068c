"""`fhirserver collect`: remove content that nothing uses any more. `fhirserver audit`: who did what, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import orjson

from fhirserver import settings
from fhirserver.store import local
from fhirserver.store.kept import trail
from fhirserver.store.store import Store


@click.command()
def collect() -> None:
    """Remove content that no version uses, and uploads that no commit kept, after a day of grace.

    Run it daily; it may run beside the server. MONGODB_URI names the database; without it, that of a server of this
    FHIRSERVER_STATE.
    """
    store = _opened("whose content is to be collected")
    try:
        click.echo(f"{store.files.collect()} contents removed")
    finally:
        store.close()


@click.command()
@click.option("--since", type=click.DateTime(), help="From this moment (UTC); 24 hours before --until if absent.")
@click.option("--until", type=click.DateTime(), help="To before this moment (UTC); now if absent.")
@click.option("--resource", metavar="TYPE/ID", help="Only accesses to this resource.")
@click.option("--by", "person", metavar="ID", help="Only accesses of this RPPS, structure, INS, subject or client.")
def audit(since: datetime | None, until: datetime | None, resource: str | None, person: str | None) -> None:
    """Print the audit trail, an access a line, as JSON: reads, searches, refusals and writes, the oldest first.

    MONGODB_URI names the database; without it, that of a server of this FHIRSERVER_STATE. A span of some days is read
    at once; the filters look at each access in it.
    """
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    begin = since.replace(tzinfo=UTC) if since else end - timedelta(days=1)
    if begin >= end:
        raise click.BadParameter("it must lie before --until", param_hint="--since")
    store = _opened("whose audit trail is to be read")
    try:
        for access in trail.between(store.database, begin, end):
            if trail.concerns(access, resource, person):
                click.echo(orjson.dumps(access, default=str))
    finally:
        store.close()


def _opened(purpose: str) -> Store:
    read = settings.read()
    address = local.address(read.mongodb_uri, read.state)
    if not address:
        raise click.UsageError(f"MONGODB_URI is not set: it names the replica set {purpose}.")
    return Store(address, read.database)

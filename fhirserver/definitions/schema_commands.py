"""`fhirserver profile schema URL`: what a profile asks, as a JSON Schema for an editor's own tools."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from fhirserver import settings as server_settings
from fhirserver.definitions.packages import PackageError
from fhirserver.definitions.pinned.inforce import in_force
from fhirserver.definitions.pinned.lock import LockError
from fhirserver.definitions.schema import SchemaError, profile_schema


@click.group()
def profile() -> None:
    """Profiles in forms that other tools understand."""


@profile.command("schema")
@click.argument("url")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def schema_command(url: str, output: Path | None) -> None:
    """Write the JSON Schema (draft 2020-12) of a profile, by canonical URL, or of a type (`Patient`).

    It checks cardinality, types, values, codes and slices. Invariants and references are checked by the server
    ($validate) only; what the schema refuses, the server refuses too.
    """
    try:
        schema = profile_schema(in_force(server_settings.read()), url)
    except (SchemaError, PackageError, LockError) as error:
        raise click.ClickException(str(error)) from error
    text = orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if output:
        output.write_bytes(text)
    else:
        click.echo(text, nl=False)

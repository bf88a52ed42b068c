"""`fhirserver terminology`: load nomenclatures, and see what is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fhirserver import settings
from fhirserver.errors import Failure
from fhirserver.terminology.library import Library, Loaded
from fhirserver.terminology.loading import Columns


@click.group()
def terminology() -> None:
    """Load code systems, value sets and concept maps, and list them."""


@terminology.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--system", "url", help="Canonical url of the code system (for CSV, and NDJSON of concepts).")
@click.option("--version", help="Version of the code system.")
@click.option("--title", help="Name of the code system.")
@click.option("--language", help="Language of its names, such as fr.")
@click.option("--fragment", is_flag=True, help="The file has only a part of the codes: others are not refused.")
@click.option("--ignore-case", is_flag=True, help="Codes are the same in upper and lower case.")
@click.option(
    "--code", default="code", help="Column of the code: its name, or its number from 1 if there is no header."
)
@click.option("--display", default="display", help="Column of the name.")
@click.option("--parent", default="parent", help="Column of the parent's code.")
@click.option("--status", default="status", help="Column of the status: inactive, retired, deleted… close a code.")
@click.option("--end", default="end", help="Column of the date after which a code is closed.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to keep it.")
def load(file: Path, folder: Path | None, **options: Any) -> None:
    """Load FILE: CSV or NDJSON of codes with --system, or FHIR JSON (a resource, a Bundle, NDJSON)."""
    columns = Columns(*(options[field] for field in ("code", "display", "parent", "status", "end")))
    meta = {key: options[key] for key in ("url", "version", "title", "language") if options[key]}
    if options["fragment"]:
        meta["content"] = "fragment"
    meta["caseSensitive"] = not options["ignore_case"]
    try:
        for one in _library(folder).load(file, meta, columns):
            click.echo(_line(one))
    except Failure as failure:
        raise click.ClickException(failure.issues[0].text.en) from None


@terminology.command(name="list")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where it is kept.")
def list_(folder: Path | None) -> None:
    """List what is loaded: kind, codes, kilobytes, url|version."""
    try:
        for one in _library(folder).contents():
            click.echo(_line(one))
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _library(folder: Path | None) -> Library:
    return Library(folder or settings.read().state / "terminology")


def _line(one: Loaded) -> str:
    name = f"{one.url}|{one.version}" if one.version else one.url
    return f"{one.kind:<10} {one.concepts:>8} {one.size // 1024:>8} kB  {name}"

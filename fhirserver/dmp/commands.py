"""`fhirserver dmp`: what an operator asks about the rules of the DMP."""

from __future__ import annotations

from pathlib import Path

import click

from fhirserver import settings
from fhirserver.dmp import habilitation


@click.group()
def dmp() -> None:
    """Ask about the rules of the DMP (dossier médical partagé)."""


@dmp.command()
@click.option("--file", "path", type=click.Path(path_type=Path), help="A matrix other than the one in force.")
@click.option("--profession", help="Only this profession (code of TRE_G15).")
def assumptions(path: Path | None, profession: str | None) -> None:
    """List the cells of the habilitation matrix that no source confirms."""
    try:
        matrix = habilitation.load(path or settings.read().dmp_habilitation or None)
    except habilitation.HabilitationError as error:
        raise click.ClickException(str(error)) from error
    listed = matrix.listed(profession) if profession else None
    if profession and listed is None:
        known = ", ".join(matrix.professions)
        raise click.ClickException(f"--profession {profession}: reads nothing, since it is none of {known}")
    for remark in matrix.remarks:
        click.echo(f"# {remark}")
    count = 0
    for cell in matrix.assumptions():
        if listed in (None, cell.profession):
            count += 1
            verdict = "reads" if cell.reads else "does not read"
            click.echo(f"{cell.profession} {cell.profession_name}: {verdict} {cell.type} {cell.type_name}")
    total = len(matrix.professions) * len(matrix.categories)
    click.echo(f"# {count} assumed cells of {total}")

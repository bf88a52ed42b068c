"""`fhirserver token`: a demonstration token for a role."""

from __future__ import annotations

import click

from fhirserver import settings
from fhirserver.access import issuer


@click.command()
@click.option("--role", type=click.Choice(sorted(issuer.PERSONAS)), required=True, help="Whose token it is to be.")
@click.option("--hours", type=click.IntRange(1, 24 * 30), default=24, show_default=True, help="How long it is valid.")
@click.option("--scope", help="SMART scopes, in place of the role's own.")
@click.option("--client", help="Name of the client software.")
@click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE", help="A further claim, such as rpps=….")
def token(role: str, hours: int, scope: str | None, client: str | None, claims: tuple[str, ...]) -> None:
    """Print an access token signed by this installation's demonstration issuer."""
    chosen = settings.read()
    given: dict[str, str] = {}
    for claim in claims:
        name, sign, value = claim.partition("=")
        if not sign:
            raise click.BadParameter(f"{claim}: expected NAME=VALUE", param_hint="--claim")
        given[name] = value
    if scope:
        given["scope"] = scope
    if client:
        given["client_id"] = client
    click.echo(issuer.mint(chosen.state, chosen.token_audience, role, hours * 3600, **given))

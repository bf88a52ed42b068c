"""`fhirserver validate`: files and folders, or cases with recorded verdicts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import track

from fhirserver import jsontext
from fhirserver import settings as server_settings
from fhirserver.definitions import Definitions, PackageError, development, in_force
from fhirserver.errors import Unreadable
from fhirserver.issues import Issue, Language, Text
from fhirserver.validation import cases as recorded
from fhirserver.validation.policy import Policy, PolicyError
from fhirserver.validation.report import Judged, as_json, as_junit, spoken
from fhirserver.validation.run import Options
from fhirserver.validation.validator import Validator


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--profile", "profiles", multiple=True, help="Canonical url of a profile to meet, beside those claimed.")
@click.option(
    "--packages",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="FHIR packages (.tgz) to load, beside R4 core, instead of those in force.",
)
@click.option(
    "--cases", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File of recorded verdicts."
)
@click.option("--policy", default="base", show_default=True, help="`french`, `base`, or a policy file (JSON).")
@click.option("--json", "as_json_", is_flag=True, help="Print the findings as JSON.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write a JUnit report to this file.")
@click.option("--language", type=click.Choice(["fr", "en"]), default=None, help="Language of the messages.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def validate(  # noqa: PLR0913, PLR0917 - one parameter for each option
    files: tuple[Path, ...],
    profiles: tuple[str, ...],
    packages: tuple[Path, ...],
    cases: Path | None,
    policy: str,
    as_json_: bool,  # noqa: FBT001 - click passes options by name
    junit: Path | None,
    language: Language | None,
    quiet: bool,  # noqa: FBT001 - the same
) -> None:
    """Judge FILES (JSON or NDJSON; folders are searched) and exit 1 when any is refused.

    Each finding is one line, `file:line: severity: expression: text [rule]`, and a summary goes to standard error.
    With --cases, standard output holds one line of JSON a case, and nothing else.
    """
    # `--packages A.tgz B.tgz` leaves B.tgz among the files
    packages = (*packages, *(one for one in files if one.suffix == ".tgz"))
    files = tuple(one for one in files if one.suffix != ".tgz")
    if cases is not None:
        _write_outcomes(cases, packages)
        return
    if not files:
        raise click.UsageError("name a file or folder, or --cases")
    settings = server_settings.read()
    validator = recorded.validator_for(_definitions(packages))
    unknown = [one for one in profiles if validator.kit.profile(one) is None]
    if unknown:
        raise click.BadParameter(f"not loaded: {', '.join(unknown)}", param_hint="--profile")
    rules = _policy(policy)
    spoken_in: Language = language or settings.language
    judged: list[Judged] = []
    found = [one for place in files for one in _texts(place)]
    for place, offset, text in track(found, "…", console=Console(stderr=True), transient=True):
        one = Judged(place, text, _judge(validator, text, profiles, rules), offset)
        judged.append(one)
        if not as_json_:
            for line in spoken(one, spoken_in):
                if not quiet or ": error: " in line or ": fatal: " in line:
                    click.echo(line)
    _conclude(judged, spoken_in, junit, as_json=as_json_)


def _conclude(judged: list[Judged], language: Language, junit: Path | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(_json(judged, language))
    if junit is not None:
        junit.write_bytes(as_junit(judged, language))
    refused = sum(one.refused for one in judged)
    count = {
        name: sum(issue.severity == name for one in judged for issue in one.issues) for name in ("error", "warning")
    }
    click.echo(
        f"{len(judged)} resources: {len(judged) - refused} valid, {refused} refused"
        f" ({count['error']} errors, {count['warning']} warnings)",
        err=True,
    )
    sys.exit(1 if refused or not judged else 0)


def _json(judged: list[Judged], language: Language) -> str:
    return as_json(judged, language).decode()


def _write_outcomes(cases: Path, packages: tuple[Path, ...]) -> None:
    for outcome in recorded.outcomes(cases, development(*packages)):
        click.echo(orjson.dumps(outcome))


def _definitions(packages: tuple[Path, ...]) -> Definitions:
    try:
        return development(*packages) if packages else in_force(server_settings.read())
    except PackageError as error:
        raise click.ClickException(str(error)) from error


def _policy(name: str) -> Policy:
    try:
        return Policy.read("" if name == "french" else name)
    except PolicyError as error:
        raise click.BadParameter(str(error), param_hint="--policy") from error


def _judge(validator: Validator, text: str, profiles: tuple[str, ...], policy: Policy) -> list[Issue]:
    try:
        resource: Any = jsontext.read(text.encode("utf-8", errors="surrogateescape"))
    except Unreadable as error:
        return list(error.issues)
    if not isinstance(resource, dict):
        return [
            Issue("fatal", "structure", Text("Ce n'est pas une ressource.", "This is not a resource."), None, "json")
        ]
    return validator.validate(
        resource, [*profiles, *policy.profiles(resource)], advised=policy.advised(resource), options=Options()
    )


def _texts(place: Path) -> Iterator[tuple[str, int, str]]:
    """Yield place, lines before, and text of each resource in a file or folder."""
    if place.is_dir():
        for file in sorted(place.rglob("*")):
            if file.suffix in (".json", ".ndjson") and file.is_file():
                yield from _texts(file)
        return
    text = place.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")
    if text.startswith("<"):
        raise click.BadParameter(f"{place}: JSON and NDJSON are read here; the server's $validate takes XML as well")
    if place.suffix != ".ndjson":
        yield str(place), 0, text
        return
    # JSON may hold U+2028 and its like, which Python takes for ends of lines
    for number, line in enumerate(text.split("\n")):
        if line.strip():
            yield str(place), number, line

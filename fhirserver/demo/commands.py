"""`fhirserver demo`: the server up, the main job done before one's eyes."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from fhirserver.access import issuer
from fhirserver.demo import people
from fhirserver.demo.running import NotStartedError, RunningServer, write_environment
from fhirserver.demo.story import BrokenStoryError, Story
from fhirserver.settings import Settings

PERSONAS: Final = ("prescriber", "pharmacist", "doctor", "hospital", "laboratory", "patient", "operator")
FOLDER: Final = Path(".demo")


@click.command()
@click.option("--keep", is_flag=True, help="Leave the server up, write .demo/env, end with `ready BASE`.")
@click.option("--port", type=int, default=0, help="Port to listen on; a free one unless given.")
def demo(*, keep: bool, port: int) -> None:
    """Start a server with its MongoDB, push a prescription and a document, and read both back."""
    console = Console(highlight=False)
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: _interrupt(stopping))
    begun = time.monotonic()
    server = RunningServer(FOLDER, port)
    try:
        server.wait()
        console.print(f"Serveur et MongoDB prêts en {time.monotonic() - begun:.1f} s : [cyan]{server.base}[/]")
        audience = Settings().token_audience
        tokens = {persona: issuer.mint(server.state, audience, persona) for persona in PERSONAS}
        Story(server.base, tokens, console).tell()
        if keep:
            _keep(server, tokens, console, stopping)
    except (NotStartedError, BrokenStoryError) as error:
        console.print(f"[red]{type(error).__name__}[/]")
        console.print(str(error), markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        server.stop()


def _keep(server: RunningServer, tokens: dict[str, str], console: Console, stopping: threading.Event) -> None:
    whose = f"patient.identifier={people.INS_TEST}|{people.PATIENT_INS}"
    values = {"BASE": server.base} | {f"TOKEN_{name.upper()}": token for name, token in tokens.items()}
    write_environment(FOLDER / "env", values)
    console.print("\nÀ essayer dans un autre terminal :\n", style="bold")
    for line in (
        ". .demo/env",
        'curl -s "$BASE/metadata" | head -c 400',
        f'curl -s -H "Authorization: Bearer $TOKEN_DOCTOR" "$BASE/DocumentReference?{whose}&status=current&_count=1"',
        'curl -s -H "Authorization: Bearer $TOKEN_PHARMACIST" "$BASE/MedicationRequest?status=active&_count=1"',
        'curl -s -H "Authorization: Bearer $TOKEN_PATIENT" "$BASE/Task?_sort=-authored-on&_count=1"',
        f"FHIRSERVER_STATE={server.state} .venv/bin/fhirserver audit | tail -n 3",
    ):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print("\nCtrl-C arrête tout.")
    print(f"ready {server.base}", flush=True)  # noqa: T201 - the last line, for scripts to wait on
    while not stopping.wait(0.5):
        if server.ended():
            raise NotStartedError("the server ended by itself; see .demo/server.log")


def _interrupt(stopping: threading.Event) -> None:
    stopping.set()
    raise KeyboardInterrupt

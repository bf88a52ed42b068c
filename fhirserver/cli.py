"""`fhirserver …`: commands of the rooms, collected lazily so that each starts without loading the others."""

from __future__ import annotations

import errno
import importlib
from typing import Any, Final

import click

from fhirserver import __version__
from fhirserver.errors import Unavailable
from fhirserver.settings import SettingError

COMMANDS: Final = {
    "serve": "fhirserver.serving.commands:serve",
    "outbox": "fhirserver.serving.commands:outbox",
    "settings": "fhirserver.serving.commands:settings",
    "token": "fhirserver.access.commands:token",
    "load": "fhirserver.serving.load_command:load",
    "audit": "fhirserver.store.commands:audit",
    "collect": "fhirserver.store.commands:collect",
    "demo": "fhirserver.demo.commands:demo",
    "dmp": "fhirserver.dmp.commands:dmp",
    "packages": "fhirserver.definitions.commands:packages",
    "purge": "fhirserver.workflow.commands:purge",
    "profile": "fhirserver.definitions.schema_commands:profile",
    "validate": "fhirserver.validation.commands:validate",
    "terminology": "fhirserver.terminology.commands:terminology",
}
"""Command → module and name of its click command."""
_OF_THE_MACHINE: Final = frozenset({errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE})
"""What a disk, or the rights of whoever calls a command, do not allow."""


class Collected(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands whose room is there."""
        return sorted(name for name in COMMANDS if self.get_command(ctx, name) is not None)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's own signature
        """Import a command."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        try:
            command = getattr(importlib.import_module(module), attribute, None)
        except ModuleNotFoundError as missing:
            if missing.name != module:
                raise
            return None
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; what an operator can mend is told in a line."""
        try:
            return super().invoke(ctx)
        except SettingError as error:
            raise click.ClickException(str(error)) from error
        except Unavailable as error:
            # of what the driver says, the reason: the rest is the command, or how each member looks
            reason = f": {error.__cause__}".partition(",")[0] if error.__cause__ else ""
            raise click.ClickException(f"{error} (MONGODB_URI, FHIRSERVER_DATABASE){reason}") from error
        except OSError as error:
            if error.errno not in _OF_THE_MACHINE:
                raise
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{place}{error.strerror}") from error


@click.group(cls=Collected, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fhirserver")
def main() -> None:
    """FHIR R4 server for French prescriptions and health documents."""


if __name__ == "__main__":
    main()

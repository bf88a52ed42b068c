"""What the start page tells of a server: taken from the parts in force, never written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fhirserver import __version__
from fhirserver.interactions.services import Services


class Facts(NamedTuple):
    """What this server is.

    Attributes:
        packages: name and version of each FHIR package in force.
        operations: names of the operations, without the dollar sign.
        sandbox: whether demonstration tokens may be believed.
    """

    version: str
    types: frozenset[str]
    packages: tuple[tuple[str, str], ...]
    operations: tuple[str, ...]
    formats: tuple[str, ...]
    patch_formats: tuple[str, ...]
    sandbox: bool
    roles: Sequence[str]


def facts(services: Services, roles: Sequence[str]) -> Facts:
    """Return the facts of one server process; `roles` are those that the demonstration issuer knows."""
    return Facts(
        __version__,
        services.types,
        tuple((package.name, package.version) for package in services.definitions.packages),
        tuple(sorted({operation.name for operation in services.operations.all})),
        services.capabilities.formats,
        services.capabilities.patch_formats,
        services.settings.believes_demo_issuer,
        roles,
    )

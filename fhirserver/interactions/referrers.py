"""Who refers to a resource: what is referred to is not deleted, unless the setting allows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fhirserver.interactions.services import Services


def refuse_if_any(
    services: Services, deleted: Sequence[tuple[str, str]], rewritten: Collection[tuple[str, str | None]] = ()
) -> None:
    """Refuse to delete what current resources refer to."""

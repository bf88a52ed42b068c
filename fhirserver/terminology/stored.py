"""Expansions that a value set carries: a fallback where its definition cannot be evaluated here."""

from __future__ import annotations

from typing import Any


def includes_of_expansion(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a stored expansion as includes, one for each system."""
    by_system: dict[str, list[dict[str, Any]]] = {}
    waiting = list((resource.get("expansion") or {}).get("contains") or ())
    while waiting:
        entry = waiting.pop(0)
        waiting[:0] = entry.get("contains") or ()
        if entry.get("code") and entry.get("system"):
            by_system.setdefault(entry["system"], []).append(entry)
    return [{"system": system, "concept": concepts} for system, concepts in by_system.items()]

"""Bundles: what each type of Bundle asks of its entries (https://hl7.org/fhir/R4/bundle.html)."""

from __future__ import annotations

from typing import Any

from fhirserver.validation.run import Path, Run


def bundle_rules(value: Any, path: Path, run: Run) -> None:
    """Judge a Bundle beyond its invariants."""
    return

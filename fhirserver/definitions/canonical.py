"""Canonical urls and versions (https://hl7.org/fhir/R4/references.html#canonical)."""

from __future__ import annotations

import re
from typing import Final

BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
"""Canonical urls of FHIR's own types begin so."""


def split_canonical(canonical: str) -> tuple[str, str]:
    """Return url and version (empty where none) of a canonical; a fragment stays with neither."""
    url, _, version = canonical.partition("|")
    return url.partition("#")[0], version.partition("#")[0]


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key for versions: numbers compare as numbers, and a pre-release comes before its release."""
    release, _, label = version.partition("-") if re.match(r"\d+\.\d", version) else (version, "", "")
    parts = [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in re.split(r"[.\-]", release) if p]
    return (*parts, (0, 0, label)) if label else (*parts, (0, 1, ""))

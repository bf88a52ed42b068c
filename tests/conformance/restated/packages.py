"""The official packages, wherever they lie in `../shared/packages` beside the checkout, and their restatement."""

from __future__ import annotations

import functools
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PROFILES = ROOT / "profiles"
SHARED = ROOT.parent / "shared" / "packages"
VERDICTS = ROOT.parent / "shared" / "oracle" / "french.jsonl"
OFFICIAL = (
    "hl7.fhir.fr.core-2.1.0.tgz",
    "ihe.iti.mhd-4.2.3.tgz",
    "ans.fr.terminologies.extract-1.10.0.tgz",
    "ans.fhir.fr.annuaire-1.1.0.tgz",
    "ans.fhir.fr.pdsm-3.1.1.tgz",
    "ans.fhir.fr.eprescription-1.1.0-ballot.tgz",
)
KINDS = ("StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter")
PROSE = frozenset(
    [
        "short",
        "definition",
        "description",
        "comment",
        "requirements",
        "purpose",
        "title",
        "human",
        "meaningWhenMissing",
        "orderMeaning",
        "usage",
        "copyright",
        "isModifierReason",
        "label",
    ]
)
VALUES = ("fixed", "pattern", "minValue", "maxValue", "defaultValue")
FLAGS = ("mustSupport", "isModifier", "isSummary")
PLAIN = ("path", "sliceName", "min", "max", "contentReference", "maxLength", "representation", "condition")
Json = dict[str, Any]


@functools.cache
def official() -> dict[tuple[str, str], Json]:
    if not SHARED.is_dir():
        pytest.skip("the official packages are not here (../shared/packages)")
    found: dict[tuple[str, str], Json] = {}
    for name in OFFICIAL:
        with tarfile.open(SHARED / name) as archive:
            for entry in archive:
                kind, _, rest = entry.name.removeprefix("package/").partition("-")
                if kind in KINDS and rest.endswith(".json"):
                    stream = archive.extractfile(entry)
                    assert stream
                    definition = json.loads(stream.read())
                    found[kind, definition["url"]] = definition
    return found


@functools.cache
def own() -> dict[tuple[str, str], Json]:
    found = {}
    for path in sorted(PROFILES.glob("*/*.json")):
        definition = json.loads(path.read_text(encoding="utf-8"))
        found[definition["resourceType"], definition["url"]] = definition
    return found


def restated(kind: str) -> list[tuple[Json, Json]]:
    """Pair each of our definitions of a kind with the official one of the same url."""
    theirs = official()
    pairs = [(definition, theirs[key]) for key, definition in own().items() if key[0] == kind and key in theirs]
    assert pairs
    return pairs

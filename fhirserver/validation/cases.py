"""Cases with recorded verdicts: definitions of one case on top of the packages, and the outcome lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from fhirserver import jsontext
from fhirserver.definitions import Definitions
from fhirserver.definitions.cache import Entry, Index, PackageRecord
from fhirserver.definitions.snapshots.application import SnapshotError
from fhirserver.definitions.snapshots.generator import Generator
from fhirserver.errors import Unreadable
from fhirserver.fhirpath import Engine
from fhirserver.issues import Issue
from fhirserver.terminology import Terminology
from fhirserver.validation.run import Options
from fhirserver.validation.validator import Validator

_REFERENCE_POLICY: Final = Options()
"""The options under which recorded verdicts were made: the defaults."""


class _Slices:
    """The bytes of the packages, and beside them those of one case."""

    def __init__(self, index: Index, base: Definitions, own: dict[int, bytes]) -> None:
        self.index = index
        self._base = base
        self._own = own

    def slice_at(self, offset: int, length: int) -> bytes:
        """Return the JSON bytes of one definition."""
        data = self._own.get(offset)
        return data if data is not None else self._base._compiled.slice_at(offset, length)  # noqa: SLF001 - a view over it


def extend(base: Definitions, texts: Sequence[str]) -> Definitions:
    """Return the definitions in force with some more of them, given as JSON texts, which win."""
    extra = _with_snapshots(base, [one for text in texts for one in _read(text)])
    return _joined(base, extra)


def _read(text: str) -> Iterator[dict[str, Any]]:
    try:
        value = jsontext.read(text.encode())
    except Unreadable:
        return
    if isinstance(value, dict) and value.get("resourceType") == "Bundle":
        for entry in value.get("entry", ()):
            if isinstance(entry.get("resource"), dict):
                yield entry["resource"]
    elif isinstance(value, dict):
        yield value


def _with_snapshots(base: Definitions, extra: list[dict[str, Any]]) -> list[dict[str, Any]]:
    generator = Generator(_joined(base, extra))
    made: list[dict[str, Any]] = []
    for one in extra:
        if one.get("resourceType") == "StructureDefinition" and "snapshot" not in one and "differential" in one:
            with contextlib.suppress(SnapshotError):  # it stays known, though nothing can be judged by it
                one = {**one, "snapshot": {"element": generator.of_structure(one).elements}}  # noqa: PLW2901 - the same, completed
        made.append(one)
    return made


def _joined(base: Definitions, extra: list[dict[str, Any]]) -> Definitions:
    index = base._compiled.index  # noqa: SLF001 - the same
    package = len(index.packages)
    own: dict[int, bytes] = {}
    entries: list[Entry] = []
    for position, one in enumerate(extra):
        data = jsontext.write(one)
        offset = -1 - position
        own[offset] = data
        facts = [one.get(name) for name in ("kind", "abstract", "derivation", "type")]
        is_structure = one.get("resourceType") == "StructureDefinition"
        entries.append(
            Entry(
                str(one.get("resourceType")),
                str(one.get("url") or ""),
                str(one.get("version") or ""),
                str(one.get("id") or ""),
                package,
                offset,
                len(data),
                facts if is_structure else [],
            )
        )
    joined = Index(
        [*index.packages, PackageRecord("case", "0", restated=False, depends={})], [*entries, *index.entries], []
    )
    return Definitions("case", _Slices(joined, base, own))


def validator_for(definitions: Definitions) -> Validator:
    """Return a validator with its own terminology and FHIRPath engine."""
    return Validator(definitions, Terminology(definitions), Engine(definitions))


def outcomes(cases: Path, definitions: Definitions) -> Iterator[dict[str, Any]]:
    """Yield `{"id", "errors"}` for each case of a file: the expressions of the issues that refuse it."""
    common = validator_for(definitions)
    with cases.open("rb") as lines:
        for line in lines:
            if line.strip():
                case = orjson.loads(line)
                issues = judge(case, line, common, definitions)
                yield {"id": case["id"], "errors": [one.expression or "" for one in issues if one.refuses]}


def judge(case: dict[str, Any], line: bytes, common: Validator, definitions: Definitions) -> list[Issue]:
    """Return the issues of one case."""
    validator = common
    if case.get("supporting"):
        validator = validator_for(extend(definitions, case["supporting"]))
    try:
        resource = jsontext.read(case["text"].encode()) if "text" in case else jsontext.read(line)["resource"]
    except Unreadable as error:
        return list(error.issues)
    profiles = [case["profile"]] if case.get("profile") else []
    return validator.validate(resource, profiles, options=_REFERENCE_POLICY)

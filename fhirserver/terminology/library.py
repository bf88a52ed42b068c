"""The folder of what an operator loaded: one file for each code system, value set and concept map.

Code systems are `.codes` files (table.py), mapped by every worker; the rest is FHIR JSON.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fhirserver import jsontext
from fhirserver.errors import Failure
from fhirserver.terminology import codesystem, loading
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.loading import Columns
from fhirserver.terminology.table import CodeTable, pack


class Loaded(NamedTuple):
    """One definition that was loaded.

    Attributes:
        kind: `CodeSystem`, `ValueSet` or `ConceptMap`.
        url: canonical url.
        version: business version, or empty.
        concepts: number of codes; 0 for other kinds.
        size: bytes on disk.
        path: its file.
    """

    kind: str
    url: str
    version: str
    concepts: int
    size: int
    path: Path


class Library:
    """What an operator loaded into a folder; the folder need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def systems(self) -> list[CodeSystem]:
        """Open every code system, the latest version of each url first.

        Raises:
            ValueError: a file is damaged or of another version of this software; the message names it.
        """
        found = [CodeSystem(CodeTable.open(path)) for path in sorted(self.folder.glob("*.codes"))]
        return sorted(found, key=lambda system: system.version, reverse=True)

    def resources(self) -> list[dict[str, Any]]:
        """Read every value set and concept map.

        Raises:
            ValueError: a file is damaged; the message names it.
        """
        return [_read(path) for path in sorted(self.folder.glob("*.json"))]

    def contents(self) -> Iterator[Loaded]:
        """Yield what is here."""
        for path in sorted(self.folder.glob("*.codes")):
            system = CodeSystem(CodeTable.open(path))
            yield Loaded("CodeSystem", system.url, system.version, len(system.table), path.stat().st_size, path)
        for path in sorted(self.folder.glob("*.json")):
            resource = _read(path)
            url, version = resource["url"], resource.get("version") or ""
            yield Loaded(resource["resourceType"], url, version, 0, path.stat().st_size, path)

    def load(self, path: Path, meta: dict[str, Any], columns: Columns | None = None) -> list[Loaded]:
        """Load a file, replacing what was there under the same url and version.

        Args:
            path: `.json` or `.ndjson` of FHIR resources; with a url in `meta`, `.csv`, `.tsv`, `.txt` or `.ndjson` of
                concepts.
            meta: elements of the CodeSystem that the file itself does not state: url, version, title, caseSensitive...
            columns: of a CSV file.

        Raises:
            Unreadable: the file cannot be understood; says where.
        """
        if not meta.get("url"):
            try:
                return [self._keep(resource) for resource in loading.resources(path)]
            except (AttributeError, TypeError, KeyError) as error:
                raise loading.unreadable(
                    path,
                    0,
                    f"ressource mal formée ({error}) ; vérifiez-la avec « fhirserver validate ».",
                    f'malformed resource ({error}); check it with "fhirserver validate".',
                ) from None
        rows = loading.concept_rows(path) if path.suffix == ".ndjson" else loading.csv_rows(path, columns or Columns())
        system = {"resourceType": "CodeSystem", "content": "complete", **meta}
        packed = pack(system, rows, folds=system.get("caseSensitive") is False)
        return [self._keep_packed(system["url"], system.get("version") or "", packed)]

    def _keep(self, resource: dict[str, Any]) -> Loaded:
        url, version = resource["url"], resource.get("version") or ""
        if resource["resourceType"] == "CodeSystem":
            return self._keep_packed(url, version, codesystem.packed(resource))
        path = self.folder / (_name(resource["resourceType"], url, version) + ".json")
        _write(path, jsontext.write(resource))
        return Loaded(resource["resourceType"], url, version, 0, path.stat().st_size, path)

    def _keep_packed(self, url: str, version: str, packed: bytes) -> Loaded:
        path = self.folder / (_name("CodeSystem", url, version) + ".codes")
        _write(path, packed)
        return Loaded("CodeSystem", url, version, len(CodeTable(packed)), len(packed), path)


def _name(kind: str, url: str, version: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9]+", "-", url.rsplit("/", 1)[-1]).strip("-")[:40]
    return f"{kind}-{readable}-{hashlib.sha256(f'{url}|{version}'.encode()).hexdigest()[:12]}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".loading-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        resource = jsontext.read(path.read_bytes())
    except Failure as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(resource, dict):
        raise ValueError(f"{path}: a resource is expected")  # noqa: TRY004 - of a file, not of an argument
    return resource

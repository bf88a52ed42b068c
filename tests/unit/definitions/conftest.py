"""Packages made for a test, in the form in which they are published."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import Definitions, PackageSource, development
from fhirserver.definitions.building import build
from fhirserver.definitions.development import cache_folder, core_package
from fhirserver.definitions.packages import Package, read_package

Writer = Callable[..., Path]


@pytest.fixture(scope="session")
def core() -> Definitions:
    """FHIR R4 alone."""
    return development()


@pytest.fixture(scope="session")
def core_archive() -> Path:
    """The archive of hl7.fhir.r4.core."""
    return core_package(cache_folder())


@pytest.fixture(scope="session")
def core_read(core_archive: Path) -> Package:
    """hl7.fhir.r4.core as read from its archive."""
    return read_package(PackageSource(core_archive))


@pytest.fixture
def compiled(core_read: Package) -> Callable[..., Definitions]:
    """Compile R4 core and these archives, in memory."""

    def make(*archives: Path) -> Definitions:
        return Definitions("test", build([core_read, *(read_package(PackageSource(path)) for path in archives)]))

    return make


@pytest.fixture
def write_package(tmp_path: Path) -> Writer:
    """Write an archive: `write_package("name", "1.0.0", definition, …, depends={…}, folder=…)`."""

    def write(name: str, version: str, *definitions: dict[str, Any], folder: Path = tmp_path, **manifest: Any) -> Path:
        path = folder / f"{name}-{version}.tgz"
        files = {"package.json": {"name": name, "version": version, **manifest}}
        files |= {f"{one['resourceType']}-{number}.json": one for number, one in enumerate(definitions)}
        with tarfile.open(path, "w:gz") as archive:
            for file_name, content in files.items():
                data = json.dumps(content).encode()
                entry = tarfile.TarInfo(f"package/{file_name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return path

    return write


@pytest.fixture
def profile() -> Callable[..., dict[str, Any]]:
    """Make a profile: `profile("p", "Patient", {"id": "Patient.name", "min": 1})`; paths come from the ids."""

    def make(name: str, base: str, *elements: dict[str, Any], version: str = "1.0.0", **more: Any) -> dict[str, Any]:
        root = elements[0]["path" if "path" in elements[0] else "id"].partition(".")[0]
        return {
            "resourceType": "StructureDefinition",
            "id": name,
            "url": f"http://example.org/StructureDefinition/{name}",
            "version": version,
            "name": name,
            "status": "draft",
            "kind": "resource"
            if root[0].isupper() and root not in ("Quantity", "Extension", "Identifier")
            else "complex-type",
            "abstract": False,
            "type": root,
            "baseDefinition": base if ":" in base else f"http://hl7.org/fhir/StructureDefinition/{base}",
            "derivation": "constraint",
            "differential": {"element": [_with_path(element) for element in elements]},
            **more,
        }

    return make


def _with_path(element: dict[str, Any]) -> dict[str, Any]:
    if "path" in element:
        return element
    steps = element["id"].split(".")
    last = steps[-1].partition(":")[2]
    named = {"sliceName": last} if last else {}
    return {**element, "path": ".".join(step.partition(":")[0] for step in steps), **named}

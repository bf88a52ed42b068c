"""The published examples go in and come back unchanged."""

from __future__ import annotations

import base64
import tarfile
from pathlib import Path
from typing import Any

from fhirserver import jsontext
from tests.http.conftest import FHIR, Client


def _examples(shared: Path) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for package in sorted((shared / "packages").glob("*.tgz")):
        with tarfile.open(package) as archive:
            for member in sorted(archive.getmembers(), key=lambda one: one.name):
                if "/example" not in member.name or not member.name.endswith(".json"):
                    continue
                file = archive.extractfile(member)
                assert file is not None
                resource = jsontext.read(file.read())
                if isinstance(resource, dict) and "resourceType" in resource:
                    found.append((f"{package.name}:{member.name}", resource))
    files = sorted((shared / "suites" / "examples").glob("*.json"))
    return found + [(file.name, jsontext.read(file.read_bytes())) for file in files]


def _comparable(resource: dict[str, Any]) -> bytes:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    if resource["resourceType"] == "Binary":
        # content is kept as bytes: its base64 comes back without the white space it had
        rest["data"] = base64.b64decode(rest["data"]).hex()
    return jsontext.canonical({**rest, "meta": meta})


def _placed(resource: dict[str, Any], back: dict[str, Any]) -> dict[str, Any]:
    """Return an example with the conditional reference to its patient replaced by what came back for it."""
    subject = resource.get("subject")
    if isinstance(subject, dict) and "?" in subject.get("reference", ""):
        assert back["subject"]["reference"].startswith("Patient/")
        return {**resource, "subject": {**subject, "reference": back["subject"]["reference"]}}
    return resource


def test_every_example_that_is_valid_comes_back_as_it_went_in(operator: Client, shared: Path) -> None:
    accepted = 0
    changed, unexplained = [], []
    for name, resource in _examples(shared):
        answer = operator.post(resource["resourceType"], jsontext.write(resource))
        if answer.status_code != 201:
            first = answer.json()["issue"][0]
            if answer.status_code not in (400, 412, 422) or "expression" not in first:
                unexplained.append((name, answer.status_code, first))
            continue
        accepted += 1
        back = operator.get(f"{resource['resourceType']}/{answer.json()['id']}", Accept=FHIR)
        stored = jsontext.read(back.content)
        if _comparable(stored) != _comparable(_placed(resource, stored)):
            changed.append(name)
    assert changed == []
    assert unexplained == []
    assert accepted > 100


def test_example_transactions_are_performed_or_refused_with_the_place_of_the_fault(
    operator: Client, shared: Path
) -> None:
    performed = 0
    for name, resource in _examples(shared):
        if resource["resourceType"] != "Bundle" or resource.get("type") not in ("transaction", "batch"):
            continue
        answer = operator.post("", jsontext.write(resource))
        performed += 1
        assert answer.status_code < 500, name
        if answer.status_code != 200:
            assert answer.json()["issue"][0]["expression"][0].startswith("Bundle"), name
    assert performed

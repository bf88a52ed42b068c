"""Every published French example that its base type allows is stored and read back unchanged."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhirserver import jsontext
from tests.http.conftest import Client

PACKAGES = Path(__file__).parents[2].parent / "shared" / "packages"
FAULTS: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parent / "published_faults.json").read_text(encoding="utf-8")
)
"""`reasons`: why a rule refuses; `examples`: the rule that refuses each example that is not stored."""
JSON = "application/fhir+json"
CONDITIONAL = "Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|123456789012345"

pytestmark = pytest.mark.skipif(not PACKAGES.exists(), reason="the published packages are not beside the project")


def _examples() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every example, and of every resource inside of a collection of examples."""
    for path in sorted(PACKAGES.glob("*.tgz")):
        with tarfile.open(path) as package:
            for member in package:
                if "/example/" not in member.name or not member.name.endswith(".json"):
                    continue
                content = package.extractfile(member)
                assert content is not None
                resource = jsontext.read(content.read())
                name = f"{path.stem}/{Path(member.name).stem}"
                yield name, resource
                if resource.get("type") == "searchset":
                    for position, entry in enumerate(resource["entry"]):
                        yield f"{name}#{position}", entry["resource"]


def _own(resource: dict[str, Any]) -> bytes:
    """Return a resource's canonical text without what the server sets."""
    kept = {key: value for key, value in resource.items() if key not in ("id", "meta")}
    meta = {key: value for key, value in resource.get("meta", {}).items() if key not in ("versionId", "lastUpdated")}
    return jsontext.canonical({**kept, **({"meta": meta} if meta else {})})


def _known_patient(client: Client) -> str:
    """Create the patient that the examples name by identifier; return where it is."""
    identifier = {"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "123456789012345"}
    criteria = f"identifier={identifier['system']}|{identifier['value']}"
    answer = client.post("Patient", {"resourceType": "Patient", "identifier": [identifier]}, If_None_Exist=criteria)
    assert answer.status_code in (200, 201)
    return f"Patient/{answer.json()['id']}"


def _refusal(client: Client, resource: dict[str, Any], patient: str) -> str | None:
    """Push one resource and read it back; return the rule that refuses it, None when it came back as it was sent.

    A conditional reference comes back as the place of what it selects.
    """
    answer = client.post(resource["resourceType"], jsontext.write(resource), Content_Type=JSON)
    if answer.status_code != 201:
        assert answer.status_code in (412, 422), answer.text
        coding = answer.json()["issue"][0]["details"]["coding"][0]
        return str(coding["code"]).rpartition("#")[2]
    received = client.get(answer.headers["Location"].split("/_history")[0], Accept=JSON)
    assert received.status_code == 200
    subject = resource.get("subject")
    if resource["resourceType"] == "DocumentReference" and subject == {"reference": CONDITIONAL}:
        resource = {**resource, "subject": {"reference": patient}}
    assert _own(jsontext.read(received.content)) == _own(resource)
    return None


def test_published_examples_come_back_as_they_were_sent_and_those_refused_are_listed_with_the_rule(
    operator: Client,
) -> None:
    refused, total, patient = {}, 0, _known_patient(operator)
    for name, resource in _examples():
        total += 1
        rule = _refusal(operator, resource, patient)
        if rule:
            refused[name] = rule
    assert total > 300
    assert refused == FAULTS["examples"]
    assert set(refused.values()) == set(FAULTS["reasons"])


def test_published_transactions_are_executed_whole(operator: Client) -> None:
    _known_patient(operator)
    replaced = {
        "resourceType": "DocumentReference",
        "id": "doc-x-id",
        "status": "current",
        "content": [{"attachment": {"url": "urn:uuid:9d2b1c64-8c31-4f0e-8f0b-3f5b7a0c1d11"}}],
    }
    assert operator.put("DocumentReference/doc-x-id", replaced).status_code in (200, 201)
    executed = 0
    for name, resource in _examples():
        if resource.get("type") != "transaction":
            continue
        answer = operator.post("", jsontext.write(resource), Content_Type=JSON)
        assert answer.status_code == 200, f"{name}: {answer.text[:1000]}"
        assert all(entry["response"]["status"].startswith("20") for entry in answer.json()["entry"])
        executed += 1
    assert executed >= 2

"""What the server says of a resource that it wrote itself."""

from __future__ import annotations

from typing import Any

from tests.http.conftest import Client


def faults(client: Client, resource: dict[str, Any]) -> list[str]:
    """Return errors, and every word on an extension that is not known."""
    answer = client.post(f"{resource['resourceType']}/$validate", resource).json()
    found = []
    for told in answer["issue"]:
        rule = told["details"].get("coding", [{}])[0].get("code", "")
        if told["severity"] in ("error", "fatal") or "extension" in rule:
            found.append(f"{resource['resourceType']}: {told.get('expression')}: {told['details']['text']}")
    return found

"""From an answer of the API to what its page shows: parts to name, links to follow, issues to read."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from fhirserver.pages.markup import Highlighter

_RELATIONS: Final = ("first", "previous", "prev", "next", "last")
_LABELS: Final = ("name", "title", "description", "code", "medicationCodeableConcept", "type", "status")


class Row(NamedTuple):
    """One entry of a Bundle: its place, what it is, how it came there."""

    address: str | None
    name: str
    label: str
    note: str
    updated: str


class Finding(NamedTuple):
    """One issue of an OperationOutcome."""

    severity: str
    code: str
    text: str
    other: str
    where: tuple[str, ...]


def title(resource: dict[str, Any]) -> str:
    """Return what to call a resource."""
    kind = str(resource.get("resourceType", "Resource"))
    return f"{kind}/{resource['id']}" if kind not in ("Bundle", "OperationOutcome") and "id" in resource else kind


def rows(bundle: dict[str, Any], highlighter: Highlighter) -> list[Row]:
    """Return the entries of a Bundle."""
    found = []
    for entry in bundle.get("entry", ()):
        resource, request, response = entry.get("resource", {}), entry.get("request", {}), entry.get("response", {})
        address = highlighter.link("fullUrl", entry.get("fullUrl", ""))
        version = resource.get("meta", {}).get("versionId")
        if address and request and version:
            address = f"{address}/_history/{version}"
        note = entry.get("search", {}).get("mode") or " ".join(
            str(part) for part in (request.get("method"), response.get("status")) if part
        )
        updated = resource.get("meta", {}).get("lastUpdated") or response.get("lastModified", "")
        name = title(resource) if resource else str(request.get("url", ""))
        found.append(Row(address, name, label(resource), note, updated))
    return found


def pages(bundle: dict[str, Any], highlighter: Highlighter) -> list[tuple[str, str]]:
    """Return relation and address of the other pages of a Bundle."""
    links = [(link.get("relation", ""), str(link.get("url", ""))) for link in bundle.get("link", ())]
    return [(name, to) for name, url in links if name in _RELATIONS and (to := highlighter.link("url", url))]


def findings(outcome: dict[str, Any]) -> list[Finding]:
    """Return the issues of an OperationOutcome."""
    return [
        Finding(
            issue.get("severity", ""),
            issue.get("code", ""),
            issue.get("details", {}).get("text", ""),
            issue.get("diagnostics", ""),
            tuple(issue.get("expression", ())),
        )
        for issue in outcome.get("issue", ())
    ]


def document(resource: dict[str, Any], base: str) -> str | None:
    """Return the id of the Binary here that a DocumentReference's content leads to; None if it leads to none."""
    if resource.get("resourceType") != "DocumentReference":
        return None
    content: dict[str, Any] = next(iter(resource.get("content", ())), {})
    url = str(content.get("attachment", {}).get("url", "")).removeprefix(f"{base}/")
    kind, _, identity = url.partition("/")
    return identity if kind == "Binary" and identity and "/" not in identity else None


def label(resource: dict[str, Any]) -> str:
    """Return a few words that tell one resource from another of its type."""
    for element in _LABELS:
        value = resource.get(element)
        words = _words(value[0] if isinstance(value, list) and value else value)
        if words:
            return words
    return ""


def with_format(target: str, name: str) -> str:
    """Return an address with another `_format`."""
    path, _, query = target.partition("?")
    kept = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key != "_format"]
    return f"{path}?{urlencode([*kept, ('_format', name)])}"


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    if isinstance(value.get("text"), str):
        return str(value["text"])
    if "family" in value or "given" in value:
        return " ".join([*map(str, value.get("given", ())), str(value.get("family", ""))]).strip()
    coding = value.get("coding")
    first = coding[0] if isinstance(coding, list) and coding and isinstance(coding[0], dict) else {}
    return str(first.get("display") or first.get("code") or "")

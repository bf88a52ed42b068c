"""Where a reference leads: into the resource, into its Bundle, or to what the caller has at hand."""

from __future__ import annotations

import re
from typing import Any, Final

from fhirserver.fhirpath.environment import Environment

_RELATIVE: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")


def resolved(reference: Any, env: Environment) -> dict[str, Any] | None:
    """Return the resource that a Reference or its text (uri, canonical) means, or None.

    Looked up in this order: contained resources (`#id`), the Bundle's entries by fullUrl, the environment's service.
    Where the environment assumes references, what is not at hand becomes a stub of the type that the text names.
    """
    declared = None
    if isinstance(reference, dict):
        declared = reference.get("type")
        reference = reference.get("reference")
    if not isinstance(reference, str):
        return _stub(declared, None) if env.assume_references and isinstance(declared, str) else None
    if reference.startswith("#"):
        return _contained(reference[1:], env)
    bundle = env.bundle or (env.root if env.root and env.root.get("resourceType") == "Bundle" else None)
    found = _in_bundle(reference, bundle) if bundle else None
    if found is None and env.resolve is not None:
        found = env.resolve(reference)
    if found is None and env.assume_references:
        match = _RELATIVE.match(reference.partition("?")[0])
        if match:
            found = _stub(match.group(1), match.group(2))
        elif isinstance(declared, str):
            found = _stub(declared, None)
        elif "?" in reference:
            found = _stub(reference.partition("?")[0].rpartition("/")[2], None)
    return found


def _stub(type_name: str, id_: str | None) -> dict[str, Any]:
    return {"resourceType": type_name, "id": id_} if id_ else {"resourceType": type_name}


def _contained(id_: str, env: Environment) -> dict[str, Any] | None:
    for holder in (env.resource, env.root):
        if not holder:
            continue
        if not id_ and holder.get("contained"):
            return holder
        for resource in holder.get("contained") or ():
            if isinstance(resource, dict) and resource.get("id") == id_:
                return resource
    return env.root if not id_ else None


def _in_bundle(reference: str, bundle: dict[str, Any]) -> dict[str, Any] | None:
    absolute = ":" in reference
    for entry in bundle.get("entry") or ():
        if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
            continue
        full = entry.get("fullUrl")
        if not isinstance(full, str):
            continue
        if full == reference or (not absolute and full.endswith("/" + reference)):
            resource: dict[str, Any] = entry["resource"]
            return resource
    return None

"""Contained resources (https://hl7.org/fhir/R4/references.html#contained): dom-2 to dom-5, ids."""

from __future__ import annotations

import re
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.validation.run import Path, Run
from fhirserver.validation.texts import references as texts

_FRAGMENT: Final = re.compile(rb'"#(?:[^"\\]|\\.)*"')
_RULE: Final = "http://hl7.org/fhir/StructureDefinition/DomainResource#"


def contained_rules(value: Any, path: Path, run: Run) -> None:
    """Judge the contained resources of a resource."""
    contained = value.get("contained")
    if type(contained) is not list:
        return
    if run.scope.kind == "contained" and run.scope.resource is value:
        run.error("invariant", (path, "contained", -1), f"{_RULE}dom-2", texts.contained_nests())
    named = _named_in(value)
    seen: set[str] = set()
    for index, one in enumerate(contained):
        if type(one) is not dict:
            continue
        at = (path, "contained", index)
        _judge_meta(one, at, run)
        own = one.get("id")
        if type(own) is not str or not own:
            run.error("required", at, "contained-id", texts.contained_without_id())
            continue
        if own in seen:
            run.error("duplicate", at, "contained-id", texts.contained_twice(own))
        seen.add(own)
        if _literal(f"#{own}") not in named and b'"#"' not in _named_in(one):
            run.error("invariant", at, f"{_RULE}dom-3", texts.contained_orphan(own))


def _judge_meta(one: dict[str, Any], path: Path, run: Run) -> None:
    meta = one.get("meta")
    if type(meta) is not dict:
        return
    for name, key in (("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")):
        if name in meta:
            run.error("invariant", (path, "meta", -1), f"{_RULE}{key}", texts.contained_meta(name, key))


def _named_in(value: Any) -> frozenset[bytes]:
    """Return the texts of a resource that begin with `#`, as JSON writes them: its references to what is contained."""
    try:
        return frozenset(_FRAGMENT.findall(jsontext.write(value)))
    except (TypeError, ValueError, RecursionError):
        return frozenset()


def _literal(text: str) -> bytes:
    return jsontext.write(text)

"""What follows from code systems as a whole: which supplements they have, and which value sets they imply.

https://hl7.org/fhir/R4/codesystem.html#supplements, `CodeSystem.valueSet`, and the implicit value sets of SNOMED CT
(https://hl7.org/fhir/R4/snomedct.html#implicit), whose form `[system]?fhir_vs` is understood for any code system.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fhirserver.terminology.codesystem import CodeSystem, from_resource


class Survey(NamedTuple):
    """What a look at every code system found.

    Attributes:
        supplements: by url of the code system that they supplement.
        value_sets: by url of the value set of all its codes, the code system's url.
    """

    supplements: dict[str, list[CodeSystem]]
    value_sets: dict[str, str]


def survey(loaded: Iterable[CodeSystem], resources: Iterable[dict[str, Any]]) -> Survey:
    """Look at every code system once.

    Args:
        loaded: the operator's, which come first.
        resources: those of the packages.
    """
    found = Survey({}, {})
    for system in loaded:
        _note(found, system.meta, lambda system=system: system)
    for resource in resources:
        _note(found, resource, lambda resource=resource: from_resource(resource))
    return found


def _note(found: Survey, meta: Mapping[str, Any], build: Any) -> None:
    if meta.get("content") == "supplement":
        found.supplements.setdefault(str(meta.get("supplements", "")).partition("|")[0], []).append(build())
    elif isinstance(meta.get("valueSet"), str) and isinstance(meta.get("url"), str):
        found.value_sets.setdefault(meta["valueSet"].partition("|")[0], meta["url"])


def implied(canonical: str, value_sets: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a value set that a code system implies, or None.

    Args:
        canonical: its url.
        value_sets: url of a value set of all codes → url of the code system.
    """
    system, asked, which = canonical.partition("?fhir_vs")
    include: dict[str, Any] = {"system": system}
    if asked and which.startswith("=isa/"):
        include["filter"] = [{"property": "concept", "op": "is-a", "value": which.removeprefix("=isa/")}]
    elif which or not asked:
        url = canonical.partition("|")[0]
        if url not in value_sets:
            return None
        include["system"] = value_sets[url]
    return {"resourceType": "ValueSet", "url": canonical, "status": "active", "compose": {"include": [include]}}

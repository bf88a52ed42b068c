"""Inclusion along canonical urls: `QuestionnaireResponse:questionnaire` names a `url`, with or without a version.

Without a version it means every version that is here (https://hl7.org/fhir/R4/references.html#canonical).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fhirserver.definitions import split_canonical
from fhirserver.search.asked.query import And, Node, Or, Test
from fhirserver.search.declared.parameters import Parameter
from fhirserver.search.declared.registry import Registry
from fhirserver.search.types.token import Token

OWN_NAME: Final = ("url", "version")
"""Parameters whose values are the canonical name of a resource."""


class Canonicals:
    """Canonical urls that were met and not yet looked for."""

    def __init__(self) -> None:
        self._asked: set[tuple[str, str]] = set()
        self._wanted: dict[str, list[str]] = {}

    def note(self, parameter: Parameter, target: str | None, found: Iterable[str]) -> None:
        """Take the values of a parameter.

        Args:
            parameter: over canonical urls.
            target: type asked for; None: any that it may name.
            found: values as kept.
        """
        for kind in [target] if target else parameter.targets:
            for canonical in found:
                if ":" in canonical and (kind, canonical) not in self._asked:
                    self._asked.add((kind, canonical))
                    self._wanted.setdefault(kind, []).append(canonical)

    def take(self, registry: Registry) -> Iterator[tuple[str, Node]]:
        """Yield, by type, what selects the resources of these names."""
        wanted, self._wanted = self._wanted, {}
        for kind, canonicals in sorted(wanted.items()):
            by_code = registry.of(kind).by_code
            if all(code in by_code for code in OWN_NAME):
                yield kind, Or(tuple(_named(by_code, canonical) for canonical in canonicals))


def names_of(document: Mapping[str, Any], parameter: Parameter) -> list[str]:
    """Return the names under which a parameter's values refer to a resource."""
    own = f"{document['t']}/{document['i']}"
    return [own, *canonical_names(document)] if parameter.canonical else [own]


def canonical_names(document: Mapping[str, Any]) -> list[str]:
    """Return the canonical urls of a resource, with and without its version."""
    values = document.get("s", {}).get("x", {})
    urls = values.get("url", ())
    versions = [value.partition("\t")[0] for value in values.get("version", ())]
    return [*urls, *(f"{url}|{version}" for url in urls for version in versions)]


def _named(by_code: Mapping[str, Parameter], canonical: str) -> Node:
    url, version = split_canonical(canonical)
    of_url = Test(by_code["url"], "", (url,))
    return And((of_url, Test(by_code["version"], "", (Token(version, None),)))) if version else of_url

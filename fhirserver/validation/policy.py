"""Which profile a resource must meet, by its type and what it claims.

What `meta.profile` claims is always checked; a policy adds what a type must meet without claiming it. The French
policy is the default; `base` asks nothing beyond the base definitions; any other name is a JSON file:

    {"MedicationRequest": [{"profile": "https://…", "unless": ["https://…"]}]}

`unless`: claiming one of these takes the rule's place. `content`: the rule is for DocumentReferences whose content is
`inline` or `referenced`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import jsonschema

from fhirserver import jsontext

_EPRESCRIPTION: Final = "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition"
_PDSM: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"

_SCHEMA: Final = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Z][A-Za-z]+$"},
    "additionalProperties": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["profile"],
            "additionalProperties": False,
            "properties": {
                "profile": {"type": "string", "minLength": 1},
                "unless": {"type": "array", "items": {"type": "string"}},
                "content": {"enum": ["inline", "referenced"]},
            },
        },
    },
}


class PolicyError(ValueError):
    """A policy file that cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand on a type.

    Attributes:
        profile: canonical url that resources of the type must meet.
        unless: claims that take its place.
        content: only for DocumentReferences whose content is inline, or is referenced.
    """

    profile: str
    unless: tuple[str, ...] = ()
    content: Literal["inline", "referenced"] | None = None

    def applies(self, resource: Mapping[str, Any]) -> bool:
        """Tell whether it is for this resource; anything malformed is left to validation."""
        if self.unless:
            meta = resource.get("meta")
            claims = meta.get("profile") if isinstance(meta, dict) else None
            if isinstance(claims, list) and any(
                isinstance(claim, str) and claim.partition("|")[0] in self.unless for claim in claims
            ):
                return False
        return self.content is None or (self.content == "inline") is _inline(resource)


FRENCH: Final[dict[str, tuple[Rule, ...]]] = {
    "MedicationRequest": (
        Rule(f"{_EPRESCRIPTION}/fr-medicationrequest", (f"{_EPRESCRIPTION}/fr-inpatient-medicationrequest",)),
    ),
    "DocumentReference": (
        Rule(f"{_PDSM}/pdsm-comprehensive-document-reference", content="referenced"),
        Rule(f"{_PDSM}/pdsm-simplified-publish", content="inline"),
    ),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The demands in force, by type."""

    rules: Mapping[str, tuple[Rule, ...]]

    @classmethod
    def read(cls, name: str) -> Policy:
        """Return the policy of a setting: empty (French), `base`, or the path of a JSON file.

        Raises:
            PolicyError: the file cannot be read, or does not have the form above.
        """
        if not name:
            return cls(FRENCH)
        if name == "base":
            return cls({})
        try:
            document = jsontext.read(Path(name).read_bytes())
            jsonschema.validate(document, _SCHEMA)
        except (OSError, jsonschema.ValidationError) as error:
            raise PolicyError(f"{name}: {getattr(error, 'message', error)}") from error
        return cls(
            {
                kind: tuple(Rule(item["profile"], tuple(item.get("unless", ())), item.get("content")) for item in items)
                for kind, items in document.items()
            }
        )

    def profiles(self, resource: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the profiles that a resource must meet besides its base definition and what it claims."""
        rules = self.rules.get(str(resource.get("resourceType")), ())
        return tuple(rule.profile for rule in rules if rule.applies(resource))

    def declared(self, kind: str) -> tuple[str, list[str]]:
        """Return what the CapabilityStatement says of a type: its profile, and the supported ones."""
        rules = self.rules.get(kind, ())
        supported = list(dict.fromkeys(profile for rule in rules for profile in (rule.profile, *rule.unless)))
        if len(rules) == 1 and not rules[0].unless and rules[0].content is None:
            return rules[0].profile, supported
        return f"http://hl7.org/fhir/StructureDefinition/{kind}", supported


def _inline(resource: Mapping[str, Any]) -> bool:
    content = resource.get("content")
    return isinstance(content, list) and any(
        isinstance(item, dict) and isinstance(item.get("attachment"), dict) and "data" in item["attachment"]
        for item in content
    )

"""Which profiles a resource must meet: a pure function of the policy in force and the resource.

By default the French one: a prescription of medicines meets fr-medicationrequest, a document PDSm (the simplified form
when its content is inline), everything else its base type; and whatever a resource claims in `meta.profile` it must
meet as well, which is the validator's to see. Profiles that are drafts give warnings only, until claimed or required.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jsonschema
import orjson

_EPRESCRIPTION: Final = "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/"
_PDSM: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"
_MHD: Final = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"
_CORE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"


class PolicyError(ValueError):
    """A policy file that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class TypeRule:
    """What one resource type must meet.

    Attributes:
        required: profiles whose breach refuses the resource.
        inline: these instead, for a DocumentReference that carries its content.
        instead: one of these in place of the required ones, for a resource that claims it.
        advised: profiles whose breach is a warning: drafts.
        supported: profiles that are named in the CapabilityStatement as supported when claimed.
    """

    required: tuple[str, ...] = ()
    inline: tuple[str, ...] | None = None
    instead: tuple[str, ...] = ()
    advised: tuple[str, ...] = ()
    supported: tuple[str, ...] = ()


FRENCH: Final[dict[str, TypeRule]] = {
    "MedicationRequest": TypeRule(
        required=(f"{_EPRESCRIPTION}fr-medicationrequest",),
        supported=(f"{_EPRESCRIPTION}fr-inpatient-medicationrequest", f"{_CORE}fr-core-medication-request"),
    ),
    "DocumentReference": TypeRule(
        required=(f"{_PDSM}pdsm-comprehensive-document-reference",),
        inline=(f"{_PDSM}pdsm-simplified-publish",),
        instead=tuple(
            f"{_MHD}IHE.MHD.{name}.DocumentReference"
            for name in ("Comprehensive", "UnContained.Comprehensive", "Minimal")
        ),
    ),
    "ServiceRequest": TypeRule(advised=(f"{_CORE}fr-core-service-request",)),
    "MedicationDispense": TypeRule(advised=(f"{_CORE}fr-core-medication-dispense",)),
    "Bundle": TypeRule(supported=(f"{_PDSM}pdsm-comprehensive-provide-document-bundle",)),
    "List": TypeRule(
        supported=(f"{_PDSM}pdsm-submissionset-comprehensive", f"{_PDSM}pdsm-folder-comprehensive"),
    ),
    "Medication": TypeRule(
        supported=(f"{_EPRESCRIPTION}fr-medication-noncompound", f"{_EPRESCRIPTION}fr-medication-compound"),
    ),
    "RequestGroup": TypeRule(supported=(f"{_EPRESCRIPTION}fr-requestgroup-for-prescription",)),
    "Patient": TypeRule(supported=(f"{_CORE}fr-core-patient", f"{_CORE}fr-core-patient-ins")),
    "Practitioner": TypeRule(supported=(f"{_CORE}fr-core-practitioner",)),
    "PractitionerRole": TypeRule(supported=(f"{_CORE}fr-core-practitioner-role",)),
    "Organization": TypeRule(supported=(f"{_CORE}fr-core-organization",)),
    "Encounter": TypeRule(supported=(f"{_CORE}fr-core-encounter",)),
}
"""The policy in force when no other is set."""

_URLS: Final = {"type": "array", "items": {"type": "string", "format": "uri", "minLength": 1}, "uniqueItems": True}
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "types": {
            "type": "object",
            "propertyNames": {"pattern": "^[A-Z][A-Za-z]+$"},
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": dict.fromkeys(("required", "inline", "instead", "advised", "supported"), _URLS),
            },
        },
    },
    "required": ["types"],
}
"""The contract of a policy file."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which profile each type must meet.

    Attributes:
        types: the rules, by resource type.
        claims: whether resources must meet what they claim in `meta.profile`.
    """

    types: dict[str, TypeRule] = field(default_factory=lambda: FRENCH)
    claims: bool = True

    @classmethod
    def read(cls, place: str) -> Policy:
        """Read a policy: empty for the French one, `base` for base types only, else the path of a JSON file.

        Raises:
            PolicyError: the file is missing, not JSON, or not a policy.
        """
        if not place:
            return cls()
        if place == "base":
            return cls({}, claims=False)
        try:
            stated = orjson.loads(Path(place).read_bytes())
            jsonschema.validate(stated, SCHEMA)
        except (OSError, orjson.JSONDecodeError) as error:
            raise PolicyError(f"{place}: {error}") from error
        except jsonschema.ValidationError as error:
            raise PolicyError(f"{place}: {error.json_path}: {error.message}") from error
        return cls(
            {
                name: TypeRule(
                    tuple(rule.get("required", ())),
                    tuple(rule["inline"]) if "inline" in rule else None,
                    tuple(rule.get("instead", ())),
                    tuple(rule.get("advised", ())),
                    tuple(rule.get("supported", ())),
                )
                for name, rule in stated["types"].items()
            }
        )

    def profiles(self, resource: dict[str, Any]) -> tuple[str, ...]:
        """Return the profiles that a resource must meet, beside what it claims."""
        rule = self.types.get(str(resource.get("resourceType")))
        if rule is None:
            return ()
        if rule.inline is not None and has_inline_content(resource):
            return rule.inline
        chosen = tuple(profile for profile in rule.instead if profile in _claimed(resource))
        return chosen[:1] or rule.required

    def advised(self, resource: dict[str, Any]) -> tuple[str, ...]:
        """Return the profiles that a resource would better meet: their breach is a warning."""
        rule = self.types.get(str(resource.get("resourceType")))
        return rule.advised if rule else ()

    def declared(self, resource_type: str) -> tuple[str, list[str]]:
        """Return what a CapabilityStatement says of a type: `profile`, and `supportedProfile` with all others."""
        rule = self.types.get(resource_type, TypeRule())
        profile = rule.required[0] if rule.required else f"{_BASE}{resource_type}"
        others = [*rule.required[1:], *(rule.inline or ()), *rule.instead, *rule.supported, *rule.advised]
        return profile, list(dict.fromkeys(others))


def _claimed(resource: dict[str, Any]) -> list[str]:
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    named = profiles if isinstance(profiles, list) else []
    return [each.partition("|")[0] for each in named if isinstance(each, str)]


def has_inline_content(resource: dict[str, Any]) -> bool:
    """Return whether a DocumentReference carries its content in itself (`content.attachment.data`)."""
    contents = resource.get("content")
    return isinstance(contents, list) and any(
        isinstance(one, dict) and isinstance(one.get("attachment"), dict) and "data" in one["attachment"]
        for one in contents
    )

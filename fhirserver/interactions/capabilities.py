"""capabilities: what this server does, generated from what is wired (https://hl7.org/fhir/R4/capabilitystatement.html).

Built once with the fhir.resources models, then sent as bytes, into which the base url is set.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from fhirserver import __version__, jsontext
from fhirserver.definitions import Definitions
from fhirserver.errors import BadRequest
from fhirserver.interactions import terminology_capabilities
from fhirserver.interactions.exchange import Answer
from fhirserver.issues import Text
from fhirserver.operations.registry import Operation, Operations
from fhirserver.search.declared.registry import Registry
from fhirserver.settings import Settings
from fhirserver.terminology import Terminology
from fhirserver.validation.policy import Policy

INTERACTIONS: Final = (
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type",
)  # fmt: skip
_SYSTEM: Final = ("transaction", "batch", "history-system", "search-system")
_EVERYWHERE: Final = (
    {"name": "_id", "definition": "http://hl7.org/fhir/SearchParameter/Resource-id", "type": "token"},
    {"name": "_lastUpdated", "definition": "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated", "type": "date"},
)
_MODES: Final = ("full", "normative", "terminology")
_ANY_BASE: Final = "urn:uuid:9d1b1f0e-3c0a-4c55-8f0e-5a1d8f2b7c11"
"""Stands for the base url in the statement that is kept ready."""
_STATUS: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
_PDSM: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/CapabilityStatement/PDSm-GestionnaireDePartageDeDocuments"


@dataclass(slots=True)
class Capabilities:
    """The statement of one server process."""

    settings: Settings
    definitions: Definitions
    types: frozenset[str]
    registry: Registry
    operations: Operations
    policy: Policy
    formats: tuple[str, ...]
    patch_formats: tuple[str, ...]
    terminology: Terminology
    _started: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    _ready: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    _building: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, base: str, mode: str = "full") -> Answer:
        """Answer the statement as JSON bytes.

        Args:
            base: the FHIR base url as the client sees it.
            mode: `full`; `normative`: without what R4 has on trial; `terminology`: TerminologyCapabilities.

        Raises:
            BadRequest: an unknown mode.
        """
        if mode not in _MODES:
            offered = ", ".join(_MODES)
            raise BadRequest(Text(f"mode vaut l'un de {offered}.", f"mode is one of {offered}."), rule="mode")
        ready = self.prepare(mode).replace(_ANY_BASE.encode(), jsontext.write(base)[1:-1])
        return Answer(200, json=ready, headers={"Cache-Control": "public, max-age=60"})

    def prepare(self, mode: str = "full") -> bytes:
        """Return a statement with a stand-in for the base url; built, in half a second, when parameters changed."""
        if self._ready.get(mode, (-1, b""))[0] != self.registry.generation:
            with self._building:
                generation = self.registry.generation
                if self._ready.get(mode, (-1, b""))[0] != generation:
                    self._ready[mode] = generation, jsontext.write(self._statement(mode))
        return self._ready[mode][1]

    def _statement(self, mode: str) -> dict[str, Any]:
        if mode == "terminology":
            return terminology_capabilities.statement(self.terminology, _ANY_BASE, self._started)
        statement = self.statement(_ANY_BASE)
        return statement if mode == "full" else normative(self.definitions, statement)

    def statement(self, base: str) -> dict[str, Any]:
        """Return the CapabilityStatement of the server at a base url."""
        from fhir.resources.R4B.capabilitystatement import CapabilityStatement  # noqa: PLC0415 - half a second of a start

        content: dict[str, Any] = {
            "name": "Fhirserver",
            "title": "fhirserver",
            "status": "active",
            "date": self._started,
            "publisher": "fhirserver",
            "kind": "instance",
            "instantiates": [_PDSM],
            "software": {"name": "fhirserver", "version": __version__},
            "implementation": {"description": "fhirserver: ordonnance numérique, DMP", "url": base},
            "fhirVersion": "4.0.1",
            "format": list(self.formats),
            "patchFormat": list(self.patch_formats) or None,
            "rest": [self._rest()],
        }
        model = CapabilityStatement(**content)
        written: dict[str, Any] = jsontext.read(model.model_dump_json(exclude_none=True).encode())
        return {"resourceType": "CapabilityStatement", **written}

    def _rest(self) -> dict[str, Any]:
        rest: dict[str, Any] = {
            "mode": "server",
            "security": {
                "cors": bool(self.settings.cors_origins),
                "service": [
                    {
                        "coding": [
                            {
                                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                "code": "OAuth",  # not SMART-on-FHIR: how tokens are had is told by who issues them
                            }
                        ],
                        "text": "Bearer JWT, SMART scopes",
                    }
                ],
                "description": "Jeton JWT signé (Authorization: Bearer) ; périmètres SMART v2. "
                "Signed JWT (Authorization: Bearer); SMART v2 scopes.",
            },
            "resource": self._resources(),
            "interaction": [{"code": name} for name in _SYSTEM],
        }
        operations = _declared(self.operations.all, lambda operation: operation.system)
        if operations:
            rest["operation"] = operations
        return rest

    def _resources(self) -> list[dict[str, Any]]:
        referrers: dict[str, list[str]] = {}
        for kind in sorted(self.types):
            for one in self.registry.of(kind).by_code.values():
                if one.kind == "reference" and not one.canonical:
                    for target in one.targets:
                        referrers.setdefault(target, []).append(f"{kind}:{one.code}")
        return [self._resource(kind, referrers.get(kind, [])) for kind in sorted(self.types)]

    def _resource(self, kind: str, referrers: list[str]) -> dict[str, Any]:
        parameters = self.registry.of(kind).by_code.values()
        profile, supported = self.policy.declared(kind)
        entry: dict[str, Any] = {
            "type": kind,
            "profile": profile,
            "supportedProfile": supported,
            "interaction": [{"code": name} for name in INTERACTIONS if name != "patch" or self.patch_formats],
            "versioning": "versioned-update",
            "readHistory": True,
            "updateCreate": True,
            "conditionalCreate": True,
            "conditionalRead": "full-support",
            "conditionalUpdate": True,
            "conditionalDelete": self.settings.conditional_delete,
            "referencePolicy": ["literal", "logical", "local"]
            + (["enforced"] if self.settings.dangling_references == "refuse" else []),
            "searchInclude": [
                f"{kind}:{one.code}" for one in parameters if one.kind == "reference" and not one.canonical
            ],
            "searchRevInclude": referrers,
            "searchParam": [
                *_EVERYWHERE,
                *(
                    {"name": parameter.code, "definition": parameter.url, "type": parameter.kind}
                    for parameter in parameters
                ),
            ],
            "operation": _declared(
                self.operations.all, lambda operation: operation.offered(kind, None) or operation.offered(kind, "1")
            ),
        }
        return {name: value for name, value in entry.items() if value not in (None, [])}


def normative(definitions: Definitions, statement: dict[str, Any]) -> dict[str, Any]:
    """Return a CapabilityStatement without the elements that its definition marks as on trial."""
    definition = definitions.structure("CapabilityStatement") or {}
    trial = {
        element["path"]
        for element in definition.get("snapshot", {}).get("element", ())
        for extension in element.get("extension", ())
        if extension.get("url") == _STATUS and extension.get("valueCode") != "normative"
    }

    def kept(value: Any, path: str) -> Any:
        if isinstance(value, list):
            return [kept(item, path) for item in value]
        if not isinstance(value, dict):
            return value
        return {name: kept(item, f"{path}.{name}") for name, item in value.items() if f"{path}.{name}" not in trial}

    left: dict[str, Any] = kept(statement, "CapabilityStatement")
    return left


def _declared(operations: Iterable[Operation], wanted: Callable[[Operation], bool]) -> list[dict[str, str]]:
    return [
        {"name": operation.name, "definition": operation.definition} for operation in operations if wanted(operation)
    ]

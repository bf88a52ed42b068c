"""ValueSet/$expand: the codes of a value set. https://hl7.org/fhir/R4/valueset-operation-expand.html."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fhirserver.errors import Unprocessable
from fhirserver.issues import Text
from fhirserver.operations.inputs import Inputs
from fhirserver.operations.terminology.validate_code import named_value_set
from fhirserver.terminology import Terminology
from fhirserver.terminology.expansion import Entry, Expansion, expansion, folded, words

_VERSIONS: Final = ("system-version", "check-system-version", "force-system-version")
PARAMETERS: Final = frozenset(
    {
        "url",
        "valueSet",
        "valueSetVersion",
        "filter",
        "offset",
        "count",
        "includeDesignations",
        "designation",
        "includeDefinition",
        "activeOnly",
        "excludeNested",
        "excludeNotForUI",
        "excludePostCoordinated",
        "displayLanguage",
        "exclude-system",
        *_VERSIONS,
    }
)
MAX_AT_ONCE: Final = 10_000
"""A larger expansion must be read in pages."""

UNCLOSED: Final = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
_KEPT: Final = ("url", "version", "name", "title", "status", "experimental", "date", "publisher", "description")


def expand(
    terminology: Terminology, parameters: dict[str, Any], *, value_set: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the value set with its expansion.

    Args:
        terminology: where code systems and value sets are.
        parameters: of the call.
        value_set: when asked of an instance.

    Raises:
        BadRequest: a parameter is missing or not understood.
        NotFound: the value set is not loaded.
        Unprocessable: a part of it cannot be enumerated here, or it is too large to be read without `count`.
    """
    inputs = Inputs(parameters, PARAMETERS)
    chosen = value_set or inputs.resource("valueSet", "ValueSet") or named_value_set(terminology, inputs)
    chosen = _with_versions(chosen, inputs)
    wanted = words(inputs.text("filter") or "")
    whole = expansion(terminology, chosen, wanted)
    found = list(_filtered(whole, wanted, inputs))
    offset, count = inputs.number("offset") or 0, inputs.number("count")
    if count is None and len(found) - offset > MAX_AT_ONCE:
        raise _too_costly(len(found))
    page = found[offset : offset + min(MAX_AT_ONCE if count is None else count, MAX_AT_ONCE)]
    result: dict[str, Any] = {"resourceType": "ValueSet"}
    result |= {key: chosen[key] for key in _KEPT if key in chosen}
    result.setdefault("status", "active")
    if inputs.flag("includeDefinition") and "compose" in chosen:
        result["compose"] = chosen["compose"]
    result["expansion"] = {
        **({"extension": [{"url": UNCLOSED, "valueBoolean": True}]} if whole.unclosed else {}),
        "identifier": f"urn:uuid:{uuid.uuid4()}",
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "total": len(found),
        **({"offset": offset} if offset or count is not None else {}),
        **({"parameter": echoed} if (echoed := _echo(parameters, whole)) else {}),
        **({"contains": contains} if (contains := [_written(entry, inputs) for entry in page]) else {}),
    }
    return result


def _with_versions(value_set: dict[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Return the value set with the versions of code systems that the call asks for."""
    wished = {name: dict(one.split("|", 1) for one in inputs.texts(name) if "|" in one) for name in _VERSIONS}
    if not any(wished.values()):
        return value_set
    default, check, force = (wished[name] for name in _VERSIONS)
    compose = dict(value_set.get("compose") or {})
    for kind in ("include", "exclude"):
        parts = []
        for part in compose.get(kind) or ():
            system, version = part.get("system"), part.get("version")
            version = force.get(system) or version or default.get(system) or check.get(system)
            if system in check and version != check[system]:
                raise _other_version(system, str(version), check[system])
            parts.append({**part, "version": version} if version else part)
        if parts:
            compose[kind] = parts
    return {**value_set, "compose": compose}


def _filtered(whole: Expansion, wanted: Sequence[str], inputs: Inputs) -> Iterator[Entry]:
    active_only, for_ui = inputs.flag("activeOnly"), inputs.flag("excludeNotForUI")
    excluded = {one.partition("|")[0] for one in inputs.texts("exclude-system")}
    for entry in whole.entries:
        if entry.system in excluded or (active_only and entry.inactive) or (for_ui and entry.abstract):
            continue
        if wanted:
            text = folded(" ".join([entry.code, *(name.value for name in entry.names)]))
            if not all(word in text for word in wanted):
                continue
        yield entry


def _written(entry: Entry, inputs: Inputs) -> dict[str, Any]:
    display = entry.name(inputs.text("displayLanguage") or "")
    wanted = [one.rpartition("|")[2] for one in inputs.texts("designation")]
    designations = [
        {
            **({"language": name.language} if name.language else {}),
            **({"use": name.use} if name.use else {}),
            "value": name.value,
        }
        for name in entry.names
        if (name.value != display or name.use) and (not wanted or name.language in wanted or _use(name.use) in wanted)
    ]
    shown = inputs.flag("includeDesignations") or bool(wanted)
    return {
        "system": entry.system,
        **({"abstract": True} if entry.abstract else {}),
        **({"inactive": True} if entry.inactive else {}),
        **({"version": entry.version} if entry.version else {}),
        "code": entry.code,
        **({"display": display} if display else {}),
        **({"designation": designations} if shown and designations else {}),
    }


def _use(use: dict[str, str] | None) -> str:
    return (use or {}).get("code", "")


def _echo(parameters: dict[str, Any], whole: Expansion) -> list[dict[str, Any]]:
    """Return what shaped the expansion: the simple parameters of the call, and the code systems used."""
    echoed = []
    for parameter in parameters.get("parameter") or ():
        value = {key: one for key, one in parameter.items() if key.startswith("value") and not isinstance(one, dict)}
        if value:
            echoed.append({"name": parameter["name"], **_plain(value)})
    used = dict.fromkeys(f"{entry.system}|{entry.version}" for entry in whole.entries if entry.version)
    return [*echoed, *({"name": "used-codesystem", "valueUri": one} for one in used)]


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return a value[x] in one of the types that `expansion.parameter` allows."""
    allowed = ("valueString", "valueBoolean", "valueInteger", "valueDecimal", "valueUri", "valueCode", "valueDateTime")
    ((key, one),) = value.items()
    return {key if key in allowed else "valueString": one}


def _too_costly(total: int) -> Unprocessable:
    return Unprocessable(
        Text(
            f"L'expansion compte {total} codes ; lisez-la par pages (count et offset) ou avec filter.",
            f"The expansion has {total} codes; read it in pages (count and offset) or with filter.",
        ),
        code="too-costly",
    )


def _other_version(system: str, version: str, asked: str) -> Unprocessable:
    return Unprocessable(
        Text(
            f"Le jeu de valeurs utilise la version {version} de {system}, et non {asked}.",
            f"The value set uses version {version} of {system}, not {asked}.",
        ),
        code="business-rule",
    )

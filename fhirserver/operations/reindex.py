"""$reindex: index values made anew in the background, and how far that has come.

POST [base]/$reindex                 all types; `type` names some
POST [base]/Observation/$reindex     one type
GET  [base]/$reindex                 the progress of the last one
"""

from __future__ import annotations

from typing import Any, Final

from fhirserver.errors import BadRequest, Conflict
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.writes import writing
from fhirserver.issues import Text
from fhirserver.operations.registry import Call, Operation
from fhirserver.search.mongo import upkeep as mongo_upkeep


def reindex(call: Call) -> Answer:
    """Begin, or tell the progress.

    Raises:
        BadRequest: `type` names no resource type, or another parameter is there.
        Conflict: one is under way.
    """
    writing.allow(call.request, "u", "SearchParameter")
    store = call.services.store
    asked = call.parameters(("type",) if call.kind is None and call.request.method == "POST" else ()).get("type", [])
    if call.request.method == "GET":
        return Answer(200, resource=_told(mongo_upkeep.progress(store)))
    types = _types(call, asked)
    if not mongo_upkeep.request(store, types):
        raise Conflict(
            Text(
                "Une réindexation est déjà en cours ; GET $reindex en donne l'avancement.",
                "Indexing is under way already; GET $reindex tells how far it has come.",
            ),
            rule="reindex",
        )
    return Answer(202, resource=_told(mongo_upkeep.progress(store)))


def _types(call: Call, asked: list[Any]) -> list[str]:
    if call.kind is not None:
        return [call.kind]
    for each in asked:
        if each not in call.services.types:
            raise BadRequest(
                Text(
                    f"« {str(each)[:40]} » n'est pas un type de ressource.", f'"{str(each)[:40]}" is no resource type.'
                ),
                rule="parameter",
            )
    return sorted(asked or call.services.types)


def _told(progress: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": "state", "valueCode": progress["state"] if progress else "none"}]
    if progress:
        parts += [{"name": name, "valueInteger": progress[name]} for name in ("done", "total")]
        parts += [{"name": "type", "valueCode": each} for each in progress["types"]]
        if progress["finished"]:
            parts.append({"name": "finished", "valueInstant": progress["finished"].isoformat(timespec="milliseconds")})
    return {"resourceType": "Parameters", "parameter": parts}


OPERATION: Final = Operation(
    "reindex", reindex, "urn:fhirserver:OperationDefinition:reindex", system=True, types=("*",)
)

"""`DocumentReference/$generate-metadata` (ITI-106): submit a document that describes itself.

https://profiles.ihe.net/ITI/MHD/ITI-106.html: the input is a Binary with a CDA R2, or a FHIR document Bundle; the
document is submitted under metadata made from it, and checked as any submission.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fhirserver.dmp.content import attachments, generated, media
from fhirserver.dmp.content.attachments import Examined
from fhirserver.errors import BadRequest, Unprocessable
from fhirserver.interactions import transaction
from fhirserver.interactions.exchange import Answer
from fhirserver.issues import Text
from fhirserver.operations.registry import Call, Operation

_WHERE: Final = "Parameters.parameter.where(name = 'document')"


def run(call: Call) -> Answer:
    """Submit the document; answer with a reference to its DocumentReference.

    Raises:
        BadRequest: no document, or one that must not be read.
        Unprocessable: a document that does not describe itself.
        Failure: what a submission may be refused for.
    """
    document, content = _described(call)
    bundle = generated.submission(document, content, call.request.caller.client)
    request = replace(call.request, method="POST", path=(), query="")
    answer = transaction.perform(call.services, request, bundle)
    made = answer.resource or {}
    place = made["entry"][1]["response"]["location"].split("/_history/")[0]
    reference = "/".join(place.split("/")[-2:])
    told = {"name": "DocumentReference", "valueReference": {"reference": reference}}
    return Answer(200, resource={"resourceType": "Parameters", "parameter": [told]})


def _described(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a document's metadata, and the document."""
    given = call.parameters()
    sent = next((item for name in ("document", "resource") for item in given.get(name, ())), None)
    found: dict[str, Any] = sent if isinstance(sent, dict) else {}
    kind = found.get("resourceType")
    if kind == "Bundle" and found.get("type") == "document":
        described = generated.of_bundle(found)
        if described is not None:
            return described, found
        raise _silent("Le document FHIR ne commence pas par une Composition.", "The FHIR document has no Composition.")
    if kind != "Binary":
        raise BadRequest(
            Text(
                "Le paramètre document doit être un Binary (CDA R2) ou un Bundle de type document.",
                "The parameter document must be a Binary (CDA R2) or a Bundle of type document.",
            ),
            expression=_WHERE,
            rule="operation-input",
        )
    declared = media.bare(found.get("contentType"))
    examined: Examined = attachments.examine(
        found.get("data"), declared, f"{_WHERE}.resource.data", call.services.settings.dmp_max_document
    )
    if examined.faults:
        raise BadRequest(examined.faults[0].text, issues=examined.faults)
    if not examined.headers:
        raise _silent(
            "Le Binary n'est pas un CDA R2 : ses métadonnées ne se déduisent pas.",
            "The Binary is no CDA R2: its metadata cannot be made from it.",
        )
    content = attachments.decode(found.get("data")) or b""
    return generated.of_cda(examined.headers[0], content, declared), found


def _silent(fr: str, en: str) -> Unprocessable:
    return Unprocessable(Text(fr, en), expression=_WHERE, rule="generate-metadata")


OPERATION: Final = Operation(
    name="generate-metadata",
    run=run,
    definition="https://profiles.ihe.net/ITI/MHD/OperationDefinition/generate-metadata",
    types=("DocumentReference",),
    reads=False,
)

"""From the body of a PATCH to a change of a resource (https://hl7.org/fhir/R4/http.html#patch)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from lxml import etree

from fhirserver import jsontext
from fhirserver.errors import BadRequest, Unprocessable, Unreadable, UnsupportedMediaType
from fhirserver.fhirpath import Engine
from fhirserver.interactions.patching import fhirpath_patch, json_patch, shapes, xml_patch
from fhirserver.issues import Issue, Text

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""From the current version of a resource to its next one; leaves the current one as it is.

Raises BadRequest (the patch makes no sense) or Unprocessable (it does not apply to this resource)."""

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
XML_PATCH: Final = "application/xml-patch+xml"
_FHIR_JSON: Final = frozenset({"application/fhir+json", "application/json+fhir"})
_FHIR_XML: Final = frozenset({"application/fhir+xml", "application/xml+fhir", "application/xml", "text/xml"})
OFFERED: Final = (JSON_PATCH, XML_PATCH, "application/fhir+json", "application/fhir+xml", MERGE_PATCH)


class Xml(Protocol):
    """Reads and writes resources as XML (`wire.xml.XmlCodec`)."""

    def read(self, data: bytes) -> tuple[dict[str, Any], list[Issue]]:
        """Return the resource and warnings; raises Unreadable."""

    def write(self, resource: Mapping[str, Any]) -> bytes:
        """Return the resource as XML."""


class Patcher:
    """Understands patches of every kind; safe to share between threads."""

    def __init__(self, engine: Engine, xml: Xml) -> None:
        self._engine = engine
        self._xml = xml

    def read(self, media: str, data: bytes) -> Change:
        """Understand the body of a PATCH.

        Args:
            media: its Content-Type; `application/json` is taken by its content: an array as JSON Patch, Parameters as
                FHIRPath Patch, any other object as merge patch.
            data: the body.

        Raises:
            UnsupportedMediaType: no kind of patch; the header Accept-Patch names those there are.
            BadRequest: not a patch of that kind.
            Unreadable: not JSON, or not FHIR XML.
        """
        kind = media.partition(";")[0].strip().lower()
        if kind == XML_PATCH:
            xml_patch.parse(data)
            return lambda resource: self._by_xml(resource, data)
        if kind in _FHIR_XML:
            return self.from_resource(self._xml.read(data)[0])
        if kind not in {JSON_PATCH, MERGE_PATCH, "application/json", *_FHIR_JSON}:
            raise _unsupported(media)
        body = jsontext.read(data)
        if kind == JSON_PATCH or (kind == "application/json" and isinstance(body, list)):
            return lambda resource: self._judged(resource, json_patch.apply(resource, body, fhir=True))
        if not isinstance(body, dict):
            raise BadRequest(
                Text("Le corps de ce PATCH est un objet JSON.", "The body of this PATCH is a JSON object."),
                rule="patch",
            )
        if kind in _FHIR_JSON or (kind == "application/json" and body.get("resourceType") == "Parameters"):
            return self.from_resource(body)
        return lambda resource: self._judged(resource, json_patch.merge(resource, body, fhir=True))

    def from_resource(self, resource: dict[str, Any]) -> Change:
        """Understand a patch that is a resource: Parameters, or in a Bundle's entry also a Binary with a patch inside.

        Raises:
            BadRequest, UnsupportedMediaType, Unreadable: as `read`.
        """
        kind = resource.get("resourceType")
        if kind == "Parameters":
            return lambda current: self._judged(current, fhirpath_patch.apply(self._engine, current, resource))
        media, data = resource.get("contentType"), resource.get("data")
        if kind == "Binary" and isinstance(media, str) and isinstance(data, str):
            try:
                return self.read(media, base64.b64decode(data, validate=True))
            except binascii.Error:
                raise Unreadable(
                    Text("Binary.data n'est pas du base64.", "Binary.data is not base64."), expression="Binary.data"
                ) from None
        raise BadRequest(
            Text(
                "Un PATCH en FHIR est une ressource Parameters (FHIRPath Patch), ou dans un Bundle un Binary qui "
                f"contient le patch ; reçu : {str(kind)[:60]}.",
                "A PATCH in FHIR is a Parameters resource (FHIRPath Patch), or in a Bundle a Binary that holds the "
                f"patch; got: {str(kind)[:60]}.",
            ),
            expression="Parameters",
            rule="patch",
        )

    def _by_xml(self, resource: dict[str, Any], patch: bytes) -> dict[str, Any]:
        patched = xml_patch.apply(self._xml.write(resource), patch)
        try:
            read, _ = self._xml.read(patched)
        except Unreadable as failure:
            # the patch was readable: what it makes of this resource is not
            raise Unprocessable(failure.issues[0].text, issues=failure.issues) from None
        _keep_narratives(resource, read)
        return self._judged(resource, read)

    def _judged(self, before: dict[str, Any], after: Any) -> dict[str, Any]:
        """Return the patched resource, if it still is the same one and values stand where such values belong."""
        if not isinstance(after, dict) or after.get("resourceType") != before.get("resourceType"):
            raise _identity("resourceType", before)
        if after.get("id") != before.get("id"):
            raise _identity("id", before)
        node = self._engine.node(after)
        shapes.check(after, node.type, node.type.name)
        return after


def _keep_narratives(before: Any, after: Any) -> None:
    """Give narratives that mean the same their former text back, byte by byte: the XML in between rewrites it."""
    if isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=False):
            _keep_narratives(one, other)
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return
    for key, held in before.items():
        if key == "div" and isinstance(held, str) and isinstance(after.get(key), str):
            if _canonical(held) == _canonical(after[key]):
                after[key] = held
        elif key in after:
            _keep_narratives(held, after[key])


def _canonical(xhtml: str) -> bytes:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.tostring(etree.fromstring(xhtml.encode(), parser), method="c14n2")
    except (etree.XMLSyntaxError, ValueError):
        return xhtml.encode()


def _identity(element: str, resource: dict[str, Any]) -> Unprocessable:
    kind = resource.get("resourceType")
    return Unprocessable(
        Text(
            f"Un PATCH ne change pas {kind}.{element} : créez une autre ressource.",
            f"A PATCH does not change {kind}.{element}: create another resource.",
        ),
        expression=f"{kind}.{element}",
        rule="patch-identity",
    )


def _unsupported(media: str) -> UnsupportedMediaType:
    offered = ", ".join(OFFERED)
    return UnsupportedMediaType(
        Text(
            f"Content-Type « {media[:80]} » : ce n'est pas un patch connu. Envoyez {offered}.",
            f'Content-Type "{media[:80]}": no known kind of patch. Send {offered}.',
        ),
        rule="content-type",
        headers={"Accept-Patch": offered},
    )

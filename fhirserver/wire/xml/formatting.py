"""FHIR XML, both ways: https://hl7.org/fhir/R4/xml.html."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirserver.definitions import Definitions, Elements
from fhirserver.issues import Issue
from fhirserver.wire.xml.model import Model
from fhirserver.wire.xml.reading import Reader
from fhirserver.wire.xml.writing import Writer


class XmlCodec:
    """Reads and writes resources as XML; safe to share between threads."""

    def __init__(self, definitions: Definitions, elements: Elements | None = None) -> None:
        self._model = Model(elements or Elements(definitions), definitions.resource_types)

    def read(self, data: bytes) -> tuple[dict[str, Any], list[Issue]]:
        """Return the resource as JSON has it, and warnings (elements out of order).

        Comments and processing instructions are dropped, except in a narrative, which stays as it stands in the
        source, byte by byte. Decimals keep their digits.

        Raises:
            Unreadable: malformed; not UTF-8; a DTD; unknown or foreign elements and attributes; free text; empty
                elements; nested too deep. The text names the line.
        """
        reader = Reader(self._model, data)
        return reader.read(), reader.warnings

    def write(self, resource: Mapping[str, Any], *, pretty: bool = False) -> bytes:
        """Return a resource as an XML document in UTF-8.

        Raises:
            Unprocessable: it holds what XML cannot carry: elements that FHIR does not have, control characters.
        """
        return Writer(self._model, pretty=pretty).write(resource)

"""Rules of single data types that the specification states in prose."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Final

from fhirserver.validation.elements.formats import is_absolute
from fhirserver.validation.elements.narrative import narrative_rules
from fhirserver.validation.elements.references import quietly_written, reference_format
from fhirserver.validation.resources.contained import contained_rules
from fhirserver.validation.run import Check, Path, Run, Step
from fhirserver.validation.texts import types as texts

_URI_VALUES: Final = "urn:ietf:rfc:3986"


def identifier_rules(value: Any, path: Path, run: Run) -> None:
    """Judge an Identifier: its system is absolute, and a uri as a value is one."""
    system = value.get("system")
    if type(system) is not str or not system:
        return
    if not is_absolute(system):
        run.error("value", (path, "system", -1), "identifier-system", texts.identifier_system(system))
    elif system == _URI_VALUES:
        own = value.get("value")
        if type(own) is str and not is_absolute(own):
            run.error("value", (path, "value", -1), "identifier-uri", texts.identifier_uri(own))


def _right_identifier(value: Any, _run: Run) -> bool:
    system = value.get("system")
    return system is None or (type(system) is str and system != _URI_VALUES and is_absolute(system))


def attachment_rules(value: Any, path: Path, run: Run) -> None:
    """Judge an Attachment whose content is inline: the size and SHA-1 it states are those of the content."""
    data = value.get("data")
    if type(data) is not str or not run.options.content or not ("size" in value or "hash" in value):
        return
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except binascii.Error:
        return  # the format of data says so
    size, stated = value.get("size"), value.get("hash")
    if type(size) is int and size != len(content):
        run.error("value", (path, "size", -1), "attachment-size", texts.attachment_size(size, len(content)))
    if type(stated) is str:
        real = base64.b64encode(hashlib.sha1(content).digest()).decode()  # noqa: S324 - FHIR prescribes SHA-1 here
        if stated != real:
            run.error("value", (path, "hash", -1), "attachment-hash", texts.attachment_hash(stated, real))


SPECIAL: Final[dict[str, tuple[Step, ...]]] = {
    "Identifier": (Step(identifier_rules, _right_identifier),),
    "Attachment": (Step(attachment_rules, lambda value, _run: "data" not in value),),
    "Reference": (Step(reference_format, quietly_written),),
    "xhtml": (Step(narrative_rules),),
}
"""By FHIR type."""

EVERY_RESOURCE: Final[tuple[Check, ...]] = (contained_rules,)
"""On every resource."""

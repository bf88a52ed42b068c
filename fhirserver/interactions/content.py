"""The content of Binary resources that come as FHIR: taken out of base64, kept as bytes."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from fhirserver.errors import Unprocessable
from fhirserver.issues import Text
from fhirserver.store import Store
from fhirserver.store.files import Upload

_SPACE: Final = re.compile(r"\s+")


def split(store: Store, resource: dict[str, Any]) -> tuple[dict[str, Any], Upload | None]:
    """Return a Binary resource without its data, and the data as content to be kept; others as they are.

    Raises:
        Unprocessable: `data` is no base64.
    """
    data = resource.get("data")
    if resource.get("resourceType") != "Binary" or not isinstance(data, str):
        return resource, None
    try:
        content = base64.b64decode(_SPACE.sub("", data), validate=True)
    except (binascii.Error, ValueError):
        raise Unprocessable(
            Text("Binary.data n'est pas du base64.", "Binary.data is no base64."),
            expression="Binary.data",
            rule="base64",
            code="value",
        ) from None
    rest = {name: value for name, value in resource.items() if name != "data"}
    return rest, store.files.upload([content])

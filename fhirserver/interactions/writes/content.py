"""The content of Binary resources that come as FHIR: taken out of base64, kept as bytes."""

from __future__ import annotations

from typing import Any, Final

from fhirserver import base64text
from fhirserver.errors import Unprocessable
from fhirserver.issues import Text
from fhirserver.store import Store
from fhirserver.store.kept.files import Upload

READY: Final = "contents"
"""Under this name of `Request.memory`, a guard leaves contents that it decoded already, by the id of their Binary."""


def split(store: Store, resource: dict[str, Any], ready: Upload | None = None) -> tuple[dict[str, Any], Upload | None]:
    """Return a Binary resource without its data, and the data as content to be kept; others as they are.

    Args:
        store: where content is kept.
        resource: as it was sent.
        ready: its data, where they are decoded already.

    Raises:
        Unprocessable: `data` is no base64.
    """
    data = resource.get("data")
    if resource.get("resourceType") != "Binary" or not isinstance(data, str):
        return resource, None
    try:
        upload = ready or store.files.upload(base64text.pieces(data))
    except ValueError:
        raise Unprocessable(
            Text("Binary.data n'est pas du base64.", "Binary.data is no base64."),
            expression="Binary.data",
            rule="base64",
            code="value",
        ) from None
    return {name: value for name, value in resource.items() if name != "data"}, upload

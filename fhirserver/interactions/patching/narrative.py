"""A narrative that a patch made stale is not kept: it would tell people what the data no longer say.

https://hl7.org/fhir/R4/http.html#patch demands that the narrative is not clinically unsafe after a patch.
"""

from __future__ import annotations

from typing import Any, Final

from fhirserver.errors import Unprocessable
from fhirserver.issues import Text

_TOLD_NOWHERE: Final = ("meta", "text", "id", "implicitRules", "language")
"""Elements of which no narrative tells."""
_NOT_CLINICAL: Final = ("DocumentReference", "DocumentManifest", "List", "Task", "Binary")
"""What they tell is about documents and work, nobody's health: their narratives endanger nobody, and stay."""


def without_stale(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return a patched resource without the narrative that was generated from its former data.

    It stays when the patch itself writes it, when nothing changed that it could tell, and when it is empty.

    Raises:
        Unprocessable: it says more than the data (`additional`), so that it can neither stay nor go.
    """
    text, kind = after.get("text"), str(after.get("resourceType"))
    if kind in _NOT_CLINICAL or not isinstance(text, dict):
        return after
    if text != before.get("text") or _data(before) == _data(after):
        return after
    status = text.get("status")
    if status == "empty":
        return after
    if status == "additional":
        raise Unprocessable(
            Text(
                "Le narratif dit plus que les données (text.status additional) et ce patch les change : "
                "que le patch récrive aussi text.",
                "The narrative says more than the data (text.status additional) and this patch changes them: "
                "have the patch write text as well.",
            ),
            expression=f"{kind}.text",
            rule="stale-narrative",
        )
    return {name: value for name, value in after.items() if name != "text"}


def _data(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in _TOLD_NOWHERE}

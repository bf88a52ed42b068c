"""CodeSystem/$subsumes: how two codes relate. https://hl7.org/fhir/R4/codesystem-operation-subsumes.html."""

from __future__ import annotations

from typing import Any, Final

from fhirserver.errors import NotFound, Unprocessable
from fhirserver.issues import Text
from fhirserver.operations.inputs import Inputs, answer, missing, out
from fhirserver.operations.terminology.lookup import require_system
from fhirserver.terminology import Terminology
from fhirserver.terminology.codesystem import CodeSystem

PARAMETERS: Final = frozenset({"codeA", "codeB", "system", "version", "codingA", "codingB"})


def subsumes(terminology: Terminology, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return Parameters with `outcome`: equivalent, subsumes, subsumed-by or not-subsumed.

    Raises:
        BadRequest: a code or the system is missing.
        NotFound: the code system is not loaded, or does not have a code.
        Unprocessable: codings of two systems, or a hierarchy that does not mean is-a.
    """
    inputs = Inputs(parameters, PARAMETERS)
    first, second = (_coding(inputs, letter) for letter in "AB")
    if first["system"] != second["system"]:
        raise Unprocessable(
            Text(
                "Les deux codes viennent de systèmes différents : la subsomption ne peut pas être établie.",
                "The two codes come from different systems: subsumption cannot be decided.",
            ),
            code="not-supported",
            expression="Parameters",
        )
    version = inputs.text("version") or first.get("version") or ""
    source = require_system(terminology, first["system"], version)
    if not isinstance(source, CodeSystem) or source.meta.get("hierarchyMeaning", "is-a") != "is-a":
        raise Unprocessable(
            Text(
                f"La hiérarchie de {source.url} ne signifie pas « est un » (is-a).",
                f"The hierarchy of {source.url} does not mean is-a.",
            ),
            code="not-supported",
        )
    a, b = (_position(source, one["code"]) for one in (first, second))
    if a == b:
        outcome = "equivalent"
    elif a in source.table.ancestors(b):
        outcome = "subsumes"
    elif b in source.table.ancestors(a):
        outcome = "subsumed-by"
    else:
        outcome = "not-subsumed"
    return answer(out("outcome", outcome, "Code"))


def _coding(inputs: Inputs, letter: str) -> dict[str, Any]:
    inputs.require_one_way(f"code{letter}", f"coding{letter}")
    coding = inputs.coding(f"coding{letter}")
    if coding is not None:
        return coding
    code = inputs.text(f"code{letter}")
    if code is None:
        raise missing(f"code{letter}", f"coding{letter}")
    return {"system": inputs.required("system"), "code": code}


def _position(source: CodeSystem, code: str) -> int:
    position = source.table.find(code)
    if position is None:
        reason = source.status(code).reason
        assert reason is not None
        raise NotFound(reason)
    return position

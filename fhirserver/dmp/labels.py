"""Visibility labels of a document: what they are, which may stand together, who may set them.

Codes are those of TRE_A07 (OID 1.2.250.1.213.1.1.4.13); `N` of v3-Confidentiality says that there is none.
MASQUE_PS with INVISIBLE_PATIENT is excluded by default (DMP homologation, EX_2.1-1050): nobody could see the document
but its author.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fhirserver.dmp.names import NOS
from fhirserver.issues import Text

SYSTEM: Final = f"{NOS}/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
SYSTEM_OID: Final = "urn:oid:1.2.250.1.213.1.1.4.13"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

HIDDEN_FROM_PROFESSIONALS: Final = "MASQUE_PS"
HIDDEN_FROM_SOCIAL_WORKERS: Final = "MASQUE_PSOCIAL"
HIDDEN_FROM_THIRD_PERSONS: Final = "MASQUE_PT"
HIDDEN_FROM_PATIENT: Final = "INVISIBLE_PATIENT"
HIDDEN_FROM_REPRESENTATIVES: Final = "INVISIBLE_REPRESENTANTS_LEGAUX"

LABELS: Final = (
    HIDDEN_FROM_PATIENT,
    HIDDEN_FROM_REPRESENTATIVES,
    HIDDEN_FROM_PROFESSIONALS,
    HIDDEN_FROM_SOCIAL_WORKERS,
    HIDDEN_FROM_THIRD_PERSONS,
)
CONFIDENTIALITIES: Final = frozenset("NRV")


def of(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the visibility labels of a DocumentReference; what is no label of TRE_A07 is left out.

    A code counts whatever its system (a published example misspells it): to overlook it would show what someone meant
    to hide.
    """
    return frozenset(
        coding["code"]
        for concept in document.get("securityLabel", ())
        for coding in concept.get("coding", ())
        if coding.get("code") in LABELS
    )


def unknown(document: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Return position and code of each security label that is neither of TRE_A07 nor a confidentiality."""
    found = []
    for position, concept in enumerate(document.get("securityLabel", ())):
        codings = concept.get("coding", ())
        known = any(
            coding.get("code") in LABELS
            or (coding.get("system") in (CONFIDENTIALITY, None) and coding.get("code") in CONFIDENTIALITIES)
            for coding in codings
        )
        if not known:
            found.append((position, str(codings[0].get("code", "")) if codings else ""))
    return found


def unknown_text(code: str) -> Text:
    """Return what is said of a security label that is unknown."""
    shown = ", ".join(("N", *LABELS))
    return Text(
        f"« {code[:40]} » n'est pas un statut de visibilité ; connus : {shown}.",
        f'"{code[:40]}" is no visibility label; known: {shown}.',
    )


def excluded(labels: Iterable[str], *, allow_both: bool) -> bool:
    """Tell whether labels may not stand together.

    Args:
        labels: of one document.
        allow_both: whether the operator lets MASQUE_PS and INVISIBLE_PATIENT stand together.
    """
    present = set(labels)
    return not allow_both and {HIDDEN_FROM_PROFESSIONALS, HIDDEN_FROM_PATIENT} <= present


def text(labels: Iterable[str]) -> str:
    """Return labels as one text, in one order: an exact value by which documents are selected."""
    return " ".join(sorted(labels))

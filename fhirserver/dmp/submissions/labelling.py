"""The visibility labels with which a document is submitted: known, combinable, and a minor's secret of minors only.

The same rules as for a later change (TD3.3a and b, `dmp/attributes.py`): what may not become of a document may not be
submitted either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhirserver.dmp import labels as label
from fhirserver.dmp.attributes import MAJORITY
from fhirserver.dmp.records.views import age
from fhirserver.dmp.submissions.facts import Facts, Known
from fhirserver.dmp.submissions.faults import fault
from fhirserver.issues import Issue

_SYSTEMS: Final = frozenset({label.SYSTEM, label.SYSTEM_OID, ""})


def check(document: Mapping[str, Any], path: str, patient: Known | None, facts: Facts) -> Iterator[Issue]:
    """Give what is wrong with a document's labels."""
    where = f"{path}.securityLabel"
    if not document.get("securityLabel") or not _readable(document["securityLabel"]):
        # validation says what is wrong with it
        return
    for position, code in _unknown(document["securityLabel"]):
        told = label.unknown_text(code)
        yield fault(f"{where}[{position}]", "label", told.fr, told.en, "code-invalid")
    labels = label.of(document)
    if label.excluded(labels, allow_both=facts.rules.masked_and_invisible):
        yield fault(
            where,
            "label-combination",
            "MASQUE_PS et INVISIBLE_PATIENT ne se cumulent pas : personne ne verrait le document.",
            "MASQUE_PS and INVISIBLE_PATIENT do not stand together: nobody would see the document.",
        )
    if label.HIDDEN_FROM_REPRESENTATIVES in labels and patient is not None:
        born = patient.resource.get("birthDate")
        years = age(born, facts.today) if isinstance(born, str) and facts.today is not None else None
        if years is None or years >= MAJORITY:
            yield fault(
                where,
                "minors-secret",
                "INVISIBLE_REPRESENTANTS_LEGAUX est le secret d'un mineur ; ce patient est majeur, ou son âge est "
                "inconnu.",
                "INVISIBLE_REPRESENTANTS_LEGAUX is a minor's secret; this patient is of age, or his age is unknown.",
            )


def _unknown(concepts: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """Give position and code of what claims to be a visibility label and is none; of other systems, profiles judge."""
    for position, concept in enumerate(concepts):
        for coding in concept.get("coding", []):
            code = coding.get("code", "")
            if (
                coding.get("system", "") in _SYSTEMS
                and code not in label.LABELS
                and code not in label.CONFIDENTIALITIES
            ):
                yield position, code


def _readable(concepts: Any) -> bool:
    """Tell whether labels have the form that FHIR gives them."""
    return isinstance(concepts, list) and all(
        isinstance(concept, dict)
        and isinstance(codings := concept.get("coding", []), list)
        and all(
            isinstance(coding, dict) and _is_text(coding, "system") and _is_text(coding, "code") for coding in codings
        )
        for concept in concepts
    )


def _is_text(coding: Mapping[str, Any], element: str) -> bool:
    return isinstance(coding.get(element, ""), str)

"""Who may prescribe what, by profession code; locums name whom they replace.

Sources: Code de la santé publique R5132-6 and the lists of each profession (data), R4127-65 (locums).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.alerts import Alert
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.professions import LABELS
from fhirserver.prescription.rules.case import Case

_STRICT: Final = frozenset({"assimilated"})


def profession(case: Case) -> Iterator[Alert]:
    """The prescriber's profession may prescribe such a line, or it is within the profession's list."""
    prescriber = case.facts.prescriber
    if prescriber is None or prescriber.profession is None:
        return
    may = case.tables.prescriber(prescriber.profession, case.on)
    french, english = LABELS[case.line.kind]
    extent = may.get(str(case.line.kind)) if may else None
    name = may["name"] if may else f"profession {prescriber.profession}"
    source = str((may or {}).get("source", "CSP R5132-6"))
    if extent == "all":
        return
    listed = not case.medicine.classes.isdisjoint((may or {}).get("classes", ()))
    strict = case.line.is_medicine and (case.medicine.is_narcotic or not case.medicine.classes.isdisjoint(_STRICT))
    if extent is None or strict:
        yield case.blocking(
            "prescriber",
            Text(
                f"« {case.line.title} » ({french}) : un professionnel « {name} » ne peut pas le prescrire.",
                f'"{case.line.title}" ({english}): a professional "{name}" may not prescribe it.',
            ),
            "requester",
            source,
        )
    elif not listed:
        yield case.confirm(
            "prescriber",
            Text(
                f"« {case.line.title} » ({french}) : un professionnel « {name} » ne prescrit que dans les limites de "
                "sa liste.",
                f'"{case.line.title}" ({english}): a professional "{name}" prescribes within his list only.',
            ),
            "requester",
            source,
        )


def locum(case: Case) -> Iterator[Alert]:
    """A locum prescribes in the name of a replaced prescriber, whom the line names."""
    replaced = elements.replaced_prescriber(case.line.resource)
    if Flag.LOCUM in case.line.flags and replaced is None:
        yield case.blocking(
            "replaced-prescriber",
            Text(
                "Un remplaçant nomme le prescripteur qu'il remplace (extension replaced-prescriber).",
                "A locum names the prescriber whom he replaces (extension replaced-prescriber).",
            ),
            "extension",
            "CSP R4127-65",
        )
    if replaced is not None and replaced.get("reference") and replaced.get("reference") == case.line.requester:
        yield case.blocking(
            "replaced-prescriber",
            Text(
                "Le prescripteur remplacé et le remplaçant sont la même personne.",
                "The replaced prescriber and the locum are the same person.",
            ),
            "extension",
            "CSP R4127-65",
        )

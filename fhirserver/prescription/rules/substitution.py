"""When a prescriber may write "non substituable": one of three reasons, each with its condition.

Sources: arrêté du 12 novembre 2019 (MTE, EFG, CIF), Code de la santé publique L5125-23.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.alerts import Alert
from fhirserver.prescription.rules.calendar import age
from fhirserver.prescription.rules.case import Case

SOURCE: Final = "arrêté du 12 novembre 2019"
_PATH: Final = "substitution"


def reason(case: Case) -> Iterator[Alert]:
    """A refusal of substitution carries a reason that holds."""
    line = case.line
    if not line.is_medicine:
        return
    forbidden, code = elements.no_substitution(line.resource)
    if not forbidden:
        return
    if code is None:
        yield case.blocking(
            "no-substitution",
            Text(
                f"« {line.title} » : « non substituable » demande un motif : MTE (marge thérapeutique étroite), EFG "
                "(enfant de moins de six ans, forme galénique) ou CIF (contre-indication formelle).",
                f'"{line.title}": "not substitutable" needs a reason: MTE (narrow therapeutic margin), EFG (child '
                "under six, galenic form) or CIF (formal contra-indication).",
            ),
            f"{_PATH}.reason",
            SOURCE,
        )
    elif code == "MTE":
        yield from _narrow_margin(case)
    elif code == "EFG":
        yield from _galenic_form(case)


def _narrow_margin(case: Case) -> Iterator[Alert]:
    row = case.tables.first("no-substitution-narrow-margin", case.names, case.on)
    if row is not None:
        return
    text = Text(
        f"« {case.line.title} » n'est pas dans la liste des substances à marge thérapeutique étroite (MTE).",
        f'"{case.line.title}" is not in the list of substances with a narrow therapeutic margin (MTE).',
    )
    say = case.blocking if case.medicine.known else case.confirm
    yield say("no-substitution", text, f"{_PATH}.reason", SOURCE)


def _galenic_form(case: Case) -> Iterator[Alert]:
    row = case.tables.first("no-substitution-form-age", case.names, case.on)
    patient = case.facts.patient
    if row is None or patient is None:
        return
    if patient.birth_date is not None and age(patient.birth_date, case.on) >= row.value:
        yield case.blocking(
            "no-substitution",
            Text(
                f"Le motif EFG ne vaut que pour un enfant de moins de {row.value} ans.",
                f"The reason EFG holds only for a child under {row.value}.",
            ),
            f"{_PATH}.reason",
            row.source,
        )

"""What belongs to the ordonnance numérique, and what all lines of one prescription share.

Sources: décret 2023-1222 (scope, patient's opposition, abortion), Code de la santé publique L1111-5 (a minor's secret).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.alerts import Alert
from fhirserver.prescription.elements import Flag, Setting
from fhirserver.prescription.rules.calendar import age
from fhirserver.prescription.rules.case import Case

SOURCE: Final = "décret 2023-1222"
_ADULT: Final = 18
_OF_ALL: Final = (
    (Flag.OPPOSITION, "l'opposition du patient", "the patient's opposition"),
    (Flag.PREGNANCY_TERMINATION, "l'interruption de grossesse", "the abortion"),
    (Flag.MINOR_SECRET, "le secret du mineur", "the minor's secret"),
)


def setting(case: Case) -> Iterator[Alert]:
    """Prescribed and executed inside one hospital: out of scope."""
    if case.line.setting is Setting.HOSPITAL:
        yield case.blocking(
            "hospital",
            Text(
                f"« {case.line.title} » s'exécute à l'hôpital : seules les prescriptions exécutées en ville relèvent "
                "de l'ordonnance numérique (category discharge, outpatient ou community).",
                f'"{case.line.title}" is executed inside the hospital: only what is executed in the city belongs here '
                "(category discharge, outpatient or community).",
            ),
            "category" if case.line.is_medicine else "extension",
            SOURCE,
        )


def termination(case: Case) -> Iterator[Alert]:
    """A medicine of abortion says so, for its visibility: the prescriber and the executing professional alone."""
    row = case.tables.first("pregnancy-termination", case.names, case.on)
    if row is not None and Flag.PREGNANCY_TERMINATION not in elements.stated(case.line.resource):
        yield case.confirm(
            "pregnancy-termination",
            Text(
                f"« {case.line.title} » : dites s'il s'agit d'une interruption de grossesse (extension "
                "pregnancy-termination) ; elle n'est alors visible que du prescripteur et de qui l'exécute.",
                f'"{case.line.title}": say whether it is for an abortion (extension pregnancy-termination); then only '
                "the prescriber and who executes it see it.",
            ),
            "extension",
            row.source,
        )


def minor(case: Case) -> Iterator[Alert]:
    """The secret of a minor is a minor's."""
    patient = case.facts.patient
    if Flag.MINOR_SECRET not in case.line.flags or patient is None or patient.birth_date is None:
        return
    if age(patient.birth_date, case.on) >= _ADULT:
        yield case.blocking(
            "minor-secret",
            Text("Le patient est majeur : pas de secret du mineur.", "The patient is of age: no minor's secret."),
            "extension",
            "CSP L1111-5",
        )


def together(cases: Sequence[Case]) -> Iterator[Alert]:
    """One patient, one prescriber, one day, the same choices of the patient on every line."""
    first = cases[0].line
    for case in cases[1:]:
        line = case.line
        for same, rule, french, english, path in (
            (line.patient == first.patient, "one-patient", "au même patient", "the same patient", "subject"),
            (line.requester == first.requester, "one-prescriber", "du même prescripteur", "the same prescriber",
             "requester"),
            (line.drafted == first.drafted, "one-date", "du même jour", "the same day", "authoredOn"),
        ):  # fmt: skip
            if not same:
                say = case.inform if rule == "one-date" else case.blocking
                yield say(
                    rule,
                    Text(
                        f"Toutes les lignes d'une ordonnance sont {french} : « {line.title} » s'en écarte.",
                        f'All lines of a prescription are of {english}: "{line.title}" differs.',
                    ),
                    path,
                    "CSP R5132-3",
                )
        for flag, french, english in _OF_ALL:
            if (flag in line.flags) != (flag in first.flags) and flag is not Flag.PREGNANCY_TERMINATION:
                yield case.blocking(
                    "flags",
                    Text(
                        f"{french.capitalize()} vaut pour toutes les lignes ou pour aucune.",
                        f"{english.capitalize()} holds for all lines or for none.",
                    ),
                    "extension",
                    SOURCE,
                )

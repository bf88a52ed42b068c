"""What the insurance asks for: the two zones of a long-term illness, forms and receipts, exception medicines.

Sources: Code de la sécurité sociale L322-3 and R163-1-1 (bizone), L162-19-1 (accompaniment form), L315-2 (prior
approval).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.alerts import Alert
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.rules.case import Case


def bizone(cases: Sequence[Case]) -> Iterator[Alert]:
    """On a bizone form each line says whether it belongs to the long-term illness."""
    stated = [elements.stated(case.line.resource) for case in cases]
    if not any(each.get(Flag.BIZONE) or each.get(Flag.LONG_TERM_ILLNESS) for each in stated):
        return
    for case, each in zip(cases, stated, strict=True):
        if Flag.LONG_TERM_ILLNESS not in each:
            yield case.blocking(
                "bizone",
                Text(
                    f"« {case.line.title} » : sur une ordonnance bizone, chaque ligne dit si elle relève de l'ALD "
                    "(extension long-term-illness, vrai ou faux).",
                    f'"{case.line.title}": on a bizone form each line says whether it belongs to the long-term '
                    "illness (extension long-term-illness, true or false).",
                ),
                "extension",
                "CSS R163-1-1",
            )


def accompaniment(case: Case) -> Iterator[Alert]:
    """Medicines that need an accompaniment form carry its receipt, else they are not reimbursed."""
    row = case.tables.first("accompaniment-form", case.names, case.on)
    if row is None or Flag.NOT_REIMBURSED in case.line.flags:
        return
    if elements.value(case.line.resource, "accompaniment-form") is None:
        yield case.confirm(
            "accompaniment-form",
            Text(
                f"« {case.line.title} » : sans le récépissé du formulaire d'accompagnement (extension "
                "accompaniment-form), pas de remboursement.",
                f'"{case.line.title}": without the receipt of the accompaniment form (extension accompaniment-form), '
                "no reimbursement.",
            ),
            "extension",
            row.source,
        )


def prior_approval(case: Case) -> Iterator[Alert]:
    """Acts and devices under prior approval (an operator's list of codes or kinds) say where it stands."""
    codes = {f"code-{code}" for _, code in case.line.codings}
    row = case.tables.first("prior-approval", case.names | codes, case.on)
    if row is not None and elements.value(case.line.resource, "prior-approval") is None:
        yield case.inform(
            "prior-approval",
            Text(
                f"« {case.line.title} » demande un accord préalable ; quinze jours de silence valent accord.",
                f'"{case.line.title}" needs prior approval; fifteen days of silence mean agreement.',
            ),
            "extension",
            row.source,
        )


def contradictions(case: Case) -> Iterator[Alert]:
    """Flags that cannot both hold of a line."""
    flags = case.line.flags
    if {Flag.LONG_TERM_ILLNESS, Flag.NOT_REIMBURSED} <= flags:
        yield case.confirm(
            "flags",
            Text(
                f"« {case.line.title} » est dite à la fois en rapport avec l'ALD et non remboursable.",
                f'"{case.line.title}" is said to belong to the long-term illness and not to be reimbursed.',
            ),
            "extension",
            "CSS L322-3",
        )
    if Flag.OFF_LABEL in flags and Flag.NOT_REIMBURSED not in flags:
        yield case.inform(
            "off-label",
            Text(
                f"« {case.line.title} », hors AMM, n'est en principe pas remboursable : la mention « NR » est d'usage.",
                f'"{case.line.title}", off-label, is as a rule not reimbursed: the mention "NR" is customary.',
            ),
            "extension",
            "CSS L162-4",
        )

"""What executing professionals record, read as deliveries: dispenses, supplies, procedures, reports.

A line that was not delivered is a MedicationDispense `declined`, a SupplyDelivery `abandoned` or a Procedure
`not-done`, each with a coded reason. What R4 lacks stands in the project's extensions (`docs/prescription.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from fhirserver.errors import Unprocessable
from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.execution.deliveries import Agreement, Delivery
from fhirserver.prescription.execution.quantities import Amount, duration_days, read_amount
from fhirserver.prescription.lines import day
from fhirserver.prescription.rules.outcomes import SUBSTITUTIONS, NotDelivered, Outcome

Resource = Mapping[str, Any]

EXECUTION_TYPES: Final = frozenset({"MedicationDispense", "SupplyDelivery", "Procedure", "DiagnosticReport"})
DISPENSES: Final = frozenset({"MedicationDispense", "SupplyDelivery"})
"""Those by which something is handed over."""
_NOT_DONE: Final = frozenset({"declined", "cancelled", "abandoned", "not-done", "stopped"})
_DATES: Final = {
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "SupplyDelivery": ("occurrenceDateTime",),
    "Procedure": ("performedDateTime",),
    "DiagnosticReport": ("effectiveDateTime", "issued"),
}
_PERIODS: Final = {
    "SupplyDelivery": "occurrencePeriod",
    "Procedure": "performedPeriod",
    "DiagnosticReport": "effectivePeriod",
}
_SUBSTITUTED: Final = {"G": Outcome.GENERIC, "B": Outcome.BIOSIMILAR}


def lines_of(resource: Resource) -> tuple[str, ...]:
    """References to the lines that it executes."""
    return tuple(each["reference"] for each in executed(resource) if isinstance(each.get("reference"), str))


def executed(resource: Resource) -> tuple[Resource, ...]:
    """What names the lines that it executes: references, logical ones included."""
    kind = resource["resourceType"]
    if kind == "MedicationDispense":
        return tuple(resource.get("authorizingPrescription", ()))
    if kind == "SupplyDelivery":
        line = elements.value(resource, "executed-line")
        return (*((line,) if isinstance(line, Mapping) else ()), *resource.get("basedOn", ()))
    return tuple(resource.get("basedOn", ()))


def read(resource: Resource, today: date, location: str | None = None) -> Delivery:
    """Read one as a delivery.

    Args:
        resource: of one of EXECUTION_TYPES.
        today: the day in Paris, for one that says no date.
        location: FHIRPath of it in what was sent.

    Raises:
        Unprocessable: dated in the future, or an outcome that is none.
    """
    place = location or str(resource["resourceType"])
    on = _day(resource) or today
    if on > today:
        raise Unprocessable(
            Text(
                f"L'exécution est datée du {on:%d/%m/%Y}, dans le futur.",
                f"The execution is dated {on}, in the future.",
            ),
            expression=place,
            rule="prescription-future-date",
        )
    performer = resource.get("performer", ())
    return Delivery(
        on=on,
        outcome=_outcome(resource, place),
        amount=_amount(resource),
        days=duration_days(resource.get("daysSupply")),
        dispenser=_named([each.get("actor", {}) for each in performer if isinstance(each, Mapping)]),
        reason=_reason(resource),
        agreement=_agreement(resource),
        pack=read_amount(elements.value(resource, "smallest-pack")),
        substituted=resource.get("substitution", {}).get("wasSubstituted") is True,
        confirmed=elements.confirmations(resource),
        location=place,
        stated=elements.value(resource, "delivery-outcome") is not None,
    )


def _outcome(resource: Resource, place: str) -> Outcome:
    stated = elements.value(resource, "delivery-outcome")
    if stated is None:
        return _implied(resource)
    if stated not in tuple(Outcome):
        codes = ", ".join(Outcome)
        raise Unprocessable(
            Text(f"Issue « {stated} » inconnue : {codes}.", f'Unknown outcome "{stated}": {codes}.'),
            expression=f"{place}.extension",
            rule="prescription-outcome",
        )
    outcome = Outcome(stated)
    _refuse_contradiction(resource, outcome, place)
    return outcome


def _implied(resource: Resource) -> Outcome:
    """The outcome of an execution that states none: by its status, and by its substitution."""
    if resource.get("status") in _NOT_DONE:
        return Outcome.NOT_DELIVERED
    substitution = resource.get("substitution", {})
    if substitution.get("wasSubstituted"):
        codes_of = (coding.get("code", "") for coding in substitution.get("type", {}).get("coding", ()))
        return next((_SUBSTITUTED[code[:1]] for code in codes_of if code[:1] in _SUBSTITUTED), Outcome.GENERIC)
    return Outcome.AS_IS


def _refuse_contradiction(resource: Resource, outcome: Outcome, place: str) -> None:
    """Refuse a stated outcome that the status, or the substitution, denies: readers of FHIR alone go by these."""
    status, substituted = str(resource.get("status")), resource.get("substitution", {}).get("wasSubstituted")
    said = (f"le statut « {status} »", f'the status "{status}"')
    if (status in _NOT_DONE) is (outcome is Outcome.NOT_DELIVERED):
        if substituted is True and outcome is Outcome.AS_IS:
            said = ("substitution.wasSubstituted (vrai)", "substitution.wasSubstituted (true)")
        elif substituted is False and outcome in SUBSTITUTIONS:
            said = ("substitution.wasSubstituted (faux)", "substitution.wasSubstituted (false)")
        else:
            return
    raise Unprocessable(
        Text(
            f"L'issue « {outcome} » et {said[0]} se contredisent : corrigez l'un des deux.",
            f'The outcome "{outcome}" and {said[1]} contradict each other: correct one of the two.',
        ),
        expression=f"{place}.extension",
        rule="prescription-outcome",
    )


def _amount(resource: Resource) -> Amount | None:
    if resource["resourceType"] == "SupplyDelivery":
        return read_amount(resource.get("suppliedItem", {}).get("quantity"))
    return read_amount(resource.get("quantity"))


def _day(resource: Resource) -> date | None:
    kind = str(resource["resourceType"])
    for name in _DATES[kind]:
        if day(resource.get(name)):
            return day(resource[name])
    period = resource.get(_PERIODS.get(kind, ""), {})
    return day(period.get("end")) or day(period.get("start"))


def _reason(resource: Resource) -> str | None:
    concepts = [
        resource.get("statusReasonCodeableConcept"),
        resource.get("statusReason"),
        elements.value(resource, "not-delivered-reason"),
        *resource.get("substitution", {}).get("reason", ()),
    ]
    for concept in concepts:
        if isinstance(concept, Mapping):
            codes = [str(coding.get("code", "")) for coding in concept.get("coding", ())]
            known = next((code for code in codes if code in tuple(NotDelivered)), None)
            said = known or concept.get("text") or next(iter(codes), None)
            if said:
                return str(said)
    return None


def _agreement(resource: Resource) -> Agreement | None:
    extension = next(elements.extensions(resource, elements.url("delivery-agreement")), None)
    if extension is None:
        return None
    who, when = elements.part(extension, "prescriber"), day(elements.part(extension, "date"))
    if not isinstance(who, Mapping) or when is None:
        return None
    named = _named([who]) or {str(who.get("display", ""))}
    return Agreement(min(named), when) if any(named) else None


def _named(references: list[Resource]) -> frozenset[str]:
    found = {each.get("reference") for each in references}
    found |= {each.get("identifier", {}).get("value") for each in references}
    return frozenset(name for name in found if isinstance(name, str) and name)

"""From resources to the printed ordonnance: every mention in French, ready for `pdf.draw`.

Sources: Code de la santé publique R5132-3, R5132-5, R5132-29 (mentions), Code de la sécurité sociale R163-1-1
(bizone), décret 2023-1222 (the patient's opposition is printed).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag, InWords
from fhirserver.prescription.execution.quantities import duration_days
from fhirserver.prescription.facts import PatientFacts, patient_facts
from fhirserver.prescription.french import amounts, posology
from fhirserver.prescription.french.posology_words import SPACE
from fhirserver.prescription.lines import Line, day
from fhirserver.prescription.print import composition, ordered, people
from fhirserver.prescription.print.printed import PrintedLine, PrintedPatient, PrintedPrescriber, PrintedPrescription
from fhirserver.prescription.rules.tables import Tables, shipped

Resource = Mapping[str, Any]

_OPPOSITION: Final = (
    "Le patient s'oppose à ce que le prescripteur consulte les données d'exécution de cette ordonnance."
)
_PLAIN: Final[tuple[tuple[Flag, str], ...]] = (
    (Flag.URGENT, "À exécuter en urgence"),
    (Flag.HOME, "À exécuter à domicile"),
    (Flag.WORK_ACCIDENT, "En rapport avec un accident du travail ou une maladie professionnelle"),
    (Flag.MILITARY, "En rapport avec une affection militaire"),
    (Flag.PREVENTION, "Prévention"),
    (Flag.OFF_LABEL, "Prescription hors autorisation de mise sur le marché"),
    (Flag.NOT_REIMBURSED, "Non remboursable (NR)"),
    (Flag.EXCEPTION_MEDICINE, "Médicament d'exception"),
    (Flag.LARGE_EQUIPMENT, "Grand appareillage"),
    (Flag.OVERLAP, "Chevauchement autorisé par le prescripteur"),
    (Flag.SINGLE_DELIVERY, "Délivrance en une seule fois"),
)
_SPELLED: Final[dict[InWords, str]] = {
    InWords.STRENGTH: "dosage",
    InWords.DOSE: "unités par prise",
    InWords.INTAKES: "nombre de prises",
    InWords.POSOLOGY: "posologie",
    InWords.DURATION: "durée",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """The resources that a print is made from.

    Attributes:
        patient: the Patient.
        practitioner: the prescriber.
        role: his PractitionerRole, if there is one.
        organization: where he practises.
        observations: weight and height.
        profession: code of TRE_G15 that the prescriber's token states, where the resources name none.
        alternatives: pairs of lines, by location, of which one is executed and not the other.
    """

    patient: Resource
    practitioner: Resource
    role: Resource | None = None
    organization: Resource | None = None
    observations: Sequence[Resource] = ()
    profession: str | None = None
    alternatives: Collection[tuple[str, str]] = ()


def prescription(
    number: str,
    lines: Sequence[Line],
    sources: Sources,
    tables: Tables | None = None,
    *,
    code_is_secured: bool = False,
) -> PrintedPrescription:
    """Build the ordonnance.

    Args:
        number: the prescription's number.
        lines: its lines, in order.
        sources: the resources it names.
        tables: an operator's tables; the shipped ones where None.
        code_is_secured: whether a prescription with a code needs no secured paper (a setting).

    Raises:
        ValueError: no lines.
    """
    if not lines:
        raise ValueError("a prescription without lines")
    known = tables or shipped()
    drafted = next((line.drafted for line in lines if line.drafted), None)
    flags = frozenset().union(*(line.flags for line in lines))
    return PrintedPrescription(
        number=number,
        date=_shown(drafted) if drafted else "",
        prescriber=_prescriber(sources, lines),
        patient=printed_patient(sources.patient, sources.observations),
        lines=tuple(_line(line, _instead(line, lines, sources.alternatives)) for line in lines),
        bizone=bool(flags & {Flag.BIZONE, Flag.LONG_TERM_ILLNESS}),
        secured=Flag.SECURED in flags or (not code_is_secured and any(_secured(line, known) for line in lines)),
        mentions=(_OPPOSITION,) if Flag.OPPOSITION in flags else (),
    )


def _prescriber(sources: Sources, lines: Sequence[Line]) -> PrintedPrescriber:
    replaced = next((found for line in lines if (found := elements.replaced_prescriber(line.resource))), None)
    persons = (sources.role, sources.practitioner)
    return PrintedPrescriber(
        name=people.name(sources.practitioner, title=True),
        quality=people.quality(sources.practitioner, sources.role, sources.profession),
        identifiers=tuple(people.identifiers(sources.practitioner, sources.organization)),
        address=tuple(people.address(sources.practitioner, sources.organization)),
        telecoms=tuple(people.telecoms(*persons, sources.organization)),
        replaced=people.referred(replaced) if replaced else None,
    )


def printed_patient(patient: Resource, observations: Sequence[Resource] = ()) -> PrintedPatient:
    """Return the mentions of a patient; `observations`: weight and height where they are to be printed."""
    facts = patient_facts(patient, observations)
    return PrintedPatient(
        name=people.name(patient, official=True),
        sex={"female": "Féminin", "male": "Masculin"}.get(facts.sex or "", "Sexe non précisé"),
        birth_date=_birth(patient, facts),
        ins=people.ins(patient),
        measures=tuple(_measures(facts)),
    )


def _birth(patient: Resource, facts: PatientFacts) -> str:
    if facts.birth_date:
        return _shown(facts.birth_date)
    return "/".join(reversed(str(patient.get("birthDate", "")).split("-")))


def _measures(facts: PatientFacts) -> Iterator[str]:
    for label, amount in (("Poids", facts.weight), ("Taille", facts.height)):
        if amount is not None:
            yield f"{label} : {amounts.quantity(amount.quantity())}"


def _instead(line: Line, lines: Sequence[Line], alternatives: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """Return what tells that one of several lines is executed: the patient is not to take them all."""
    others = [f"«{SPACE}{other.title}{SPACE}»" for other in lines if (line.location, other.location) in alternatives]
    return (f"AU CHOIX avec {', '.join(others)}{SPACE}: une seule de ces lignes est délivrée.",) if others else ()


def _line(line: Line, instead: tuple[str, ...]) -> PrintedLine:
    return PrintedLine(
        title=line.title,
        sentences=(*instead, *_sentences(line)),
        mentions=tuple(_mentions(line)),
        long_term_illness=Flag.LONG_TERM_ILLNESS in line.flags,
    )


def _sentences(line: Line) -> Iterator[str]:
    if line.is_medicine:
        yield from composition.sentences(line)
        yield from (text for text in posology.sentences(line.dosages) if text)
        yield from _notes(line)
        return
    yield from ordered.sentences(line)
    on = day(line.resource.get("occurrenceDateTime"))
    if on and on != line.drafted:
        yield f"À réaliser le {_shown(on)}."
    if line.resource.get("patientInstruction"):
        yield str(line.resource["patientInstruction"])
    yield from _notes(line)


def _notes(line: Line) -> Iterator[str]:
    """What the prescriber remarks."""
    yield from (str(note["text"]) for note in line.resource.get("note", ()) if note.get("text"))


def _mentions(line: Line) -> Iterator[str]:
    yield from _extent(line)
    yield from _in_words(line)
    forbidden, reason = elements.no_substitution(line.resource)
    if forbidden:
        yield f"Non substituable ({reason})" if reason else "Non substituable"
    yield from (text for flag, text in _PLAIN if flag in line.flags)
    request = line.resource.get("dispenseRequest", {})
    fraction = duration_days(request.get("dispenseInterval"))
    if fraction and Flag.SINGLE_DELIVERY not in line.flags:
        yield f"Délivrance fractionnée : {fraction}{SPACE}jours"
    if request.get("performer"):
        yield f"À délivrer par : {people.referred(request['performer'])}"
    if not line.is_medicine:
        yield from ordered.performers(line.resource)
    period = elements.surgery(line.resource)
    if period:
        yield f"Chirurgie programmée le {_shown(period[0])}, sortie prévue le {_shown(period[1])}"
    yield from _receipts(line)


def _extent(line: Line) -> Iterator[str]:
    """Quantity, duration and renewals."""
    stated = line.stated_quantity
    if stated is not None:
        yield ordered.extent(line.resource) or f"Quantité : {amounts.quantity(stated.quantity())}"
    elif spoken := ordered.extent(line.resource):
        yield spoken
    said = line.resource.get("dispenseRequest", {}).get("expectedSupplyDuration")
    if said:
        yield f"Durée : {amounts.quantity(said)}"
    if line.renewals is not None:
        yield f"À renouveler {line.renewals} fois" if line.renewals else "Non renouvelable"
    elif Flag.NOT_RENEWABLE in line.flags:
        yield "Non renouvelable"
    start, end = line.validity
    if start:
        yield f"Valable à partir du {_shown(start)}"
    if end:
        yield f"Valable jusqu'au {_shown(end)}"


def _in_words(line: Line) -> Iterator[str]:
    written = elements.in_words(line.resource)
    if written:
        parts = (f"{_SPELLED[part]} : {written[part]}" for part in InWords if part in written)
        yield f"En toutes lettres — {' ; '.join(parts)}"


def _receipts(line: Line) -> Iterator[str]:
    for name, label in (("prior-approval", "Accord préalable"), ("accompaniment-form", "Formulaire d'accompagnement")):
        identifier = elements.value(line.resource, name)
        if isinstance(identifier, Mapping) and identifier.get("value"):
            yield f"{label} n° {identifier['value']}"


def _secured(line: Line, tables: Tables) -> bool:
    if not line.is_medicine or line.drafted is None:
        return False
    return tables.first("secured", tables.names(line), line.drafted) is not None


def _shown(on: date) -> str:
    return f"{on:%d/%m/%Y}"

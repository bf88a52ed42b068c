"""Mentions that every prescription carries (Code de la santé publique R5132-3), and those of devices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fhirserver.issues import Text
from fhirserver.prescription import acts, elements
from fhirserver.prescription.alerts import Alert, Level
from fhirserver.prescription.execution.quantities import Amount, read_amount
from fhirserver.prescription.facts import Facts
from fhirserver.prescription.french.amounts import said
from fhirserver.prescription.rules.calendar import age
from fhirserver.prescription.rules.case import Case

SOURCE: Final = "CSP R5132-3"
_BY_WEIGHT: Final = "kg"
_BY_SURFACE: Final = ("/m2", "/m²", "par m²")
_PER_BODY: Final = re.compile(r"(?:/|\bpar )(?:kg|m2|m²)(?!\w)", re.IGNORECASE)
"""A dose by weight or body surface in a posology's own words: "15 mg/kg", "10 mg par kg", not "un enfant de 20 kg"."""


def of_line(case: Case) -> Iterator[Alert]:
    """What the line itself must say: denomination, date, posology, duration or number of units."""
    yield from _denomination(case)
    yield from _date(case)
    yield from _amounts(case)
    yield from _once(case)
    line = case.line
    if line.is_medicine:
        yield from _posology(case)
    row = case.tables.first("renewals-stated", case.names, case.on)
    if row and line.is_device and line.renewals is None:
        yield case.blocking(
            "device-renewals",
            Text(
                f"« {line.title} » : le nombre de renouvellements est obligatoire pour un dispositif (0 si aucun ; "
                "extension line-renewals).",
                f'"{line.title}": the number of renewals is mandatory for a device (0 if none; extension '
                "line-renewals).",
            ),
            "extension",
            row.source,
        )


def _denomination(case: Case) -> Iterator[Alert]:
    line = case.line
    if not line.codings and not line.title:
        referred = line.resource.get("medicationReference", {}).get("reference")
        text = Text("Ce qui est prescrit n'est pas nommé.", "What is prescribed is not named.")
        if referred:
            text = Text(
                f"Le médicament « {referred} » ne peut être lu : joignez la Medication à l'envoi, ou donnez son code.",
                f'The medicine "{referred}" cannot be read: push its Medication along, or give its code.',
            )
        yield case.blocking("denomination", text, "medication" if line.is_medicine else "code", SOURCE)
    if line.resource.get("doNotPerform") is True:
        yield case.blocking(
            "do-not-perform",
            Text(
                f"« {line.title} » est une interdiction (doNotPerform) : une ordonnance dit ce qui est à exécuter ; "
                "écrivez l'interdiction en remarque (note) d'une ligne.",
                f'"{line.title}" is a prohibition (doNotPerform): a prescription says what is to be executed; write '
                "the prohibition as a remark (note) of a line.",
            ),
            "doNotPerform",
            SOURCE,
        )


def _date(case: Case) -> Iterator[Alert]:
    line = case.line
    if line.drafted is None:
        yield case.blocking(
            "date",
            Text(
                "La date de rédaction manque, au jour près (authoredOn).",
                "The date of drafting is missing, to the day (authoredOn).",
            ),
            "authoredOn",
            SOURCE,
        )
    elif line.drafted > case.facts.on:
        yield case.blocking(
            "future-date",
            Text(
                f"L'ordonnance est datée du {line.drafted:%d/%m/%Y}, dans le futur ; une exécution différée s'écrit "
                "dans validityPeriod.",
                f"The prescription is dated {line.drafted}, in the future; a later start goes into validityPeriod.",
            ),
            "authoredOn",
            SOURCE,
        )


def _posology(case: Case) -> Iterator[Alert]:
    line = case.line
    if not any(dosage for dosage in line.dosages if set(dosage) - {"sequence", "extension"}):
        yield case.blocking(
            "posology",
            Text(f"« {line.title} » : la posologie manque.", f'"{line.title}": the posology is missing.'),
            "dosageInstruction",
            SOURCE,
        )
    if line.days is None and line.quantity is None:
        yield case.blocking(
            "duration-or-quantity",
            Text(
                f"« {line.title} » : indiquez la durée du traitement (expectedSupplyDuration ou bornes de la "
                "posologie) ou le nombre d'unités (dispenseRequest.quantity).",
                f'"{line.title}": state how long the treatment lasts (expectedSupplyDuration or bounds of the '
                "posology) or the number of units (dispenseRequest.quantity).",
            ),
            "dispenseRequest",
            SOURCE,
        )


def _amounts(case: Case) -> Iterator[Alert]:
    line, request = case.line, case.line.resource.get("dispenseRequest", {})
    stated: tuple[tuple[str, Amount | None], ...] = (
        ("dispenseRequest.quantity", line.stated_quantity),
        ("dispenseRequest.expectedSupplyDuration", read_amount(request.get("expectedSupplyDuration"))),
    )
    if not line.is_medicine:
        stated = (
            ("extension", line.stated_quantity) if line.is_device else acts.stated_quantity(line.resource),
            ("quantityQuantity", read_amount(acts.lasting(line.resource))),
        )
    for path, amount in stated:
        if amount is not None and amount.value <= 0:
            yield case.blocking(
                "quantity",
                Text(
                    f"{said(amount)} : un nombre positif est attendu.",
                    f"{amount}: a positive number is expected.",
                ),
                path,
                SOURCE,
            )
    for at, dosage in enumerate(line.dosages):
        for dose in dosage.get("doseAndRate", ()):
            amount = read_amount(dose.get("doseQuantity"))
            if amount is not None and amount.value <= 0:
                yield case.blocking(
                    "quantity",
                    Text(
                        f"Dose {said(amount)} : un nombre positif est attendu.",
                        f"Dose {amount}: a positive number is expected.",
                    ),
                    f"dosageInstruction[{at}].doseAndRate",
                    SOURCE,
                )
    if (line.renewals or 0) < 0:
        yield case.blocking(
            "quantity",
            Text("Le nombre de renouvellements est négatif.", "The number of renewals is negative."),
            "dispenseRequest.numberOfRepeatsAllowed" if line.is_medicine else "extension",
            SOURCE,
        )


def _once(case: Case) -> Iterator[Alert]:
    """A quantity is a number, and what an extension says of it is said once: nothing of it is passed over."""
    resource = case.line.resource
    for name in ("line-quantity", "line-renewals"):
        if len(list(elements.extensions(resource, elements.url(name)))) > 1:
            text = Text(f"L'extension {name} figure plusieurs fois.", f"The extension {name} is given several times.")
            yield case.blocking("quantity", text, "extension", SOURCE)
    for path, stated in (
        ("dispenseRequest.quantity", resource.get("dispenseRequest", {}).get("quantity")),
        ("quantityQuantity", resource.get("quantityQuantity")),
        ("extension", elements.value(resource, "line-quantity")),
    ):
        if stated is not None and read_amount(stated) is None:
            text = Text("La quantité prescrite ne dit aucun nombre (value).", "The prescribed quantity has no value.")
            yield case.blocking("quantity", text, path, SOURCE)


def weight(case: Case) -> Iterator[Alert]:
    """Weight (or height, for a dose by body surface) of a child whose dose is counted by it."""
    patient = case.facts.patient
    if patient is None or patient.birth_date is None or not case.line.is_medicine:
        return
    row = case.tables.first("weight-age", case.names, case.on)
    if row is None or age(patient.birth_date, case.on) >= row.value:
        return
    shown = " ".join(_dose_texts(case)).lower()
    by_surface = any(word in shown for word in _BY_SURFACE)
    by_weight = by_surface or _BY_WEIGHT in shown
    if by_weight and patient.weight is None:
        yield case.blocking(
            "weight",
            Text(
                f"« {case.line.title} » : dose au poids pour un enfant ; le poids est obligatoire (Observation 29463-7 "
                "dans supportingInformation).",
                f'"{case.line.title}": a child\'s dose by weight; the weight is mandatory (Observation 29463-7 in '
                "supportingInformation).",
            ),
            "supportingInformation",
            SOURCE,
        )
    if by_weight and patient.height is None:
        text = Text(
            f"« {case.line.title} » : la taille de l'enfant n'est pas indiquée (Observation 8302-2).",
            f'"{case.line.title}": the child\'s height is not stated (Observation 8302-2).',
        )
        say = case.blocking if by_surface else case.inform
        yield say("height", text, "supportingInformation", SOURCE)


def _dose_texts(case: Case) -> Iterator[str]:
    for dosage in case.line.dosages:
        for text in (dosage.get("text", ""), dosage.get("patientInstruction", "")):
            yield from _PER_BODY.findall(text)
        for dose in dosage.get("doseAndRate", ()):
            for content in (each for each in dose.values() if isinstance(each, dict)):
                parts = (content, *(content.get(name) for name in ("low", "high", "numerator", "denominator")))
                for part in parts:
                    if isinstance(part, dict):
                        yield f"{part.get('unit', '')} {part.get('code', '')}"


def of_people(facts: Facts) -> Iterator[Alert]:
    """The patient's traits, and what names the prescriber; those that are not known here are not judged."""
    patient, prescriber = facts.patient, facts.prescriber
    if patient is not None:
        for known, french, english, path in (
            (patient.named, "le nom et le prénom du patient", "the patient's family and given name", "name"),
            (patient.sex, "le sexe du patient", "the patient's sex", "gender"),
            (patient.birth_known, "la date de naissance du patient", "the patient's birth date", "birthDate"),
        ):
            if not known:
                yield _missing("patient-traits", Level.BLOCKING, french, english, f"Patient.{path}")
    if prescriber is not None:
        for present, level, french, english, path in (
            (prescriber.named, Level.BLOCKING, "le nom", "name", "name"),
            (prescriber.identified, Level.BLOCKING, "l'identifiant", "identifier", "identifier"),
            (bool(prescriber.profession), Level.INFORMATION, "la qualité", "profession", "qualification"),
            (prescriber.address, Level.INFORMATION, "l'adresse", "address", "address"),
            (prescriber.phone, Level.INFORMATION, "le téléphone", "phone number", "telecom"),
            (prescriber.email, Level.INFORMATION, "l'adresse électronique", "e-mail address", "telecom"),
        ):
            if not present:
                whose = f"{french} du prescripteur", f"the prescriber's {english}"
                yield _missing("prescriber-mentions", level, *whose, f"Practitioner.{path}")


def _missing(rule: str, level: Level, french: str, english: str, path: str) -> Alert:
    return Alert(
        rule,
        level,
        Text(
            f"Une mention obligatoire de l'ordonnance manque : {french}.",
            f"A mandatory mention of the prescription is missing: {english}.",
        ),
        path,
        SOURCE,
    )

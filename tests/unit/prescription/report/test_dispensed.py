"""The report of a dispensing tells in French what was delivered, instead of what, and what remains."""

from __future__ import annotations

from datetime import date
from typing import Any

import pypdfium2

from fhirserver.prescription.lines import Line
from fhirserver.prescription.print.printed import PrintedPatient, PrintedPrescriber
from fhirserver.prescription.professions import Kind
from fhirserver.prescription.report import dispensed, drawing
from fhirserver.prescription.report.dispensed import Delivery, Report

TODAY = date(2026, 3, 2)
MG = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


def report(**dispense: Any) -> Report:
    line: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-03-01",
        "medicationCodeableConcept": {"text": "DOLIPRANE 1 g"},
    }
    given = {"resourceType": "MedicationDispense", "status": "completed", **dispense}
    deliveries = [Delivery(given, Line(line, "MedicationRequest/1", Kind.PHARMACY))]
    dispenser = PrintedPrescriber("Hugo PETIT", "Pharmacien", ("RPPS 10000582146",))
    patient = PrintedPatient("MOREL Camille", "Féminin", "17/05/1984")
    return dispensed.report("0ABC", "Dr Hélène LEFÈVRE", deliveries, dispenser, patient, TODAY)


def test_a_substitution_names_what_was_prescribed_and_how_much_was_given() -> None:
    told = report(
        medicationCodeableConcept={"text": "PARACÉTAMOL 1 g"},
        substitution={"wasSubstituted": True, "type": {"coding": [{"code": "G"}]}},
        quantity={"value": 15000, **MG},
        whenHandedOver="2026-03-02",
    )
    (line,) = told.lines
    assert line.title == "PARACÉTAMOL 1 g"
    assert line.sentences[0] == "Remplacé par un générique ; prescrit : DOLIPRANE 1 g"
    assert line.sentences[1].startswith("Quantité délivrée : 15")
    assert (told.drafted, told.on) == ("01/03/2026", "02/03/2026")


def test_what_was_not_delivered_gives_its_reason_and_nothing_more() -> None:
    (line,) = report(status="declined", statusReasonCodeableConcept={"coding": [{"code": "out-of-stock"}]}).lines
    assert line.title == "DOLIPRANE 1 g"
    assert line.sentences == ("Non délivré", "Motif : manque en stock")


def test_the_pdf_shows_dispenser_patient_number_and_lines() -> None:
    drawn = drawing.draw(report(quantity={"value": 15000, **MG}))
    assert drawn == drawing.draw(report(quantity={"value": 15000, **MG}))
    with pypdfium2.PdfDocument(drawn) as document:
        text = document[0].get_textpage().get_text_range()
    for word in ("Compte rendu de dispensation", "Hugo PETIT", "MOREL Camille", "0ABC", "1. DOLIPRANE 1 g"):
        assert word in text

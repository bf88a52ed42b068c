"""Invariants of R4 speak French to those who read French."""

from __future__ import annotations

from fhirserver.definitions import Definitions
from fhirserver.validation import Validator
from fhirserver.validation.texts.invariants import FRENCH

CORE = "http://hl7.org/fhir/StructureDefinition/"
OFTEN = ("Patient", "MedicationRequest", "ServiceRequest", "MedicationDispense", "DocumentReference", "Bundle", "List")
DATA_TYPES = ("Timing", "Quantity", "Ratio", "Range", "Period", "Reference", "Attachment", "ContactPoint", "Extension")


def _keys(core: Definitions, *names: str) -> set[str]:
    structures = [core.structure(name) for name in names]
    elements = [one for each in structures if each for one in each["snapshot"]["element"]]
    return {stated["key"] for one in elements for stated in one.get("constraint", ())}


def test_every_text_is_of_an_invariant_of_r4(core: Definitions) -> None:
    names = [one["url"].rpartition("/")[2] for one in core.all("StructureDefinition") if one["url"].startswith(CORE)]
    assert set(FRENCH) <= _keys(core, *names)


def test_every_invariant_of_what_prescribers_and_hospitals_send_has_its_french_words(core: Definitions) -> None:
    assert _keys(core, *OFTEN, *DATA_TYPES) <= set(FRENCH)


def test_a_breach_is_told_in_each_language(plain: Validator) -> None:
    period = {"start": "2024-05-02", "end": "2024-05-01"}
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2", "value": "1", "period": period}]}
    (found,) = [one for one in plain.validate(patient) if one.refuses]
    assert "la fin d'une période ne précède pas son début" in found.text.fr
    assert "start SHALL have a lower value than end" in found.text.en
    assert "per-1" in found.text.fr

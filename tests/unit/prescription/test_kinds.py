from datetime import date

import pytest

from fhirserver.prescription.kinds import kind_of, rows
from fhirserver.prescription.professions import Kind
from tests.unit.prescription.building import TABLES, device, medicine, service

NGAP = "urn:fhirserver:CodeSystem:ngap"
CCAM = "urn:oid:1.2.250.1.213.2.5"
LPP = "https://smt.esante.gouv.fr/terminologie-lpp"


@pytest.mark.parametrize(
    ("system", "code", "kind"),
    [
        ("http://loinc.org", "58410-2", Kind.LABORATORY),
        ("https://smt.esante.gouv.fr/terminologie-nabm", "1104", Kind.LABORATORY),
        (CCAM, "ZBQK002", Kind.IMAGING),
        (CCAM, "ACQN001", Kind.IMAGING),
        (CCAM, "DEQP003", Kind.MEDICAL_ACT),
        (CCAM, "BFGA004", Kind.MEDICAL_ACT),
        (NGAP, "ADI", Kind.IMAGING),
        (NGAP, "AMI 4", Kind.NURSING),
        (NGAP, "AMK 7,5", Kind.PHYSIOTHERAPY),
        (NGAP, "AMO 10", Kind.SPEECH_THERAPY),
        (NGAP, "AMY 5", Kind.ORTHOPTICS),
        (NGAP, "AMP 3", Kind.PODIATRY),
        (NGAP, "AMI1,5", Kind.NURSING),
        (NGAP, "B120", Kind.LABORATORY),
        (NGAP, "BX", Kind.MEDICAL_ACT),
        ("http://example.org/none", "x", Kind.MEDICAL_ACT),
    ],
)
def test_the_code_of_an_act_tells_who_executes_it(system: str, code: str, kind: Kind) -> None:
    assert kind_of(service(code, system)) is kind


def test_a_category_decides_before_the_code() -> None:
    imaging = [{"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}]
    assert kind_of(service("18748-4", "http://loinc.org", category=imaging)) is Kind.IMAGING


def test_where_no_code_tells_the_profession_asked_for_decides() -> None:
    system = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
    asked = {"coding": [{"system": system, "code": "70"}]}
    assert kind_of(service("x", "http://example.org/none", performerType=asked)) is Kind.PHYSIOTHERAPY


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("2203240", Kind.OPTICS),
        ("2351548", Kind.HEARING_AID),
        ("2112003", Kind.ORTHOSIS),
        ("1102990", Kind.DEVICE_SUPPLY),
    ],
)
def test_the_chapter_of_the_device_list_tells_who_supplies(code: str, kind: Kind) -> None:
    request = {**device(), "codeCodeableConcept": {"coding": [{"system": LPP, "code": code}]}}
    assert kind_of(request) is kind


def test_a_dressing_may_go_to_a_pharmacy_or_a_supplier() -> None:
    executors = TABLES.executors(kind_of(device()), date(2026, 1, 5))
    assert {"21", "82"} <= executors
    assert "60" not in executors


def test_a_medicine_goes_to_the_pharmacy_whatever_its_codes() -> None:
    assert kind_of(medicine("x", system=NGAP)) is Kind.PHARMACY


def test_an_operator_may_replace_the_table() -> None:
    own = rows({"rows": [{"systems": ["http://example.org/acts"], "codes": ["K1"], "kind": "physiotherapy"}]})
    assert kind_of(service("K1", "http://example.org/acts"), own) is Kind.PHYSIOTHERAPY
    assert kind_of(service("58410-2", "http://loinc.org"), own) is Kind.MEDICAL_ACT

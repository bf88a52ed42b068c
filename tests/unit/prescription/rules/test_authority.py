from dataclasses import replace

import pytest

from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag
from tests.unit.prescription.building import DOCTOR, device, medicine, serious, service, spelled

LOINC, NGAP = "http://loinc.org", "urn:fhirserver:CodeSystem:ngap"
OXYCODONE = spelled(medicine("N02AA05"), strength="dix mg", dose="un comprimé", intakes="une fois par jour")
DRESSING = device(line_renewals=("UnsignedInt", 0))


@pytest.mark.parametrize(
    ("profession", "request_", "expected"),
    [
        ("10", medicine(), {}),
        ("10", OXYCODONE, {}),
        ("10", service("AMI 4", NGAP), {}),
        ("40", medicine(), {}),
        ("40", service("AMO 10", NGAP), {}),
        ("91", service("AMO 10", NGAP), {"prescriber": "confirm"}),
        ("70", service("AMK 8", NGAP), {"prescriber": "confirm"}),
        ("50", medicine(), {"prescriber": "confirm"}),
        ("50", medicine("G03AA07", lasting=84), {}),
        ("50", OXYCODONE, {"prescriber": "blocking"}),
        ("50", service("58410-2", LOINC), {}),
        ("60", medicine(), {"prescriber": "confirm"}),
        ("60", DRESSING, {"prescriber": "confirm"}),
        ("60", service("AMK 8", NGAP), {"prescriber": "blocking"}),
        ("70", DRESSING, {"prescriber": "confirm"}),
        ("70", service("58410-2", LOINC), {"prescriber": "blocking"}),
        ("21", medicine("J07BB02"), {}),
        ("21", medicine("J01CA04"), {}),
        ("21", medicine(), {"prescriber": "confirm"}),
        ("92", medicine(), {"prescriber": "blocking"}),
        ("35", medicine(), {"prescriber": "blocking"}),
        ("00", DRESSING, {"prescriber": "blocking"}),
    ],
)
def test_each_profession_prescribes_within_its_own_limits(profession: str, request_: dict, expected: dict) -> None:
    assert serious(request_, prescriber=replace(DOCTOR, profession=profession)) == expected


def test_an_unknown_profession_is_not_judged_here() -> None:
    assert serious(medicine(), prescriber=replace(DOCTOR, profession=None)) == {}


def test_a_locum_names_whom_he_replaces() -> None:
    request = medicine()
    elements.set_flag(request, Flag.LOCUM)
    assert serious(request) == {"replaced-prescriber": "blocking"}
    elements.set_value(request, "replaced-prescriber", "Reference", {"reference": "Practitioner/2"})
    assert serious(request) == {}


def test_nobody_replaces_himself() -> None:
    request = medicine()
    elements.set_value(request, "replaced-prescriber", "Reference", {"reference": "Practitioner/1"})
    assert serious(request) == {"replaced-prescriber": "blocking"}

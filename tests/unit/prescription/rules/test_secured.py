from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from fhirserver.prescription import lines
from fhirserver.prescription.elements import InWords
from fhirserver.prescription.execution.quantities import read_amount
from fhirserver.prescription.facts import Facts
from fhirserver.prescription.rules.case import Case
from fhirserver.prescription.rules.secured import propose, spelled
from tests.unit.prescription.building import TABLES, alerts, dosage, medicine, serious
from tests.unit.prescription.building import spelled as written

OXYCODONE, TRAMADOL, BUPRENORPHINE = "N02AA05", "N02AX02", "N07BC01"
OF_A_NARCOTIC = {"strength": "dix milligrammes", "dose": "un comprimé", "intakes": "une fois par jour"}
OF_AN_OPIOID = {
    "strength": "cinquante milligrammes",
    "posology": "un comprimé par jour",
    "duration": "vingt-huit jours",
}


def named(request: dict[str, Any]) -> dict[str, Any]:
    request["dispenseRequest"]["performer"] = {"reference": "Organization/1"}
    return request


@pytest.mark.parametrize(("code", "parts"), [(OXYCODONE, OF_A_NARCOTIC), (TRAMADOL, OF_AN_OPIOID)])
def test_the_mentions_of_its_class_are_mandatory_in_words(code: str, parts: dict[str, str]) -> None:
    assert serious(medicine(code))["in-words"] == "blocking"
    assert serious(written(medicine(code), **parts)) == {}
    for left_out in parts:
        some = {name: text for name, text in parts.items() if name != left_out}
        assert serious(written(medicine(code), **some)) == {"in-words": "blocking"}


def test_tramadol_needs_no_words_before_march_2025() -> None:
    assert serious(medicine(TRAMADOL, drafted="2025-02-28")) == {}
    assert serious(medicine(TRAMADOL, drafted="2025-03-01")) == {"in-words": "blocking"}


def test_words_that_contradict_the_figures_are_to_be_confirmed() -> None:
    parts = {**OF_A_NARCOTIC, "dose": "deux comprimés"}
    assert serious(written(medicine(OXYCODONE), **parts)) == {"in-words": "confirm"}
    parts = {**OF_AN_OPIOID, "duration": "dix-huit jours"}
    assert serious(written(medicine(TRAMADOL), **parts)) == {"in-words": "confirm"}
    parts = {**OF_AN_OPIOID, "duration": "quatre semaines"}
    assert serious(written(medicine(TRAMADOL), **parts)) == {}


def test_so_are_a_strength_and_a_number_of_intakes_other_than_the_figures() -> None:
    actiskenan = medicine(
        "3400892083926",
        system="http://data.esante.gouv.fr/ansm/medicament/UCD",
        lasting=7,  # 10 mg
    )
    right = {"strength": "dix milligrammes", "dose": "un comprimé", "intakes": "une fois par jour"}
    assert serious(written(deepcopy(actiskenan), **right)) == {}
    for part, text, level in (
        ("strength", "cent milligrammes", {"in-words": "confirm"}),
        ("strength", "un centième de gramme ou dix milligrammes", {}),
        ("intakes", "trois fois par jour", {"in-words": "confirm"}),
        ("intakes", "une le soir", {}),
    ):
        assert serious(written(deepcopy(actiskenan), **{**right, part: text})) == level, text


@pytest.mark.parametrize("text", ["10 mg", "1 comprimé", "   "])
def test_figures_are_no_words(text: str) -> None:
    for part in OF_A_NARCOTIC:
        assert serious(written(medicine(OXYCODONE), **{**OF_A_NARCOTIC, part: text})) == {"in-words": "blocking"}
    both = {**OF_A_NARCOTIC, "strength": "dix milligrammes (10 mg)"}
    assert serious(written(medicine(OXYCODONE), **both)) == {}


def test_the_words_that_follow_from_the_structure_are_proposed() -> None:
    request = medicine(
        "3400892083926",
        system="http://data.esante.gouv.fr/ansm/medicament/UCD",
        lasting=7,
        dosageInstruction=[dosage(2, "gélule", frequency=3, period=1, periodUnit="d")],
    )
    case = Case(lines.read(request), Facts(date(2026, 1, 5)), TABLES)
    assert propose(case) == {
        InWords.STRENGTH: "dix milligrammes",
        InWords.DOSE: "deux gélules",
        InWords.INTAKES: "trois fois par jour",
        InWords.POSOLOGY: "deux gélules trois fois par jour",
        InWords.DURATION: "sept jours",
    }


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(1, "gélule", "une gélule"), (2, "comprimé", "deux comprimés"), (0.5, "comprimé", "un demi comprimé")],
)
def test_amounts_are_spelled_with_their_gender_and_number(value: float, unit: str, expected: str) -> None:
    amount = read_amount({"value": value, "unit": unit})
    assert amount is not None
    assert spelled(amount) == expected


@pytest.mark.parametrize("code", [OXYCODONE, TRAMADOL, BUPRENORPHINE, "N05CF02", "N03AE01", "N06AX14", "N02BF02"])
def test_secured_medicines_are_to_be_printed_on_secured_paper(code: str) -> None:
    assert alerts(medicine(code))["secured"] == "information"


def test_by_setting_the_code_counts_as_security() -> None:
    assert "secured" not in alerts(medicine(OXYCODONE), code_is_secured=True)


def test_other_medicines_need_no_secured_paper() -> None:
    assert "secured" not in alerts(medicine())
    assert "secured" not in alerts(medicine(TRAMADOL, drafted="2025-02-28"))


def test_opioid_substitution_names_the_pharmacy() -> None:
    request = written(medicine(BUPRENORPHINE), **OF_A_NARCOTIC)
    assert serious(request) == {"named-pharmacy": "blocking"}
    assert serious(named(request)) == {}

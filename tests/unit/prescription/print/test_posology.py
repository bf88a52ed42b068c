"""A structured posology reads as French."""

from decimal import Decimal

import pytest

from fhirserver.prescription.print.posology import sentence, sentences

TABLET = {"unit": "comprimé", "system": "http://standardterms.edqm.eu", "code": "15054000"}


WEEK = {"value": 1, "code": "wk", "unit": "semaine", "system": "http://unitsofmeasure.org"}


def _taken(value: str, **repeat: object) -> dict:
    return {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": {"value": Decimal(value), **TABLET}}]}


def _coded(code: str, text: str | None = None, **repeat: object) -> dict:
    abbreviation = {"system": "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "code": code}
    dosage = _taken("1", **repeat)
    dosage["timing"]["code"] = {"coding": [abbreviation], **({"text": text} if text else {})}
    return dosage


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        (_taken("1", when=["MORN", "EVE"]), "1 comprimé le matin et le soir."),
        (_taken("0.5", frequency=1, period=1, periodUnit="d"), "Un demi-comprimé 1 fois par jour."),
        (_taken("1.5", frequency=2, period=1, periodUnit="d"), "1 comprimé et demi 2 fois par jour."),
        (_taken("2.25", frequency=1, period=2, periodUnit="wk"), "2 comprimés et un quart toutes les 2 semaines."),
        (_taken("1", frequency=3, period=4, periodMax=6, periodUnit="h"), "1 comprimé 3 fois toutes les 4 à 6 heures."),
        (_taken("1", dayOfWeek=["fri", "mon"]), "1 comprimé le lundi et le vendredi."),
        (_taken("1", timeOfDay=["07:30:00"]), "1 comprimé à 7 h 30."),
        (_taken("1", when=["PCV"], offset=90), "1 comprimé 90 minutes après le dîner."),
        (_taken("1", count=3), "1 comprimé, 3 fois en tout."),
        (_coded("BID"), "1 comprimé 2 fois par jour."),
        (_coded("BED", boundsDuration=WEEK), "1 comprimé au coucher, pendant 1 semaine."),
        (_coded("Q8H", text="selon le plan"), "1 comprimé selon le plan."),
        ({"timing": {"event": ["2026-11-22T07:00:00Z", "2026-12-01"]}}, "Le 22/11/2026 à 8 h et le 01/12/2026."),
        ({"doseAndRate": [{"doseQuantity": {"value": Decimal(2), "code": "{bouffée}"}}]}, "2 bouffées."),
        ({"doseAndRate": [{"doseQuantity": {"value": Decimal(2), "code": "[iU]"}}]}, "2 UI."),
        ({"text": "selon le protocole remis"}, "Selon le protocole remis."),
        (
            {**_taken("1", when=["HS"]), "additionalInstruction": [{"text": "si insomnie"}, {"text": "avec de l'eau"}]},
            "1 comprimé au coucher, si insomnie. Avec de l'eau.",
        ),
        (
            {**_taken("1", when=["HS"]), "patientInstruction": "Ne pas conduire ensuite"},
            "1 comprimé au coucher. Ne pas conduire ensuite.",
        ),
        ({"doseAndRate": [{"doseQuantity": {"value": Decimal("1.5"), "unit": "ampoule"}}]}, "1 ampoule et demie."),
        ({"doseAndRate": [{"rateQuantity": {"value": Decimal("2.50"), "unit": "mL/h"}}]}, "Au débit de 2,5 mL/h."),
    ],
)
def test_a_dosage_is_one_french_sentence(dosage: dict, expected: str) -> None:
    assert sentence(dosage).replace("\u00a0", " ") == expected


def test_steps_follow_each_other_with_puis_whatever_their_order() -> None:
    second = {"sequence": 2, **_taken("1", boundsDuration={"value": 1, "code": "wk", "unit": "semaine",
                                                           "system": "http://unitsofmeasure.org"})}  # fmt: skip
    first = {"sequence": 1, **_taken("2", when=["MORN"])}
    written = [text.replace("\u00a0", " ") for text in sentences([second, first])]
    assert written == ["2 comprimés le matin.", "Puis 1 comprimé, pendant 1 semaine."]


def test_a_day_given_as_an_instant_is_the_day_in_paris() -> None:
    dosage = _taken("1", boundsPeriod={"start": "2026-01-31T23:30:00Z", "end": "2026-03"})
    assert sentence(dosage).replace("\u00a0", " ") == "1 comprimé, du 01/02/2026 au 03/2026."

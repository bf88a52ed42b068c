"""A structured posology reads as French."""

from decimal import Decimal

import pytest

from fhirserver.prescription.french.posology import sentence, sentences

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


def _dosed(value: str, unit: str | None = None, code: str | None = None, system: str | None = None) -> dict:
    said = {"value": Decimal(value), "unit": unit, "code": code, "system": system}
    return {"doseAndRate": [{"doseQuantity": {name: part for name, part in said.items() if part is not None}}]}


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        ({"text": "1 cp matin et soir", "route": {"text": "Voie orale"}}, "1 cp matin et soir (voie orale)."),
        ({"text": "1 cp toutes les 6 h", "asNeededBoolean": True}, "1 cp toutes les 6 h (si besoin)."),
        ({"text": "1 cp si besoin", "asNeededBoolean": True}, "1 cp si besoin."),
        ({"text": "Voir protocole", "patientInstruction": "Boire"}, "Voir protocole. Boire."),
        ({"text": "selon l'INR", **_dosed("1", "comprimé")}, "Selon l'INR (1 comprimé)."),
        ({"text": "1 cp le soir", **_taken("1", when=["EVE"])}, "1 comprimé le soir."),
    ],
)
def test_what_the_sender_wrote_is_never_lost_to_a_structure_that_says_less(dosage: dict, expected: str) -> None:
    assert sentence(dosage).replace("\u00a0", " ") == expected


def _ends(low: dict | None, high: dict | None) -> dict:
    return {name: end for name, end in (("low", low), ("high", high)) if end}


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        (
            {"doseAndRate": [{"doseRange": _ends({"value": 500, "unit": "mg"}, {"value": 1, "unit": "g"})}]},
            "500 mg à 1 g.",
        ),
        (
            {"doseAndRate": [{"doseRange": _ends({"unit": "comprimé"}, {"value": 2, "unit": "comprimé"})}]},
            "Jusqu'à 2 comprimés.",
        ),
        ({"doseAndRate": [{"doseQuantity": {"unit": "comprimé"}}]}, "Comprimé (quantité non précisée)."),
        ({"doseAndRate": [{"rateRange": _ends({"value": 2, "unit": "L/min"}, None)}]}, "Au débit minimal de 2 L/min."),
        (
            {
                "doseAndRate": [
                    {
                        "doseQuantity": {"value": 500, "unit": "mL"},
                        "rateRatio": {"numerator": {"value": 100, "unit": "mL"}, "denominator": {**WEEK, "code": "h"}},
                    }
                ]
            },
            "500 mL à raison de 100 mL par heure.",
        ),
        (_taken("1", boundsRange=_ends({**WEEK, "value": 5, "code": "d"}, {**WEEK, "value": 2})),
         "1 comprimé, pendant 5 jours à 2 semaines."),
        (_taken("1", boundsRange=_ends(None, WEEK)), "1 comprimé, pendant au plus 1 semaine."),
        (_taken("1", boundsDuration={**WEEK, "comparator": "<"}), "1 comprimé, pendant moins de 1 semaine."),
        (_taken("1", frequency=1, period=1, periodMax=2, periodUnit="d"), "1 comprimé tous les 1 à 2 jours."),
        (_taken("1", frequency=1, period=Decimal("0.5"), periodUnit="d"), "1 comprimé toutes les 12 heures."),
        (_taken("1", count=3, countMax=5), "1 comprimé, 3 à 5 fois en tout."),
        (_taken("1", when=["WAKE"], offset=30), "1 comprimé 30 minutes après le réveil."),
        (_taken("1", when=["ACM", "HS"], offset=30),
         "1 comprimé 30 minutes avant le petit-déjeuner et 30 minutes après le coucher."),
    ],
)  # fmt: skip
def test_limits_and_units_are_said_so_that_no_other_dose_or_duration_is_read(dosage: dict, expected: str) -> None:
    assert sentence(dosage).replace("\u00a0", " ") == expected


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        (_dosed("0.5", "gélule"), "Une demi-gélule."),
        (_dosed("0.25", "ovule"), "Un quart d'ovule."),
        (_dosed("1", "comprimés pelliculés"), "1 comprimé pelliculé."),
        (_dosed("2", "comprimé(s)"), "2 comprimés."),
        (_dosed("2", "COMPRIMÉ GASTRO-RÉSISTANT"), "2 comprimés gastro-résistants."),
        (_dosed("2", "ovule vaginal"), "2 ovules vaginaux."),
        (_dosed("2", "mmol"), "2 mmol."),
        (_dosed("0.5", "millilitre"), "0,5 millilitre."),
        (_dosed("2", None, "ug/kg", WEEK["system"]), "2 µg/kg."),
        (_dosed("2", None, "15054000", TABLET["system"]), "2 comprimés."),
        (_dosed("2", None, "99999999", TABLET["system"]), "2 (unité : code 99999999)."),
    ],
)
def test_units_read_as_french_whatever_form_they_were_sent_in(dosage: dict, expected: str) -> None:
    assert sentence(dosage).replace("\u00a0", " ") == expected


def test_abbreviations_keep_their_capitals_and_bare_codes_are_told_as_codes() -> None:
    dosage = {
        **_taken("1", when=["MORN"]),
        "asNeededCodeableConcept": {"text": "EVA > 4"},
        "route": {"text": "IM"},
        "method": {"coding": [{"system": "s", "code": "1234"}]},
        "site": {"text": "Bras gauche"},
    }
    expected = "1 comprimé le matin, si besoin (EVA > 4), IM, mode d'administration : code 1234, bras gauche."
    assert sentence(dosage).replace("\u00a0", " ") == expected
    assert sentences([{"sequence": 1, "text": "A"}, {"sequence": 2, "text": "IV lente"}])[1] == "Puis IV lente."


def test_what_is_taken_along_within_a_later_step_is_no_step_of_its_own() -> None:
    steps = [(1, "MORN"), (2, "MORN"), (2, "EVE"), (3, "HS")]
    written = sentences([{"sequence": step, **_taken("1", when=[when])} for step, when in steps])
    assert [text.split("\u00a0")[0].rsplit(" ")[0] for text in written] == ["1", "Puis", "Et", "Puis"]


@pytest.mark.parametrize("moment", ["2016-12-31T23:59:60Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"])
def test_a_moment_that_no_calendar_holds_is_still_written(moment: str) -> None:
    year = int(moment[:4])
    written = sentence({"timing": {"event": [moment], "repeat": {"boundsPeriod": {"start": moment}}}})
    assert f"{year:04}" in written or f"{year + 1:04}" in written

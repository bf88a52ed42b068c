from typing import Any

import pypdfium2
import pytest

from fhirserver.demo import people
from fhirserver.prescription import elements, lines, number
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.print import pdf
from fhirserver.prescription.print.people import ins, name, quality
from fhirserver.prescription.print.printed import PrintedPrescription
from fhirserver.prescription.print.printing import Sources, prescription
from tests.unit.prescription.building import days, device, medicine, service, spelled

NUMBER = number.issue()


def printed(*requests: dict[str, Any], **sources: Any) -> PrintedPrescription:
    given = Sources(people.patient(), people.practitioner(people.PRESCRIBER_RPPS, "LEFÈVRE", "Hélène"), **sources)
    return prescription(NUMBER, [lines.read(request) for request in requests], given)


def mentions(request: dict[str, Any]) -> str:
    return " | ".join(printed(request).lines[0].mentions).replace("\u00a0", " ")


def flagged(flag: Flag, *, holds: bool = True) -> dict[str, Any]:
    request = medicine()
    elements.set_flag(request, flag, holds=holds)
    return request


def test_the_prescriber_is_named_with_everything_that_identifies_him() -> None:
    shown = printed(medicine(), organization=people.hospital(), profession="10").prescriber
    assert shown.name == "Dr Hélène LEFÈVRE"
    assert shown.quality == "Médecin"
    assert shown.identifiers == (f"RPPS {people.PRESCRIBER_RPPS}", f"FINESS {people.HOSPITAL_FINESS}")
    assert shown.address == ("Centre hospitalier de démonstration", "3 place des Vosges", "88000 Épinal")
    assert shown.telecoms == ("Tél. 03 29 00 00 00",)


def test_the_patient_is_named_with_sex_birth_date_identity_and_measures() -> None:
    weight = {
        "status": "final",
        "code": {"coding": [{"code": "29463-7"}]},
        "valueQuantity": {"value": 62, "unit": "kg", "code": "kg"},
    }
    shown = printed(medicine(), observations=[weight]).patient
    assert (shown.name, shown.sex, shown.birth_date) == ("MOREL-DÉMO Camille", "Féminin", "17/05/1984")
    assert shown.ins is not None
    assert shown.ins.endswith("(test)")
    assert shown.measures == ("Poids : 62\u00a0kg",)


def test_the_date_is_that_of_drafting_in_paris() -> None:
    assert printed(medicine(drafted="2026-01-05T23:30:00Z")).date == "06/01/2026"


def test_alternatives_say_of_each_other_that_one_is_delivered() -> None:
    read = [lines.read(medicine(medication={"text": name}), name) for name in ("Un", "Deux", "Trois")]
    sources = Sources(people.patient(), {}, alternatives={("Un", "Deux"), ("Deux", "Un")})
    shown = prescription(NUMBER, read, sources)
    said = [[each.replace("\u00a0", " ") for each in line.sentences if "AU CHOIX" in each] for line in shown.lines]
    assert said == [
        [f"AU CHOIX avec « {other} » : une seule de ces lignes est délivrée."] if other else []
        for other in (shown.lines[1].title, shown.lines[0].title, None)
    ]


def test_the_posology_is_in_readable_french() -> None:
    assert printed(medicine()).lines[0].sentences == ("1\u00a0comprimé 1 fois par jour.",)


def test_what_the_prescriber_remarks_is_printed_below_the_posology() -> None:
    request = medicine(note=[{"text": "À préparer en pilulier."}, {"authorString": "Dr X"}])
    assert printed(request).lines[0].sentences[1:] == ("À préparer en pilulier.",)


@pytest.mark.parametrize(("renewals", "text"), [(0, "Non renouvelable"), (3, "À renouveler 3 fois")])
def test_renewals_are_printed(renewals: int, text: str) -> None:
    assert text in mentions(medicine(renewals=renewals))


def test_quantity_and_duration_are_printed() -> None:
    request = medicine()
    request["dispenseRequest"]["quantity"] = {"value": 28, "unit": "comprimé"}
    assert mentions(request) == "Quantité : 28 comprimés | Durée : 28 jours | Non renouvelable"


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        (Flag.URGENT, "À exécuter en urgence"),
        (Flag.HOME, "À exécuter à domicile"),
        (Flag.WORK_ACCIDENT, "accident du travail"),
        (Flag.MILITARY, "affection militaire"),
        (Flag.PREVENTION, "Prévention"),
        (Flag.OFF_LABEL, "hors autorisation de mise sur le marché"),
        (Flag.NOT_REIMBURSED, "Non remboursable"),
        (Flag.EXCEPTION_MEDICINE, "Médicament d'exception"),
        (Flag.LARGE_EQUIPMENT, "Grand appareillage"),
        (Flag.OVERLAP, "Chevauchement"),
        (Flag.SINGLE_DELIVERY, "en une seule fois"),
    ],
)
def test_each_flag_is_printed_as_a_mention(flag: Flag, text: str) -> None:
    assert text in mentions(flagged(flag))
    assert text not in mentions(medicine())


def test_not_substitutable_is_printed_with_its_reason() -> None:
    request = medicine(substitution={"allowedBoolean": False, "reason": {"text": "MTE"}})
    assert "Non substituable (MTE)" in mentions(request)


def test_mentions_in_words_are_printed_as_written() -> None:
    request = spelled(medicine(), strength="dix milligrammes", dose="un comprimé")
    assert "En toutes lettres — dosage : dix milligrammes ; unités par prise : un comprimé" in mentions(request)


def test_fractions_pharmacy_surgery_and_receipts_are_printed() -> None:
    request = medicine()
    request["dispenseRequest"] |= {"dispenseInterval": days(7), "performer": {"display": "Pharmacie du Lac"}}
    elements.set_value(request, "scheduled-surgery", "Period", {"start": "2026-06-20", "end": "2026-06-22"})
    elements.set_value(request, "prior-approval", "Identifier", {"value": "DAP-7"})
    shown = mentions(request)
    for text in ("fractionnée : 7 jours", "Pharmacie du Lac", "le 20/06/2026, sortie prévue le 22/06/2026", "DAP-7"):
        assert text in shown


def test_a_locum_prints_whom_he_replaces() -> None:
    request = flagged(Flag.LOCUM)
    elements.set_value(request, "replaced-prescriber", "Reference", {"display": "Dr Jean MARTIN"})
    assert printed(request).prescriber.replaced == "Dr Jean MARTIN"


def test_the_patients_opposition_is_printed() -> None:
    assert "s'oppose" in printed(flagged(Flag.OPPOSITION)).mentions[0]
    assert printed(medicine()).mentions == ()


def test_a_long_term_illness_makes_the_form_bizone_and_sorts_its_lines() -> None:
    shown = printed(flagged(Flag.LONG_TERM_ILLNESS), flagged(Flag.LONG_TERM_ILLNESS, holds=False))
    assert shown.bizone
    assert [line.long_term_illness for line in shown.lines] == [True, False]
    assert not printed(medicine()).bizone


def test_secured_medicines_ask_for_secured_paper_unless_the_setting_lets_the_code_do() -> None:
    narcotic = [lines.read(medicine("N02AA05"))]
    sources = Sources(people.patient(), people.practitioner(people.PRESCRIBER_RPPS, "A", "B"))
    assert prescription(NUMBER, narcotic, sources).secured
    assert not prescription(NUMBER, narcotic, sources, code_is_secured=True).secured
    assert not printed(medicine()).secured


def test_acts_and_devices_are_printed_with_what_was_said_of_them() -> None:
    act = service("58410-2", "http://loinc.org", patientInstruction="À jeun", occurrenceDateTime="2026-01-12")
    thing = device(line_quantity=("Quantity", {"value": 16, "unit": "pansement"}), line_renewals=("UnsignedInt", 1))
    first, second = printed(act, thing).lines
    assert first.sentences == ("À réaliser le 12/01/2026.", "À jeun")
    assert second.title == "Pansement hydrocellulaire"
    assert second.mentions == ("Quantité : 16\u00a0pansements", "À renouveler 1 fois")


DAY = {"value": 1, "unit": "jour", "system": "http://unitsofmeasure.org", "code": "d"}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"bodySite": [{"text": "Genou gauche"}]}, "Localisation : Genou gauche."),
        ({"orderDetail": [{"text": "Avec injection"}]}, "Avec injection."),
        ({"reasonCode": [{"text": "Suspicion de fracture"}]}, "Motif : Suspicion de fracture."),
        ({"asNeededBoolean": True}, "Si besoin."),
        ({"asNeededCodeableConcept": {"text": "douleur"}}, "Si besoin (douleur)."),
        ({"occurrencePeriod": {"start": "2026-01-12", "end": "2026-01-20"}}, "Du 12/01/2026 au 20/01/2026."),
    ],
)
def test_where_when_and_why_of_an_act_is_printed(said: dict[str, Any], sentence: str) -> None:
    assert printed(service("NFQK001", "urn:oid:1.2.250.1.213.2.5", **said)).lines[0].sentences == (sentence,)


def test_the_reason_of_a_secret_act_is_not_printed() -> None:
    act = service("JNQM001", "urn:oid:1.2.250.1.213.2.5", reasonCode=[{"text": "IVG"}])
    elements.set_flag(act, Flag.PREGNANCY_TERMINATION)
    assert printed(act).lines[0].sentences == ()


def test_the_number_of_acts_is_printed_as_it_was_written_and_by_whom_they_are_done() -> None:
    ten, fifteen = ({"value": count, "unit": "séance"} for count in (10, 15))
    act = service("AMK 8", "urn:fhirserver:CodeSystem:ngap", quantityRange={"low": ten, "high": fifteen})
    assert mentions(act) == "Quantité : 10 à 15 séances"
    assert mentions(service("AMI 4", "urn:fhirserver:CodeSystem:ngap", quantityQuantity=DAY)) == "Durée : 1 jour"
    act = service("AMK 8", "urn:fhirserver:CodeSystem:ngap", quantityRatio={"numerator": ten, "denominator": DAY})
    assert mentions(act | {"performer": [{"display": "Cabinet Durand"}]}) == (
        "Quantité : 10 séances par jour | À réaliser par : Cabinet Durand"
    )


def test_what_tells_a_device_from_another_is_printed() -> None:
    size = {"code": {"text": "Taille"}, "valueCodeableConcept": {"text": "L"}}
    thing = device(line_renewals=("UnsignedInt", 0)) | {
        "parameter": [size],
        "occurrenceTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
    }
    assert printed(thing).lines[0].sentences == ("Taille : L.", "1 fois par jour.")


def test_nothing_that_keeps_a_secret_is_printed() -> None:
    for flag in (Flag.PREGNANCY_TERMINATION, Flag.MINOR_SECRET):
        assert printed(flagged(flag)) == printed(medicine())


def test_the_print_is_drawn_with_its_mentions_and_its_number_in_clear() -> None:
    page = pypdfium2.PdfDocument(pdf.draw(printed(flagged(Flag.WORK_ACCIDENT))))[0]
    text = page.get_textpage().get_text_range()
    assert "accident du travail" in text
    assert f"{NUMBER[:6]} {NUMBER[6:12]} {NUMBER[12:]}" in text


def test_a_prescription_without_lines_is_none() -> None:
    with pytest.raises(ValueError, match="without lines"):
        printed()


def test_the_birth_name_comes_first_and_the_used_name_after_it() -> None:
    patient = {"name": [{"use": "usual", "family": "Durand"}, {"use": "official", "family": "Morel", "given": ["Zoé"]}]}
    assert name(patient, official=True) == "MOREL Zoé (nom utilisé : DURAND)"


def test_a_specialty_follows_the_profession() -> None:
    role = {
        "code": [{"coding": [{"system": "urn:oid:1.2.250.1.71.1.2.7", "code": "10"}]}],
        "specialty": [{"coding": [{"system": "s", "code": "SM04", "display": "Cardiologie"}]}],
    }
    assert quality({}, role) == "Médecin, Cardiologie"


def test_a_national_identity_is_grouped_as_on_paper() -> None:
    patient = {"identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "284058832102532"}]}
    assert ins(patient) == "2 84 05 88 321 025 32"


def test_what_is_private_of_a_prescriber_is_not_handed_to_patients() -> None:
    home = {"use": "home", "line": ["1 rue Privée"], "city": "Nancy"}
    mobile = [{"system": "phone", "use": "home", "value": "0600000000"}, {"system": "phone", "value": "0329000000"}]
    practitioner = {**people.practitioner(people.PRESCRIBER_RPPS, "A", "B"), "address": [home], "telecom": mobile}
    house = {**people.hospital(), "address": [{"use": "work", "postalCode": "88000", "city": "Épinal"}]}
    sources = Sources(people.patient(), practitioner, organization=house)
    shown = prescription(NUMBER, [lines.read(medicine())], sources).prescriber
    assert "1 rue Privée" not in shown.address
    assert "88000 Épinal" in shown.address
    assert shown.telecoms == ("Tél. 0329000000",)


def _made_of(**medication: Any) -> tuple[str, ...]:
    request = medicine()
    del request["medicationCodeableConcept"]
    contained = [{"resourceType": "Medication", "id": "m", **medication}]
    base = {"resourceType": "Medication", "id": "base", "code": {"text": "Cold-cream"}}
    request |= {"contained": [*contained, base], "medicationReference": {"reference": "#m"}}
    return tuple(text.replace("\u00a0", " ") for text in printed(request).lines[0].sentences[:-1])


def _strength(value: float, unit: str, of: dict[str, Any]) -> dict[str, Any]:
    return {"numerator": {"value": value, "unit": unit}, "denominator": of}


def test_strength_form_and_formula_of_a_medicine_are_printed_where_its_name_does_not_say_them() -> None:
    patch = {"itemCodeableConcept": {"text": "FENTANYL"}, "strength": _strength(75, "µg", {"value": 1, "code": "h"})}
    assert _made_of(code={"text": "FENTANYL"}, form={"text": "patch"}, ingredient=[patch]) == (
        "Forme : patch",
        "Composition : FENTANYL 75 µg par heure",
    )
    tablet = {"itemCodeableConcept": {"text": "paracétamol"}, "strength": _strength(500, "mg", {"value": 1})}
    assert _made_of(code={"text": "Paracétamol 500 mg, comprimé"}, form={"text": "comprimé"}, ingredient=[tablet]) == ()
    active = {"itemCodeableConcept": {"text": "Urée"}, "strength": _strength(10, "g", {"value": 100, "unit": "g"})}
    formula = [active, {"itemReference": {"reference": "#base"}}]
    amount = _strength(100, "g", {"value": 1, "unit": "pot"})
    assert _made_of(code={"text": "Préparation"}, ingredient=formula, amount=amount) == (
        "Composition : Urée 10 g pour 100 g ; Cold-cream",
        "Contenu : 100 g par pot",
    )

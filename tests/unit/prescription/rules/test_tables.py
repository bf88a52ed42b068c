import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from fhirserver.errors import Conflict
from fhirserver.prescription import lines
from fhirserver.prescription.checking import check
from fhirserver.prescription.execution.deliveries import decide
from fhirserver.prescription.facts import Facts
from fhirserver.prescription.professions import Kind
from fhirserver.prescription.rules.table_files import TableError
from fhirserver.prescription.rules.tables import load, shipped
from tests.unit.prescription.building import ATC, DOCTOR, UCD, delivery, line, medicine

CSV = """system;code;list;name;classes;unit;contents;packs
http://example.org/m;A1;I;ZOPICLONE 7,5 mg;hypnotic;comprimé;7,5 mg;14 5
http://example.org/m;A2;none;PARACÉTAMOL;;;;
"""


def test_the_shipped_tables_meet_their_schemas() -> None:
    assert shipped().medicines
    assert shipped().limits


def test_the_shipped_medicines_say_that_they_are_a_demonstration() -> None:
    folder = Path(lines.__file__).parent / "rules" / "data"
    assert json.loads((folder / "medicines.json").read_text(encoding="utf-8"))["demonstration"] is True


def test_every_limit_has_a_legal_source() -> None:
    assert all(limit.source for limits in shipped().limits.values() for limit in limits)


def test_every_kind_is_executed_by_somebody() -> None:
    assert all(shipped().executors(kind, date(2026, 1, 5)) for kind in Kind)


def test_an_operator_says_who_executes_a_kind_from_when(tmp_path: Path) -> None:
    row = '{"kind": "orthosis", "professions": ["%s"], "source": "s", "%s": "2026-06-01"}'
    text = f'{{"rows": [{row % ("82", "to")}, {row % ("94", "from")}]}}'
    (tmp_path / "executors.json").write_text(text, encoding="utf-8")
    tables = load(tmp_path)
    assert tables.executors(Kind.ORTHOSIS, date(2026, 5, 31)) == {"82"}
    assert tables.executors(Kind.ORTHOSIS, date(2026, 6, 2)) == {"94"}
    assert tables.executors(Kind.PHARMACY, date(2026, 6, 2)) == frozenset()


@pytest.mark.parametrize(
    ("code", "more"),
    [("JNQM001", {"50"}), ("JKQJ001", {"50"}), ("HBQK002", {"40"}), ("LAQK027", {"40"}), ("ACQN001", set())],
)
def test_midwives_and_dentists_execute_the_imaging_of_their_art(code: str, more: set[str]) -> None:
    act = [("urn:oid:1.2.250.1.213.2.5", code)]
    assert shipped().executors(Kind.IMAGING, date(2026, 1, 5), act) == {"10", "98"} | more


def test_a_row_holds_on_its_first_and_last_day() -> None:
    rows = shipped().limits["maximum-days"]
    old = next(row for row in rows if row.value == 92)
    assert old.holds(date(2020, 4, 15))
    assert old.holds(date(2025, 2, 28))
    assert not old.holds(date(2020, 4, 14))
    assert not old.holds(date(2025, 3, 1))


def test_a_medicine_is_known_by_any_of_its_codes_and_the_strictest_list_holds() -> None:
    request = medicine("3400892169026", system=UCD)
    request["medicationCodeableConcept"]["coding"].append({"system": ATC, "code": "N02AA05"})
    found = shipped().medicine(line(request))
    assert found.known
    assert found.is_narcotic
    assert found.packs == (8,)


def test_an_ingredient_tells_the_class_of_a_preparation() -> None:
    request = medicine(medicationReference={"reference": "#prep"})
    del request["medicationCodeableConcept"]
    substance = {"system": "http://data.esante.gouv.fr/ansm/medicament/codeSMS", "code": "100000079790"}
    request["contained"] = [
        {
            "resourceType": "Medication",
            "id": "prep",
            "code": {"text": "PARACETAMOL + CODEINE"},
            "ingredient": [{"itemCodeableConcept": {"coding": [substance]}}],
        }
    ]
    assert "codeine" in shipped().medicine(line(request)).classes


def test_an_unknown_medicine_is_treated_as_of_list_one() -> None:
    found = shipped().medicine(line(medicine("X99XX99")))
    assert not found.known
    assert found.legal_list == "I"


def test_an_operators_file_replaces_the_shipped_one_and_the_others_stay(tmp_path: Path) -> None:
    row = {"rule": "maximum-days", "of": ["hypnotic"], "value": 14, "source": "essai"}
    (tmp_path / "limits.json").write_text(json.dumps({"rows": [row]}))
    tables = load(tmp_path)
    limit = tables.least("maximum-days", {"hypnotic"}, date(2026, 1, 5))
    assert limit is not None
    assert limit.value == 14
    assert tables.medicines == shipped().medicines


def test_a_medicine_changes_its_list_on_its_day_for_what_is_drafted_from_then(tmp_path: Path) -> None:
    (tmp_path / "medicines.csv").write_text(
        "system;code;list;classes;from;to;source\ns;A;I;;;2026-05-31;avant\ns;A;narcotic;;2026-06-01;;arrêté\n",
        encoding="utf-8",
    )
    tables = load(tmp_path)
    for drafted, legal_list in (("2026-05-31", "I"), ("2026-05-31T22:00:00Z", "narcotic"), ("2026-06-01", "narcotic")):
        assert tables.medicine(line(medicine("A", system="s", drafted=drafted))).legal_list == legal_list
    before, after = (line(medicine("A", system="s", drafted=day, lasting=30)) for day in ("2026-05-31", "2026-06-01"))
    assert decide(before, (), delivery(30, on="2026-06-10"), tables).standing.finished
    with pytest.raises(Conflict, match="9 elapsed days are deducted"):
        decide(after, (), delivery(30, on="2026-06-10"), tables)


def test_a_profession_prescribes_more_from_a_day_on_and_not_before(tmp_path: Path) -> None:
    rows = '{"name": "P", "to": "2026-05-31"}, {"name": "P", "pharmacy": "all", "from": "2026-06-01"}'
    (tmp_path / "prescribers.json").write_text(f'{{"professions": {{"21": [{rows}]}}}}', encoding="utf-8")
    known = {"on": date(2026, 6, 1), "prescriber": replace(DOCTOR, profession="21")}
    found = [
        [alert.rule for alert in check([line(medicine(drafted=day))], Facts(**known), load(tmp_path))]
        for day in ("2026-05-31", "2026-06-01")
    ]
    assert found == [["prescriber"], []]


def test_every_prescriber_has_a_legal_source() -> None:
    assert all(row.get("source") for rows in shipped().prescribers.values() for row in rows)


def test_medicines_may_be_loaded_from_csv(tmp_path: Path) -> None:
    (tmp_path / "medicines.csv").write_text(CSV, encoding="utf-8")
    found = load(tmp_path).medicines["http://example.org/m", "A1"]
    assert found.classes == {"hypnotic"}
    assert found.packs == (5, 14)
    assert found.contents is not None
    assert str(found.contents) == "7.5 mg"
    assert found.unit is not None
    assert found.unit.unit == "comprimé"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("limits.json", "{", "limits.json"),
        ("limits.json", '{"rows": [{"rule": "maximum-days", "of": ["x"], "value": "lang", "source": "s"}]}', "value"),
        ("limits.json", '{"rows": [{"rule": "renewals", "of": ["x"], "value": "oft", "source": "s"}]}', "value"),
        ("limits.json", '{"rows": [{"rule": "x", "of": ["x"], "value": 1}]}', "source"),
        ("limits.json", '{"rows": [{"rule": "x", "of": ["x"], "value": 1, "source": "s", "from": "2025"}]}', "from"),
        ("kinds.json", '{"rows": [{"systems": ["s"], "kind": "magic"}]}', "magic"),
        ("prescribers.json", '{"professions": {"10": {"name": "M", "pharmacy": "some"}}}', "pharmacy"),
        ("prescribers.json", '{"professions": {"10": [{"name": "M", "pharmacy": "some"}]}}', "pharmacy"),
        ("medicines.csv", "system;code;list;from\ns;A;I;2026-02-30\n", "date"),
        ("executors.json", '{"rows": [{"kind": "nursing", "professions": ["x"], "source": "s"}]}', "professions"),
        ("medicines.csv", "code;list\nA;I\n", "system"),
        ("medicines.csv", "system;code;list;packs\ns;A;I;viele\n", "row 2"),
        ("medicines.csv", "system;code;list\ns;A;III\n", "III"),
    ],
)
def test_a_table_with_a_fault_is_refused_with_its_place(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(TableError, match=says) as caught:
        load(tmp_path)
    assert name in str(caught.value)

"""Bad input to search, over HTTP: refused or bounded with the reason, never a 500; limits and what is decided."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.http.conftest import Client, issue

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def patient(family: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": family}], **more}


def ids(client: Client, path: str) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return [each["resource"]["id"] for each in answer.json().get("entry", []) if each["search"]["mode"] == "match"]


@pytest.fixture(scope="module")
def family(as_role: Callable[[str], Client]) -> str:
    """A name that no other test uses, of one patient with an observation."""
    operator = as_role("operator")
    name = f"Refus{secrets.token_hex(5)}"
    made = operator.post("Patient", patient(name, gender="female")).json()["id"]
    content = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    operator.post("Observation", {**content, "subject": {"reference": f"Patient/{made}"}})
    return name


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Patient?name=%00", "null"),
        ("Patient?na%00me=x", "null"),
        ("RiskAssessment?probability=1e999", "probability"),
        ("Patient?_has:::=x", "_has"),
        ("Patient?name=" + ",".join(["x"] * 10_000), "1000"),
        ("Patient?" + "link." * 100 + "name=x", "8"),
        ("Organization?" + "_has:Organization:partof:" * 100 + "name=x", "8"),
        ("Patient?_count=-1", "_count"),
        ("Patient?_count=" + "9" * 40, "_count"),
        ("Patient?_summary=nonsense", "_summary"),
        ("Patient?_total=many", "_total"),
        ("Patient?gender:missing=maybe", "missing"),
        ("Patient?gender:exact=female", "exact"),
        ("Patient?name:nonsense=x", "nonsense"),
        ("Patient?birthdate:contains=1980", "contains"),
        ("Patient?birthdate=zz1980", "birthdate"),
        ("Patient?birthdate=1980,1981,soon", "3"),
        ("RiskAssessment?probability=zz1", "probability"),
        ("Patient?_sort=nonsense", "nonsense"),
        ("Patient?_contained=perhaps", "_contained"),
        ("Patient?_containedType=perhaps", "_containedType"),
        ("Patient?_elements=a%20b", "_elements"),
        ("Patient?_elements=id,nmae", "nmae"),
        ("Patient?_elements=Patient.nmae", "nmae"),
        ("Patient?_include=Patient", "_include"),
        ("Patient?_query=any", "_query"),
        ("Patient?$where=1", "$where"),
        ("Patient?name.$gt=x", "name"),
        ("Patient?_type=Nothing", "Nothing"),
        ("Patient?_cursor=AAAA", "_cursor"),
        ("Patient?_cursor=" + "A" * 5_000, "_cursor"),
        ("Patient?_filter=name%20eq", "_filter"),
        ("Patient?_id=a%20b", "_id"),
    ],
)
def test_what_makes_no_sense_is_a_400_that_names_it(operator: Client, path: str, said: str) -> None:
    answer = operator.get(path)
    assert answer.status_code == 400, answer.text
    found = issue(answer)
    assert said in found["diagnostics"] + str(found.get("expression", "")), found
    assert len(answer.content) < 4_000


@pytest.mark.parametrize(
    "value",
    [
        "$where",
        "{'$gt': ''}",
        ".*",
        "^(a+)+$",
        "a.b",
        "$ne",
        "[",
        "\\",
        "*",
        "%",
        "_",
        "';--",
        "Refus_",
        "Refu%",
        "Refus.",
    ],
)
@pytest.mark.parametrize("name", ["family", "family:exact", "family:contains", "identifier", "_tag", "email"])
@pytest.mark.wasteful(reason="`:contains` reads all names")
def test_what_is_a_command_elsewhere_is_plain_text_here(operator: Client, family: str, name: str, value: str) -> None:
    found = operator.get(f"Patient?{name}={quote(value)}&_count=1000").json().get("entry", [])
    names = [entry["resource"]["name"][0]["family"] for entry in found]
    assert family not in names
    assert all(value in each for each in names), "others may bear the sign itself in their names"


def test_a_form_that_is_not_utf8_is_a_400(operator: Client) -> None:
    assert operator.send("POST", "Patient/_search", b"family=\xff\xfe", **FORM).status_code == 400


def test_a_query_string_that_is_not_utf8_is_a_400(operator: Client) -> None:
    assert operator.get("Patient?family=%ff%fe").status_code == 400


def test_uri_above_is_answered(operator: Client) -> None:
    url = f"https://example.fr/{secrets.token_hex(5)}"
    body = {"resourceType": "ValueSet", "status": "draft", "url": url, "description": "x", "name": "X"}
    made = operator.post("ValueSet", body).json()["id"]
    assert ids(operator, f"ValueSet?url:above={url}/a/b") == [made]


def test_a_count_of_0_is_the_number_alone_and_a_huge_one_is_cut(operator: Client, family: str) -> None:
    none = operator.get(f"Patient?family={family}&_count=0").json()
    assert (none["total"], "entry" in none) == (1, False)
    assert ids(operator, f"Patient?family={family}&_count=999999999")


def test_cyclic_includes_end(operator: Client) -> None:
    names = [f"cycle-{secrets.token_hex(5)}" for _ in range(2)]
    for mine, other in (names, names[::-1]):
        body = {"resourceType": "Organization", "id": mine, "name": mine}
        operator.put(f"Organization/{mine}", body)
        operator.put(f"Organization/{mine}", {**body, "partOf": {"reference": f"Organization/{other}"}})
    operator.put(
        f"Organization/{names[0]}",
        {
            "resourceType": "Organization",
            "id": names[0],
            "name": "x",
            "partOf": {"reference": f"Organization/{names[1]}"},
        },
    )
    path = f"Organization?_id={names[0]}&_include:iterate=Organization:partof&_revinclude:iterate=Organization:partof"
    entries = operator.get(path).json()["entry"]
    assert sorted(entry["resource"]["id"] for entry in entries) == sorted(names)


def test_unknown_parameters_are_refused_or_under_lenient_handling_left_out_and_said(
    operator: Client, family: str
) -> None:
    path = f"Patient?family={family}&shoe=42"
    assert operator.get(path).status_code == 400
    bundle = operator.get(path, Prefer="handling=lenient").json()
    modes = [entry["search"]["mode"] for entry in bundle["entry"]]
    assert modes == ["match", "outcome"]
    assert "shoe" in str(bundle["entry"][1]["resource"]["issue"][0])
    assert "shoe" not in next(link["url"] for link in bundle["link"] if link["relation"] == "self")
    assert operator.get(f"Patient?family={family}&birthdate=soon", Prefer="handling=lenient").status_code == 400


def test_the_self_link_states_what_was_understood(operator: Client, family: str) -> None:
    bundle = operator.get(f"Patient?family={family}&_sort=-birthdate&_count=3&_format=json").json()
    address = next(link["url"] for link in bundle["link"] if link["relation"] == "self")
    assert address.endswith(f"Patient?family={family}&_sort=-birthdate&_count=3")


@pytest.mark.parametrize(
    "asked",
    [
        "code:text=x", "status:not=amended", "value-quantity:missing=true", "_filter=status eq final", "_content=final",
        "_text:missing=true", "_sort=status", "_sort=-value-string",
    ],
)  # fmt: skip
def test_what_has_no_index_always_answers_beside_a_patient(operator: Client, family: str, asked: str) -> None:
    if asked == "_text:missing=true":
        assert operator.get(f"Observation?subject.family={family}&{asked}").status_code == 400
        return
    assert len(ids(operator, f"Observation?subject.family={family}&{asked}")) == 1


@pytest.mark.parametrize(
    "asked",
    ["family:contains=efus", "gender:missing=true", "gender:not=male", "_filter=family co efus", "_content=refus",
     "_sort=family"],
)  # fmt: skip
@pytest.mark.wasteful(reason="no criterion has an index: the search reads the type, within the time budget")
def test_what_has_no_index_answers_alone_within_the_time_budget(operator: Client, asked: str) -> None:
    assert operator.get(f"Patient?{asked}&_count=2").status_code == 200


@pytest.mark.wasteful("looks for the key under each of the types, one seek each")
def test_contained_resources_are_searched_when_asked_for(operator: Client) -> None:
    code = secrets.token_hex(6)
    inner = {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": "urn:c", "code": code}]}}
    line = {
        "resourceType": "MedicationRequest", "status": "draft", "intent": "order", "contained": [inner],
        "medicationReference": {"reference": "#m"}, "subject": {"display": "x"},
    }  # fmt: skip
    made = operator.post("MedicationRequest", line).json()["id"]
    assert ids(operator, f"Medication?code=urn:c|{code}") == []
    assert ids(operator, f"Medication?code=urn:c|{code}&_contained=true") == [made]
    entry = operator.get(f"Medication?code=urn:c|{code}&_contained=both&_containedType=contained").json()["entry"]
    assert [(each["fullUrl"], each["resource"]["id"]) for each in entry] == [
        (f"{operator.base}/MedicationRequest/{made}#m", "m")
    ]

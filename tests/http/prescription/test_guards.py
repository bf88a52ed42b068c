"""What is issued is moved by operations alone, and seen by whom it concerns."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from fhirserver.prescription import number
from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import (
    AsRole,
    another_pharmacist,
    dispense,
    find,
    issue,
    parameters,
    push,
    task_of,
)

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("persona", ["prescriber", "operator", "hospital"])
def test_lines_and_tasks_refuse_put_patch_and_delete_and_name_the_operation(
    persona: str, as_role: AsRole, prescriber: Client
) -> None:
    issued = issue(prescriber)
    asker = as_role(persona)
    line = issued.reference("MedicationRequest")
    task = "Task/" + str(task_of(as_role("operator"), issued.number)["id"])
    for reference in (line, task):
        current = as_role("operator").get(reference).json()
        changed = {**current, "priority": "urgent"}
        patch = [{"op": "replace", "path": "/status", "value": "completed"}]
        answers = [
            asker.put(reference, changed),
            asker.patch(reference, patch, Content_Type="application/json-patch+json"),
            asker.delete(reference),
        ]
        assert [answer.status_code for answer in answers] == [405, 405, 405], [answer.text for answer in answers]
        assert "$cancel" in answers[0].text
        bundle: dict[str, Any] = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"request": {"method": "DELETE", "url": reference}}],
        }
        assert asker.post("", bundle).status_code == 405
        batch = asker.post("", {**bundle, "type": "batch"}).json()
        assert batch["entry"][0]["response"]["status"].startswith("405")


def test_who_may_change_no_order_at_all_hears_of_the_operation_as_well(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    line, unseen = issued.reference("MedicationRequest"), issue(prescriber).reference("MedicationRequest")
    pharmacist.post(f"Task/{task_of(pharmacist, issued.number)['id']}/$take", parameters())
    made = pharmacist.post("MedicationDispense", dispense(line, 500))
    for reference in (line, f"MedicationDispense/{made.json()['id']}"):
        current = pharmacist.get(reference).json()
        patch = [{"op": "replace", "path": "/status", "value": "completed"}]
        answers = [
            pharmacist.put(reference, {**current, "status": "stopped"}),
            pharmacist.put(
                reference, {**current, **dispense(line, 500)} if made.json()["id"] in reference else current
            ),
            pharmacist.patch(reference, patch, Content_Type="application/json-patch+json"),
            pharmacist.delete(reference),
        ]
        assert [answer.status_code for answer in answers] == [405] * 4, [answer.text for answer in answers]
        assert all("$cancel" in answer.text for answer in answers)
    assert pharmacist.delete(unseen).status_code == 403


def test_operators_write_plain_fhir_that_starts_no_workflow(operator: Client, prescriber: Client) -> None:
    answer = push(operator).json()
    assert "identifier" not in answer
    line = answer["entry"][2]["resource"]
    assert operator.put(f"MedicationRequest/{line['id']}", {**line, "priority": "urgent"}).status_code == 200


def test_drafts_start_no_workflow_and_become_a_prescription_when_they_become_active(prescriber: Client) -> None:
    def draft(bundle: dict[str, Any]) -> None:
        for entry in bundle["entry"][2:]:
            entry["resource"]["status"] = "draft"

    answer = push(prescriber, draft).json()
    assert "identifier" not in answer
    line = answer["entry"][2]["resource"]
    patch = [{"op": "replace", "path": "/status", "value": "active"}]
    patched = prescriber.patch(f"MedicationRequest/{line['id']}", patch, Content_Type="application/json-patch+json")
    assert patched.status_code == 422, patched.text
    assert "$issue-prescription" in patched.text
    active = prescriber.put(f"MedicationRequest/{line['id']}", {**line, "status": "active"})
    assert active.status_code == 200, active.text
    assert active.json()["groupIdentifier"] != line["groupIdentifier"]
    assert prescriber.delete(f"MedicationRequest/{line['id']}").status_code == 405


def test_one_active_request_alone_is_a_prescription_of_one_line(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    line = copy.deepcopy(issued.answer["entry"][2]["resource"])
    for name in ("id", "meta", "identifier", "groupIdentifier"):
        line.pop(name, None)
    answer = prescriber.post("MedicationRequest", line)
    assert answer.status_code == 201, answer.text
    number = answer.json()["groupIdentifier"]["value"]
    assert number != issued.number
    assert find(pharmacist, number).status_code == 200


def test_the_same_push_gives_the_first_answer_and_another_under_its_key_is_refused(prescriber: Client) -> None:
    issued = issue(prescriber)
    renamed = copy.deepcopy(issued.bundle)
    again = prescriber.post("", renamed)
    assert again.status_code == 200
    assert again.json()["identifier"]["value"] == issued.number
    assert [entry["response"]["location"] for entry in again.json()["entry"]] == [
        entry["response"]["location"] for entry in issued.answer["entry"]
    ]
    renamed["entry"][2]["resource"]["priority"] = "urgent"
    refused = prescriber.post("", renamed)
    assert refused.status_code == 409, refused.text
    del renamed["entry"][2]["resource"]["status"]
    assert prescriber.post("", renamed).status_code == 409, "the key is told, whatever else is wrong"


def test_the_same_push_gives_the_first_answer_although_it_would_be_refused_now(
    prescriber: Client, operator: Client
) -> None:
    issued = issue(prescriber)
    patient = operator.get(issued.reference("Patient")).json()
    twin = operator.post("Patient", {**patient, "identifier": patient["identifier"]})
    try:
        # now the push's condition selects two patients
        assert push(prescriber).status_code == 412
        again = prescriber.post("", issued.bundle)
        assert again.status_code == 200, again.text
        assert again.json()["identifier"]["value"] == issued.number
    finally:
        operator.delete(f"Patient/{twin.json()['id']}")


def test_another_doctor_cannot_prescribe_in_somebody_elses_name(as_role: AsRole) -> None:
    refused = push(as_role("doctor"))
    assert refused.status_code == 403, refused.text
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[2].resource.requester"]


def test_the_number_of_anothers_push_is_not_told_to_who_repeats_it(prescriber: Client, as_role: AsRole) -> None:
    issued = issue(prescriber)
    refused = as_role("doctor").post("", issued.bundle)
    assert refused.status_code == 403, refused.text
    assert issued.number not in refused.text
    assert prescriber.post("", issued.bundle).json()["identifier"]["value"] == issued.number


def test_a_structure_pushes_for_its_professionals(as_role: AsRole, pharmacist: Client) -> None:
    issued = issue(as_role("hospital"))
    assert find(pharmacist, issued.number).status_code == 200
    ended = {"number": issued.number, "reason": "error"}
    assert as_role("doctor").post("$cancel", parameters(**ended)).status_code == 403
    assert as_role("hospital").post("$cancel", parameters(**ended)).status_code == 200


def test_an_executing_professional_sees_nothing_before_he_found_the_number(
    prescriber: Client, pharmacist: Client, server: Server
) -> None:
    issued = issue(prescriber)
    line, biology = issued.reference("MedicationRequest"), issued.reference("ServiceRequest")
    patient = issued.reference("Patient")
    searches = (
        f"MedicationRequest?subject={patient}&_count=200",
        f"Task?patient={patient}&_count=200",
        f"Patient?_id={patient.split('/')[1]}&_revinclude=MedicationRequest:subject",
        f"Patient/{patient.split('/')[1]}/MedicationRequest?_count=200",
    )
    identity = line.split("/")[1]

    def seen(client: Client) -> list[bool]:
        return [identity in client.get(search).text for search in searches if not search.startswith("Task")]

    assert pharmacist.get(line).status_code == 404
    assert pharmacist.get(f"{line}/_history/1").status_code == 404
    assert pharmacist.get(f"{line}/_history").status_code == 404
    assert identity not in pharmacist.get("MedicationRequest/_history?_count=50").text
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": line}}],
    }
    assert pharmacist.post("", batch).json()["entry"][0]["response"]["status"].startswith("404")
    assert not any(seen(pharmacist))
    assert find(pharmacist, issued.number).status_code == 200
    assert all(seen(pharmacist))
    assert pharmacist.get(line).status_code == pharmacist.get(biology).status_code == 200
    assert another_pharmacist(server).get(line).status_code == 404


def test_a_number_stands_in_no_url_but_in_a_form(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    line = issued.reference("MedicationRequest")
    assert pharmacist.get(f"MedicationRequest?group-identifier={issued.number}").status_code == 403
    chained = f"MedicationDispense?prescription.group-identifier={issued.number}"
    assert pharmacist.get(chained).status_code == 403
    spaced = quote(f"{issued.number[:9]} {issued.number[9:]}")
    assert pharmacist.get(f"MedicationRequest?group-identifier={spaced}").status_code == 403
    assert pharmacist.post(f"$find-prescription?number={issued.number}", parameters()).status_code == 400
    form = f"group-identifier={issued.number}".encode()
    mixed = pharmacist.send("POST", f"MedicationRequest/_search?{form.decode()}", b"", Content_Type=FORM)
    assert mixed.status_code == 403, mixed.text
    found = pharmacist.send("POST", "MedicationRequest/_search", form, Content_Type=FORM).json()
    assert line.split("/")[1] in {entry["resource"]["id"] for entry in found["entry"]}
    assert issued.number not in str(found["link"])
    assert pharmacist.get(line).status_code == 200


def test_a_number_stands_in_no_criteria_of_an_address(prescriber: Client) -> None:
    issued = issue(prescriber)
    for criteria in (f"_content={issued.number}", f"_text={issued.number}"):
        assert prescriber.get(f"MedicationRequest?{criteria}").status_code == 403
    place = f"Task?group-identifier={issued.number}"
    sent = {"resourceType": "Task", "status": "draft", "intent": "plan"}
    answers = [prescriber.put(place, sent), prescriber.delete(place), prescriber.patch(place, sent)]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert not any(issued.number in answer.text for answer in answers)


def test_the_next_page_of_who_found_a_number_opens_nothing_to_another(
    server: Server, prescriber: Client, pharmacist: Client
) -> None:
    issued, other = issue(prescriber), another_pharmacist(server)
    form = f"group-identifier={issued.number}&_count=1".encode()
    found = pharmacist.send("POST", "MedicationRequest/_search", form, Content_Type=FORM).json()
    following = next(link["url"] for link in found["link"] if link["relation"] == "next")
    assert pharmacist.get(following).json()["entry"]
    assert "entry" not in other.get(following).json()
    assert other.get(issued.reference("MedicationRequest")).status_code == 404


def test_a_form_takes_a_number_as_it_was_typed(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    typed = " ".join((issued.number[:6], issued.number[6:12], issued.number[12:])).lower().replace("0", "o")
    for given in (typed, f"AUTRE,{typed}", f"{issued.answer['identifier']['system']}|{typed.replace(' ', '-')}"):
        form = urlencode({"group-identifier": given}).encode()
        answer = pharmacist.send("POST", "MedicationRequest/_search", form, Content_Type=FORM)
        lines = {entry["resource"]["id"] for entry in answer.json().get("entry", ())}
        assert issued.reference("MedicationRequest").split("/")[1] in lines, answer.text
    chained = {
        "MedicationRequest/_search": "patient:Patient._has:Task:patient:group-identifier",
        "Patient/_search": "_has:MedicationRequest:subject:group-identifier",
    }
    for path, name in chained.items():
        answer = pharmacist.send("POST", path, urlencode({name: typed}).encode(), Content_Type=FORM)
        assert answer.json().get("entry"), answer.text


def test_unknown_numbers_are_counted_and_slow_their_client_down(pharmacist: Client) -> None:
    statuses = [find(pharmacist, number.issue()).status_code for _ in range(7)]
    assert statuses[0] == 404
    assert 429 in statuses
    slowed = find(pharmacist, number.issue())
    assert slowed.status_code == 429
    assert int(slowed.headers["Retry-After"]) > 0


def test_many_unknown_numbers_in_one_request_are_slowed_down_as_well(server: Server) -> None:
    numbers = [number.issue() for _ in range(40)]
    asked = [
        {"resource": parameters(number=each), "request": {"method": "POST", "url": "$find-prescription"}}
        for each in numbers
    ]
    whole = {"resourceType": "Bundle", "type": "batch", "entry": asked}
    answers = another_pharmacist(server).post("", whole).json()["entry"]
    assert sum(each["response"]["status"].startswith("429") for each in answers) > len(numbers) / 2
    form = f"group-identifier={','.join(numbers)}".encode()
    assert another_pharmacist(server).send("POST", "Task/_search", form, Content_Type=FORM).status_code == 429


@pytest.mark.parametrize(
    "scanned",
    ["https://evil.example/x", "<script>alert(1)</script>", "x" * 10_000, "пример-номера-рецепта", "", "0" * 17 + "1"],
)
def test_a_code_that_holds_anything_else_is_refused_in_words(scanned: str, pharmacist: Client) -> None:
    answer = find(pharmacist, scanned)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["details"]["text"]


def test_pregnancy_termination_is_seen_by_prescriber_and_executor_only(
    prescriber: Client, pharmacist: Client, as_role: AsRole
) -> None:
    def secret(bundle: dict[str, Any]) -> None:
        for entry in bundle["entry"][2:]:
            entry["resource"].setdefault("extension", []).append(
                {"url": "urn:fhirserver:StructureDefinition:pregnancy-termination", "valueBoolean": True}
            )

    issued = issue(prescriber, secret)
    line = issued.reference("MedicationRequest")
    assert prescriber.get(line).status_code == 200
    assert as_role("doctor").get(line).status_code == 404
    assert as_role("hospital").get(line).status_code == 404
    assert find(pharmacist, issued.number).status_code == 200
    assert pharmacist.get(line).status_code == 200
    taken = pharmacist.post("$take", parameters(number=issued.number))
    assert taken.status_code == 200, taken.text
    made = pharmacist.post("MedicationDispense", dispense(line))
    assert made.status_code == 201, made.text
    seen = {"prescriber": (200, 1), "doctor": (404, 0)}
    for name, (status, count) in seen.items():
        client = as_role(name)
        assert client.get(f"MedicationDispense/{made.json()['id']}").status_code == status
        listed = client.get(f"MedicationDispense?prescription={line}").json()
        assert len(listed.get("entry", ())) == count, name


def test_a_delivery_of_a_line_that_is_not_here_is_refused_as_one_that_is_hidden(
    prescriber: Client, pharmacist: Client
) -> None:
    hidden = pharmacist.post("MedicationDispense", dispense(issue(prescriber).reference("MedicationRequest"), 500))
    missing = pharmacist.post("MedicationDispense", dispense("MedicationRequest/inconnue", 500))
    assert hidden.status_code == missing.status_code == 404, missing.text
    assert hidden.json()["issue"] == missing.json()["issue"]

"""TD2 (feed the record): ITI-65 Bundles, as PDSm4DMP tells them."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.http.conftest import Client
from tests.http.dmp.conftest import PDF, Record, faults, ids, part, put_content, sha1
from tests.http.dmp.test_td3_1_finding import folder_of

Submit = Callable[..., dict[str, Any]]


def test_td2_a_submission_is_stored_whole_and_its_document_is_read_back(
    hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    # The editor's software posts a transaction: the submission set, the document entry, the content.
    content = PDF + b"\n% of this test"
    answer = hospital.post("", submit(record, content))
    assert answer.status_code == 200, answer.text
    assert [entry["response"]["status"] for entry in answer.json()["entry"]] == ["201 Created"] * 3
    made = ids(answer)
    # The document is among the patient's, and its attachment leads to the content.
    found = doctor.get(f"DocumentReference?{record.query}&status=current").json()["entry"]
    assert [entry["resource"]["id"] for entry in found] == [made["DocumentReference"]]
    attachment = found[0]["resource"]["content"][0]["attachment"]
    assert attachment["url"] == f"Binary/{made['Binary']}"
    assert attachment["hash"] == sha1(content)
    assert doctor.get(attachment["url"], Accept="application/pdf").content == content


def test_td2_a_patient_may_be_named_by_a_conditional_reference(
    hospital: Client, record: Record, submit: Submit
) -> None:
    bundle = submit(record)
    for kind in ("List", "DocumentReference"):
        part(bundle, kind)["subject"] = {"reference": f"Patient?identifier={record.query.partition('=')[2]}"}
    answer = hospital.post("", bundle)
    assert answer.status_code == 200, answer.text
    stored = hospital.get(f"DocumentReference/{ids(answer)['DocumentReference']}").json()
    assert stored["subject"]["reference"] == record.reference


def test_td2_a_bundle_without_a_profile_is_held_to_pdsm(hospital: Client, record: Record, submit: Submit) -> None:
    bundle = submit(record)
    del bundle["meta"]
    assert hospital.post("", bundle).status_code == 200
    wrong = submit(record)
    del wrong["meta"]
    del part(wrong, "DocumentReference")["custodian"]
    answer = hospital.post("", wrong)
    assert answer.status_code == 422
    assert "Bundle.entry[1].resource" in str(faults(answer))


def test_td2_every_fault_is_named_at_once_and_nothing_stays(
    hospital: Client, doctor: Client, record: Record, new_record: Callable[[], Record], submit: Submit
) -> None:
    bundle = submit(record)
    part(bundle, "List")["code"]["coding"][0]["code"] = "dossier"
    document = part(bundle, "DocumentReference")
    document["content"][0]["attachment"] |= {"hash": sha1(b"another"), "size": 3, "language": "f r"}
    document["relatesTo"] = [{"code": "replaces", "target": {"reference": "DocumentReference/unknown"}}]
    document["contained"][1]["birthDate"] = "1999-01-01"
    document["category"][0]["coding"][0]["code"] = "03"
    del document["custodian"]
    other = new_record()
    part(bundle, "List")["subject"] = {"reference": other.reference}
    answer = hospital.post("", bundle, Accept_Language="en")
    assert answer.status_code == 400
    found = faults(answer)
    for where in (
        "Bundle.entry",
        "Bundle.entry[0].resource.code",
        "Bundle.entry[1].resource.content[0].attachment.hash",
        "Bundle.entry[1].resource.content[0].attachment.size",
        "Bundle.entry[1].resource.content[0].attachment.language",
        "Bundle.entry[1].resource.relatesTo[0].target",
        "Bundle.entry[1].resource.contained[1].birthDate",
        "Bundle.entry[1].resource.category[0].coding[0]",
    ):
        assert where in found, found
    assert any("custodian" in f"{where} {text}" for where, text in found.items()), found
    assert doctor.get(f"DocumentReference?{record.query}&_summary=count").json()["total"] == 0


@pytest.mark.parametrize(
    ("break_it", "where"),
    [
        (lambda bundle: bundle["entry"].pop(0), "Bundle.entry"),
        (lambda bundle: bundle["entry"].pop(2), "Bundle.entry[1].resource.content[0].attachment.url"),
        (lambda bundle: part(bundle, "List")["entry"].clear(), "Bundle.entry[0].resource.entry"),
        (
            lambda bundle: part(bundle, "DocumentReference").update(
                subject={"reference": "Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|284058832102599"}
            ),
            "Bundle.entry[1].resource.subject",
        ),
        (
            lambda bundle: part(bundle, "DocumentReference").update(
                subject={"reference": "Patient?identifier=urn:oid:1.2.250.1.213.1.4.10"}
            ),
            "Bundle.entry[1].resource.subject",
        ),
        (
            lambda bundle: part(bundle, "DocumentReference").update(subject={"reference": "Patient/nobody"}),
            "Bundle.entry[1].resource.subject",
        ),
        (
            lambda bundle: part(bundle, "DocumentReference")["masterIdentifier"].update(value="urn:uuid:abcd"),
            "Bundle.entry[1].resource.masterIdentifier.value",
        ),
        (
            lambda bundle: part(bundle, "DocumentReference")["contained"][1]["identifier"][0].update(
                value="199111111111120"
            ),
            "Bundle.entry[1].resource.contained[1].identifier",
        ),
        (
            lambda bundle: part(bundle, "List")["extension"][1]["valueIdentifier"].update(value="nowhere"),
            "Bundle.entry[0].resource.extension[1].valueIdentifier",
        ),
        (
            lambda bundle: bundle["entry"][1]["request"].update(method="PUT", url="DocumentReference/x"),
            "Bundle.entry[1].request.method",
        ),
        (lambda bundle: part(bundle, "Binary").update(data="JVBE*"), "Bundle.entry[2].resource.data"),
        (
            lambda bundle: put_content(bundle, b"MZ\x90\x00 this program cannot be run"),
            "Bundle.entry[2].resource.data",
        ),
        (
            lambda bundle: put_content(bundle, b"<ClinicalDocument/>"),
            "Bundle.entry[1].resource.content[0].attachment.contentType",
        ),
        (
            lambda bundle: put_content(bundle, PDF, "text/plain"),
            "Bundle.entry[1].resource.content[0].format",
        ),
    ],
    ids=[
        "no submission set", "no content", "not in the set", "wrong key of the INS", "no INS", "unknown patient",
        "malformed uniqueId", "another INS contained", "sourceId without OID", "PUT of a document", "junk in base64",
        "executable", "no PDF", "format of another type",
    ],
)  # fmt: skip
def test_td2_a_bad_submission_is_refused_with_400_at_the_element(
    hospital: Client, record: Record, submit: Submit, break_it: Callable[[dict[str, Any]], Any], where: str
) -> None:
    bundle = submit(record)
    break_it(bundle)
    answer = hospital.post("", bundle)
    assert answer.status_code == 400, answer.text
    assert where in faults(answer)
    assert hospital.get(f"DocumentReference?{record.query}&_summary=count").json()["total"] == 0


def test_td2_a_hash_of_the_base64_text_is_told_as_such(hospital: Client, record: Record, submit: Submit) -> None:
    bundle = submit(record)
    text = part(bundle, "Binary")["data"]
    part(bundle, "DocumentReference")["content"][0]["attachment"]["hash"] = sha1(text.encode())
    answer = hospital.post("", bundle, Accept_Language="en")
    assert answer.status_code == 400
    told = faults(answer)["Bundle.entry[1].resource.content[0].attachment.hash"]
    assert "base64 text" in told
    assert sha1(base64.b64decode(text)) in told


def test_td2_a_retry_gets_the_first_answer_whatever_identifies_the_list(
    hospital: Client, record: Record, submit: Submit
) -> None:
    bundle = submit(record)
    first = hospital.post("", bundle).json()
    # a client that sends again makes new urns and forgets what it named the List
    text = json.dumps(bundle).replace(bundle["entry"][1]["fullUrl"], "urn:uuid:11111111-1111-4111-8111-111111111111")
    again = json.loads(text)
    del part(again, "List")["identifier"]
    part(again, "List")["date"] = "2026-05-05T10:00:00+02:00"
    answer = hospital.post("", again)
    assert answer.status_code == 200, answer.text
    assert answer.json() == first
    assert hospital.get(f"DocumentReference?{record.query}&_summary=count").json()["total"] == 1


def test_td2_a_unique_id_is_used_once_and_for_ever(
    hospital: Client, doctor: Client, operator: Client, record: Record, submit: Submit
) -> None:
    bundle = submit(record)
    made = ids(hospital.post("", bundle))
    # the same identifier for other content, for other metadata, or from another client
    other = copy.deepcopy(bundle)
    put_content(other, PDF + b"\n% other")
    renamed = copy.deepcopy(bundle)
    part(renamed, "DocumentReference")["description"] = "Autre"
    where = "Bundle.entry[1].resource.masterIdentifier"
    for sent in (other, renamed):
        answer = hospital.post("", sent)
        assert answer.status_code == 400, answer.text
        assert where in faults(answer)
    assert operator.get(f"DocumentReference/{made['DocumentReference']}").status_code == 200


def test_td2_mhd_minimal_is_held_to_its_own_profile(hospital: Client, record: Record, submit: Submit) -> None:
    mhd = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal"
    bundle = submit(record)
    bundle["meta"]["profile"] = [f"{mhd}.ProvideBundle"]
    part(bundle, "List")["meta"]["profile"] = [f"{mhd}.SubmissionSet"]
    document = part(bundle, "DocumentReference")
    document["meta"]["profile"] = [f"{mhd}.DocumentReference"]
    for element in ("custodian", "context", "securityLabel", "author"):
        del document[element]
    document["contained"] = []
    del document["contained"]
    answer = hospital.post("", bundle)
    assert answer.status_code == 200, answer.text
    del bundle["entry"][1]["resource"]["masterIdentifier"]["use"]
    assert hospital.post("", bundle).status_code in (400, 422)


@pytest.mark.wasteful("looks for a hundred documents that are not here, by their ids")
def test_td2_what_a_list_names_beside_its_documents_is_here_and_of_the_same_patient(
    hospital: Client, new_record: Callable[[], Record], submit: Callable[..., dict[str, Any]]
) -> None:
    record, other = new_record(), new_record()
    mine, others = (ids(hospital.post("", submit(each)))["DocumentReference"] for each in (record, other))
    for name, status in ((mine, 200), (others, 400), ("nothing-is-here", 400)):
        bundle = submit(record)
        part(bundle, "List")["entry"].append({"item": {"reference": f"DocumentReference/{name}"}})
        answer = hospital.post("", bundle)
        assert answer.status_code == status, answer.text
        if status != 200:
            assert set(faults(answer)) == {"Bundle.entry[0].resource.entry[1].item"}
    many = submit(record)
    part(many, "List")["entry"] += [{"item": {"reference": f"DocumentReference/none-{n}"}} for n in range(1100)]
    refused = hospital.post("", many)
    assert refused.status_code == 400
    assert len(faults(refused)) == 1001


def test_td2_a_retry_in_another_order_gets_each_entry_its_own_answer(
    hospital: Client, record: Record, submit: Callable[..., dict[str, Any]]
) -> None:
    bundle = submit(record)
    folder = folder_of(bundle, record)
    bundle["entry"].append(folder)
    part(bundle, "List")["entry"].append({"item": {"reference": folder["fullUrl"]}})

    def places(entries: list[dict[str, Any]]) -> dict[str, str]:
        answer = hospital.post("", {**bundle, "entry": entries})
        assert answer.status_code == 200, answer.text
        told = [entry["response"]["location"] for entry in answer.json()["entry"]]
        return {sent["fullUrl"]: place for sent, place in zip(entries, told, strict=True)}

    first = places(bundle["entry"])
    assert places(bundle["entry"][::-1]) == first
    assert places([bundle["entry"][position] for position in (2, 3, 0, 1)]) == first


def test_td2_a_submission_sent_as_a_batch_is_refused_and_nothing_stays(
    hospital: Client, record: Record, submit: Callable[..., dict[str, Any]]
) -> None:
    refused = hospital.post("", {**submit(record), "type": "batch"})
    assert refused.status_code == 400
    assert set(faults(refused)) == {"Bundle.type"}

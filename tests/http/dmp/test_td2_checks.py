"""Every check of a submission (docs/dmp.md) has a submission that it alone, or it among others, refuses or warns of."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fhirserver.dmp
from fhirserver.demo import people
from fhirserver.store import Store
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import PDF, Record, build_submission, faults, ids, make_record, part, put_content
from tests.http.dmp.seen import SYSTEM
from tests.http.dmp.test_td2_1_replacement import SUPERSEDE
from tests.unit.dmp.cda import cda

DOCUMENT, LIST, BINARY = (f"Bundle.entry[{number}].resource" for number in (1, 0, 2))
ATTACHMENT = f"{DOCUMENT}.content[0].attachment"
MHD = "https://profiles.ihe.net/ITI/MHD"
PATIENT = "Patient?identifier=urn:oid:1.2.250.1.213.1.4"

Break = Callable[[dict[str, Any], Record, Client], Any]


def _document(bundle: dict[str, Any]) -> dict[str, Any]:
    return part(bundle, "DocumentReference")


def _attachment(bundle: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _document(bundle)["content"][0]["attachment"]
    return found


def _relate(code: str, target: str) -> Break:
    return lambda bundle, *_: _relate_to(bundle, code, target)


def _relate_to(bundle: dict[str, Any], code: str, target: str) -> None:
    _document(bundle)["relatesTo"] = [{"code": code, "target": {"reference": target}}]


def _to_here(code: str = "replaces", *, patch: bool = False, then: Any = None) -> Break:
    """Relate to a document that is here; `then` changes it, or the submission, before."""

    def change(bundle: dict[str, Any], record: Record, hospital: Client) -> None:
        fed = hospital.post("", build_submission(record, _document(bundle)["custodian"]["reference"]))
        assert fed.status_code == 200, fed.text
        old = ids(fed)["DocumentReference"]
        _relate_to(bundle, code, f"DocumentReference/{old}")
        if patch:
            _patch(bundle, f"DocumentReference/{old}")
        if then is not None:
            then(bundle, old, hospital)

    return change


def _patch(bundle: dict[str, Any], url: str, resource: Any = SUPERSEDE) -> None:
    bundle["entry"].append(
        {
            "fullUrl": "urn:uuid:44444444-4444-4444-8444-444444444444",
            "resource": resource,
            "request": {"method": "PATCH", "url": url},
        }
    )


def _second(bundle: dict[str, Any], *_: Any) -> dict[str, Any]:
    """Add a second document with its content to a submission; return it."""
    other = build_submission(_same_record(bundle), _document(bundle)["custodian"]["reference"])
    document, content = other["entry"][1:3]
    bundle["entry"] += [document, content]
    part(bundle, "List")["entry"].append({"item": {"reference": document["fullUrl"]}})
    found: dict[str, Any] = document["resource"]
    return found


def _same_record(bundle: dict[str, Any]) -> Record:
    document = _document(bundle)
    source = document["contained"][1]
    return Record(source, document["subject"]["reference"], source["identifier"][0]["value"])


def _with_cda(**values: Any) -> Break:
    """Put a CDA in place of the PDF, its header agreeing with the metadata but for what `values` say."""

    def change(bundle: dict[str, Any], record: Record, _: Client) -> None:
        document = _document(bundle)
        told = {
            "root": document["masterIdentifier"]["value"].removeprefix("urn:oid:"),
            "title": _attachment(bundle)["title"],
            "ins": record.ins,
            "rpps": people.DOCTOR_RPPS,
            **values,
        }
        put_content(bundle, cda(**told), "text/xml")
        _attachment(bundle)["creation"] = "2026-03-02T09:15:00+01:00"
        document["context"]["period"] = {"start": "2026-03-02T08:30:00+01:00", "end": "2026-03-02T09:00:00+01:00"}

    return change


def _label(*codes: str) -> Break:
    return lambda bundle, *_: _document(bundle).update(
        securityLabel=[{"coding": [{"system": SYSTEM, "code": code}]} for code in codes]
    )


def _another_patient(bundle: dict[str, Any], _: Record | str, hospital: Client) -> None:
    part(bundle, "List")["subject"] = {"reference": make_record(hospital).reference}


def _without_ins(bundle: dict[str, Any], record: Record, hospital: Client) -> None:
    plain = {**record.patient, "identifier": [{"system": "urn:oid:1.2.3", "value": record.ins, "use": "official"}]}
    made = hospital.post("Patient", {key: value for key, value in plain.items() if key != "meta"})
    assert made.status_code == 201, made.text
    for kind in ("List", "DocumentReference"):
        part(bundle, kind)["subject"] = {"reference": f"Patient/{made.json()['id']}"}


def _of_another(bundle: dict[str, Any], old: str, hospital: Client) -> None:
    _another_patient(bundle, old, hospital)
    reference = part(bundle, "List")["subject"]
    ins = hospital.get(reference["reference"]).json()["identifier"][0]["value"]
    _document(bundle)["subject"] = reference
    _document(bundle)["contained"][1]["identifier"][0]["value"] = ins


def _superseded(bundle: dict[str, Any], old: str, hospital: Client) -> None:
    newer = build_submission(_same_record(bundle), _document(bundle)["custodian"]["reference"])
    _relate_to(newer, "replaces", f"DocumentReference/{old}")
    _patch(newer, f"DocumentReference/{old}")
    answer = hospital.post("", newer)
    assert answer.status_code == 200, answer.text


def _designation(value: Any) -> Break:
    return lambda bundle, *_: part(bundle, "List")["extension"][0].update(valueCodeableConcept=value)


def _used(bundle: dict[str, Any], record: Record, hospital: Client) -> None:
    other = build_submission(record, _document(bundle)["custodian"]["reference"])
    assert hospital.post("", other).status_code == 200
    _document(bundle)["masterIdentifier"] = _document(other)["masterIdentifier"]


def _circle(bundle: dict[str, Any], *_: Any) -> None:
    second = _second(bundle)
    one, other = bundle["entry"][1]["fullUrl"], bundle["entry"][3]["fullUrl"]
    second["relatesTo"] = [{"code": "appends", "target": {"reference": one}}]
    _document(bundle)["relatesTo"] = [{"code": "appends", "target": {"reference": other}}]


def _both_replace(bundle: dict[str, Any], old: str, _: Client) -> None:
    _second(bundle)["relatesTo"] = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old}"}}]


FAULTS: dict[str, tuple[Break, str]] = {
    "submission-set": (lambda bundle, *_: bundle["entry"].pop(0), "Bundle.entry"),
    "no-document": (lambda bundle, *_: bundle.update(entry=bundle["entry"][:1]), "Bundle.entry"),
    "entry-kind": (
        lambda bundle, *_: bundle["entry"].append(
            {"resource": {"resourceType": "Practitioner"}, "request": {"method": "POST", "url": "Practitioner"}}
        ),
        "Bundle.entry[3]",
    ),
    "entry-method": (
        lambda bundle, *_: bundle["entry"][1]["request"].update(method="PUT", url="DocumentReference/x"),
        "Bundle.entry[1].request.method",
    ),
    "entry-url": (lambda bundle, *_: bundle["entry"][2]["request"].update(url="Bundle"), "Bundle.entry[2].request.url"),
    "full-url": (lambda bundle, *_: bundle["entry"][1].pop("fullUrl"), "Bundle.entry[1].fullUrl"),
    "list-code": (lambda bundle, *_: part(bundle, "List")["code"]["coding"][0].update(code="lot"), f"{LIST}.code"),
    "list-status": (lambda bundle, *_: part(bundle, "List").update(status="retired"), f"{LIST}.status"),
    "list-mode": (lambda bundle, *_: part(bundle, "List").update(mode="snapshot"), f"{LIST}.mode"),
    "list-item": (lambda bundle, *_: part(bundle, "List")["entry"].clear(), f"{LIST}.entry"),
    "attachment": (lambda bundle, *_: bundle["entry"].pop(2), f"{ATTACHMENT}.url"),
    "base64": (lambda bundle, *_: part(bundle, "Binary").update(data="JVBE*"), f"{BINARY}.data"),
    "content-empty": (lambda bundle, *_: put_content(bundle, b""), f"{BINARY}.data"),
    "content-size": (lambda bundle, *_: put_content(bundle, PDF + bytes(5 * 1024 * 1024)), f"{BINARY}.data"),
    "content": (lambda bundle, *_: put_content(bundle, b"<!DOCTYPE a><a/>", "text/xml"), f"{BINARY}.data"),
    "content-type": (lambda bundle, *_: put_content(bundle, b"<ClinicalDocument/>"), f"{ATTACHMENT}.contentType"),
    "format": (lambda bundle, *_: put_content(bundle, b"texte", "text/plain"), f"{DOCUMENT}.content[0].format"),
    "hash": (lambda bundle, *_: _attachment(bundle).update(hash="AAAA"), f"{ATTACHMENT}.hash"),
    "size": (lambda bundle, *_: _attachment(bundle).update(size=3), f"{ATTACHMENT}.size"),
    "language": (lambda bundle, *_: _attachment(bundle).update(language="f r"), f"{ATTACHMENT}.language"),
    "unique-id": (lambda bundle, *_: _document(bundle).pop("masterIdentifier"), f"{DOCUMENT}.masterIdentifier"),
    "unique-id-used": (_used, f"{DOCUMENT}.masterIdentifier"),
    "document-status": (lambda bundle, *_: _document(bundle).update(status="superseded"), f"{DOCUMENT}.status"),
    "document-class": (
        lambda bundle, *_: _document(bundle)["category"][0]["coding"][0].update(code="03"),
        f"{DOCUMENT}.category[0].coding[0]",
    ),
    "subject": (
        lambda bundle, *_: _document(bundle).update(subject={"reference": f"{PATIENT}.10"}),
        f"{DOCUMENT}.subject",
    ),
    "ins-key": (
        lambda bundle, *_: _document(bundle).update(subject={"reference": f"{PATIENT}.10|284058832102599"}),
        f"{DOCUMENT}.subject",
    ),
    "patient-unknown": (
        lambda bundle, *_: _document(bundle).update(subject={"reference": "Patient/nobody"}),
        f"{DOCUMENT}.subject",
    ),
    "patient-entry": (
        lambda bundle, *_: bundle["entry"].append(
            {
                "fullUrl": "urn:uuid:55555555-5555-4555-8555-555555555555",
                "resource": {"resourceType": "Patient"},
                "request": {"method": "POST", "url": "Patient"},
            }
        ),
        "Bundle.entry[3]",
    ),
    "patient-ins": (_without_ins, f"{DOCUMENT}.subject"),
    "one-patient": (_another_patient, f"{DOCUMENT}.subject"),
    "identity-traits": (
        lambda bundle, *_: _document(bundle)["contained"][1].update(gender="male"),
        f"{DOCUMENT}.contained[1].gender",
    ),
    "source-id": (
        lambda bundle, *_: part(bundle, "List")["extension"][1].update(valueIdentifier={"value": "ici"}),
        f"{LIST}.extension[1].valueIdentifier",
    ),
    "designation-type": (_designation({"coding": [{"code": "07"}]}), f"{LIST}.extension[0].valueCodeableConcept"),
    "label": (_label("MASQUE_PRO"), f"{DOCUMENT}.securityLabel[0]"),
    "label-combination": (_label("MASQUE_PS", "INVISIBLE_PATIENT"), f"{DOCUMENT}.securityLabel"),
    "minors-secret": (_label("INVISIBLE_REPRESENTANTS_LEGAUX"), f"{DOCUMENT}.securityLabel"),
    "relation-code": (_to_here("cites"), f"{DOCUMENT}.relatesTo[0].code"),
    "relation-target": (_relate("appends", "DocumentReference/none"), f"{DOCUMENT}.relatesTo[0].target"),
    "relation-patient": (_to_here("appends", then=_of_another), f"{DOCUMENT}.relatesTo[0].target"),
    "relation-status": (_to_here("appends", then=_superseded), f"{DOCUMENT}.relatesTo[0].target"),
    "relation-cycle": (_circle, f"{DOCUMENT}.relatesTo"),
    "replaced-twice": (_to_here(patch=True, then=_both_replace), "Bundle.entry[4].resource.relatesTo[0]"),
    "patch": (
        _to_here(
            then=lambda bundle, old, _: _patch(bundle, f"DocumentReference/{old}", {"resourceType": "Parameters"})
        ),
        "Bundle.entry[3].resource",
    ),
    "patch-target": (lambda bundle, *_: _patch(bundle, "DocumentReference/none"), "Bundle.entry[3].request.url"),
    "patch-alone": (_to_here("appends", patch=True), "Bundle.entry[3]"),
    "patch-missing": (_to_here(), f"{DOCUMENT}.relatesTo[0]"),
    "cda-header": (
        lambda bundle, *_: put_content(bundle, b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>', "text/xml"),
        f"{BINARY}.data",
    ),
    "cda-identifier": (_with_cda(root="1.2.3.4"), f"{DOCUMENT}.masterIdentifier"),
    "cda-type": (_with_cda(type="11490-0"), f"{DOCUMENT}.type"),
    "cda-language": (_with_cda(), f"{ATTACHMENT}.language"),
    "cda-date": (_with_cda(day="20260303"), f"{ATTACHMENT}.creation"),
    "cda-author": (_with_cda(rpps="10000421353"), f"{DOCUMENT}.author"),
    "cda-patient": (_with_cda(ins="284058832102532"), f"{DOCUMENT}.subject"),
    "cda-related": (
        _with_cda(
            related='<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.3.9"/></parentDocument>'
            "</relatedDocument>"
        ),
        f"{DOCUMENT}.relatesTo",
    ),
}
"""By the name of a check: what breaks it, and where it is told."""

WARNINGS: dict[str, tuple[Break, str]] = {
    "document-type": (
        lambda bundle, *_: _document(bundle)["type"].update(coding=[{"system": "http://loinc.org", "code": "10154-3"}]),
        "DocumentReference.type.coding[0]",
    ),
    "class-of-type": (
        lambda bundle, *_: _document(bundle)["category"][0]["coding"][0].update(code="42", display="Prescription"),
        "DocumentReference.category",
    ),
    "format-unknown": (
        lambda bundle, *_: _document(bundle)["content"][0].update(format={"system": "urn:x", "code": "urn:x:y"}),
        "DocumentReference.content[0].format",
    ),
    "older-than-patient": (
        lambda bundle, *_: _attachment(bundle).update(creation="1950-01-01T10:00:00+01:00"),
        "DocumentReference.content[0].attachment.creation",
    ),
    "cda-title": (_with_cda(title="Autre titre"), "DocumentReference.content[0].attachment.title"),
}
ELSEWHERE = {
    "flavour": "tests/unit/dmp/test_submission_rules.py: a setting",
    "ins-test": "tests/unit/dmp/test_submission_rules.py: in production only",
    "replace-author": "test_td2_1_replacement.py",
}


def test_every_check_has_its_submission() -> None:
    root = Path(fhirserver.dmp.__file__).parent
    files = [*root.glob("submissions/*.py"), *root.glob("content/attachments.py"), *root.glob("cda/agreement.py")]
    found = set()
    for file in (*files, root / "document_types.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("fault", "warning", "make"):
                rule = call.args[1]
                if isinstance(rule, ast.Constant):
                    found.add(rule.value)
    assert found - {*FAULTS, *WARNINGS, *ELSEWHERE} == set()


@pytest.mark.parametrize("rule", FAULTS)
def test_td2_a_fault_is_named_at_its_place_and_nothing_stays(
    hospital: Client, record: Record, submit: Callable[..., dict[str, Any]], rule: str
) -> None:
    break_it, where = FAULTS[rule]
    bundle = submit(record)
    break_it(bundle, record, hospital)
    if rule == "cda-language":
        _attachment(bundle)["language"] = "en"
    before = hospital.get(f"DocumentReference?{record.query}&_summary=count").json()["total"]
    answer = hospital.post("", bundle)
    assert answer.status_code == 400, answer.text[:2000]
    told = {
        (issue["details"].get("coding", [{}])[0].get("code"), *issue.get("expression", [""]))
        for issue in answer.json()["issue"]
        if issue["severity"] == "error"
    }
    assert (rule, where) in told
    assert hospital.get(f"DocumentReference?{record.query}&_summary=count").json()["total"] == before


@pytest.mark.parametrize("rule", WARNINGS)
def test_td2_a_warning_comes_with_the_answer_for_whom_asks(
    hospital: Client, record: Record, submit: Callable[..., dict[str, Any]], rule: str
) -> None:
    break_it, where = WARNINGS[rule]
    bundle = submit(record)
    break_it(bundle, record, hospital)
    answer = hospital.post("", bundle, Prefer="return=OperationOutcome")
    assert answer.status_code == 200, answer.text[:2000]
    outcomes = [entry["response"]["outcome"] for entry in answer.json()["entry"] if "outcome" in entry["response"]]
    told = {
        (issue["details"].get("coding", [{}])[0].get("code"), *issue.get("expression", [""]))
        for one in outcomes
        for issue in one["issue"]
    }
    assert (rule, where) in told


def test_td2_two_documents_of_one_unique_id_are_refused(
    hospital: Client, record: Record, submit: Callable[..., dict[str, Any]]
) -> None:
    bundle = submit(record)
    _second(bundle)["masterIdentifier"] = _document(bundle)["masterIdentifier"]
    answer = hospital.post("", bundle)
    assert answer.status_code == 400, answer.text[:2000]
    assert "Bundle.entry[3].resource.masterIdentifier" in faults(answer)


def test_td2_a_unique_id_stays_claimed_when_its_document_is_gone_and_is_named_beside_other_faults(
    server: Server, hospital: Client, record: Record, submit: Callable[..., dict[str, Any]]
) -> None:
    first = submit(record)
    fed = hospital.post("", first)
    assert fed.status_code == 200, fed.text
    store = Store(server.mongodb, "dmp-tests")
    store.transact(lambda unit: unit.delete("DocumentReference", ids(fed)["DocumentReference"], {}))
    store.close()
    other = submit(record)
    _document(other)["masterIdentifier"] = _document(first)["masterIdentifier"]
    alone = hospital.post("", other)
    assert alone.status_code == 400, alone.text
    assert [*faults(alone)] == [f"{DOCUMENT}.masterIdentifier"]
    _attachment(other)["size"] = 3
    assert {f"{DOCUMENT}.masterIdentifier", f"{ATTACHMENT}.size"} <= faults(hospital.post("", other)).keys()
    again = hospital.post("", first)
    assert [each["response"]["location"] for each in again.json()["entry"]] == [
        each["response"]["location"] for each in fed.json()["entry"]
    ]

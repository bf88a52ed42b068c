"""What of a document may be changed, into what, by whom (TD3.3)."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.dmp import labels, marks
from fhirserver.dmp import labels as label
from fhirserver.dmp.attributes import Changer, changed, check
from fhirserver.dmp.labels import SYSTEM
from fhirserver.dmp.names import IS_ARCHIVED
from fhirserver.dmp.visibility import Part
from fhirserver.errors import Failure, Forbidden, MethodNotAllowed, Unprocessable

AUTHOR = Changer(Part.PROFESSIONAL, own=True)
MEMBER = Changer(Part.PROFESSIONAL, own=False)
PATIENT = Changer(Part.PATIENT, own=False)
PARENT = Changer(Part.REPRESENTATIVE, own=False)
MACHINE = Changer(Part.STRUCTURE, own=False)


def document(*codes: str, **elements: Any) -> dict[str, Any]:
    coded = [{"coding": [{"system": SYSTEM, "code": code}]} for code in codes]
    normal = [{"coding": [{"system": labels.CONFIDENTIALITY, "code": "N"}]}]
    return {
        "resourceType": "DocumentReference",
        "id": "d",
        "meta": {"versionId": "1"},
        "status": "current",
        "securityLabel": coded or normal,
        **elements,
    }


def judge(
    before: dict[str, Any],
    after: dict[str, Any],
    changer: Changer = AUTHOR,
    age: int | None = 40,
    *,
    allow_both: bool = False,
) -> type[Failure] | None:
    try:
        check(before, after, changer, age=age, allow_both=allow_both, replaced=False)
    except Failure as failure:
        return type(failure)
    return None


@pytest.mark.parametrize(
    ("before", "after", "changer", "age", "expected"),
    [
        (document(), document("MASQUE_PS"), PATIENT, 40, None),
        (document("MASQUE_PS"), document(), PATIENT, 40, None),
        (document(), document("INVISIBLE_PATIENT"), MEMBER, 40, None),
        (document(), document("INVISIBLE_PATIENT"), PATIENT, 40, Forbidden),
        (document("INVISIBLE_REPRESENTANTS_LEGAUX"), document(), PATIENT, 18, None),  # his own, once he is of age
        (document(), document("INVISIBLE_REPRESENTANTS_LEGAUX"), PATIENT, 18, Unprocessable),
        (document(), document("MASQUE_PS"), PARENT, 10, None),
        (document(), document("INVISIBLE_REPRESENTANTS_LEGAUX"), PARENT, 10, Forbidden),
        (document(), document("INVISIBLE_REPRESENTANTS_LEGAUX"), PATIENT, 15, None),
        (document(), document("INVISIBLE_REPRESENTANTS_LEGAUX"), MEMBER, 17, None),
        (document(), document("INVISIBLE_REPRESENTANTS_LEGAUX"), MEMBER, 18, Unprocessable),
        (document(), document("INVISIBLE_REPRESENTANTS_LEGAUX"), MEMBER, None, Unprocessable),
        (document("INVISIBLE_REPRESENTANTS_LEGAUX"), document(), MEMBER, 18, None),
        (document(), document("MASQUE_PS", "INVISIBLE_PATIENT"), MEMBER, 40, Unprocessable),
        (document(), document("MASQUE_PS"), MACHINE, 40, Forbidden),
        (document(), document("MASQUE"), MEMBER, 40, Unprocessable),
        (document(), document(securityLabel=[]), MEMBER, 40, Unprocessable),
        (document(), document(status="entered-in-error"), AUTHOR, 40, None),
        (document(), document(status="entered-in-error"), MEMBER, 40, Forbidden),
        (document(), document(status="superseded"), AUTHOR, 40, Unprocessable),
        (document(status="superseded"), document(), AUTHOR, 40, Unprocessable),
        (document(status="superseded"), document(status="entered-in-error"), AUTHOR, 40, None),
        (document(status="entered-in-error"), document(), AUTHOR, 40, Unprocessable),
        (document(), document(extension=[{"url": IS_ARCHIVED, "valueBoolean": True}]), MEMBER, 40, None),
        (document(), document(extension=[{"url": "urn:x", "valueBoolean": True}]), AUTHOR, 40, MethodNotAllowed),
        (document(), document(description="x"), AUTHOR, 40, MethodNotAllowed),
    ],
)
def test_a_change_is_allowed_or_refused_as_td3_3_says(
    before: dict[str, Any], after: dict[str, Any], changer: Changer, age: int | None, expected: type[Failure] | None
) -> None:
    assert judge(before, after, changer, age) is expected


def test_an_operators_setting_lets_masked_and_invisible_stand_together() -> None:
    assert judge(document(), document("MASQUE_PS", "INVISIBLE_PATIENT"), MEMBER, allow_both=True) is None


def test_a_document_is_superseded_in_the_commit_of_what_replaces_it() -> None:
    check(document(), document(status="superseded"), AUTHOR, age=40, allow_both=False, replaced=True)


def test_version_and_time_are_no_change_while_each_other_element_is_named() -> None:
    assert changed(document(), document(meta={"versionId": "2", "lastUpdated": "x"})) == []
    assert changed(document(a=1), document(b=1, meta={"tag": []})) == ["a", "b", "meta"]


def test_the_marks_of_a_document_name_its_authors_by_their_national_identifiers() -> None:
    resource = document(
        "MASQUE_PS",
        type={"coding": [{"code": "11488-4"}]},
        contained=[
            {
                "resourceType": "PractitionerRole",
                "id": "r",
                "practitioner": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810000693076"}},
                "organization": {"reference": "#o"},
            },
            {
                "resourceType": "Organization",
                "id": "o",
                "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1880007059"}],
            },
        ],
        author=[
            {"reference": "#r"},
            {"identifier": {"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "184057800608436"}},
            {"reference": "#absent"},
        ],
    )
    mark = marks.of_document(resource, "s|v")
    assert mark == {
        "record": "s|v",
        "labels": "MASQUE_PS",
        "status": "current",
        "type": "11488-4",
        "archived": False,
        "authors": ["ins:184057800608436", "rpps:10000693076", "structure:1880007059"],
    }
    assert marks.judged(mark, ("rpps:10000693076",)).own
    assert not marks.judged(mark, ("rpps:10000000000",)).own


def test_resources_that_contain_each_other_do_not_run_for_ever() -> None:
    circle = [
        {"resourceType": "PractitionerRole", "id": name, "organization": {"reference": f"#{other}"}}
        for name, other in (("a", "b"), ("b", "a"))
    ]
    assert list(marks.named_authors({"contained": circle, "author": [{"reference": "#a"}]})) == []


def test_a_label_counts_whatever_system_it_claims() -> None:
    for system in (None, "", "urn:x", f"{label.SYSTEM}s"):
        document = {"securityLabel": [{"coding": [{"system": system, "code": "MASQUE_PS"}]}]}
        assert label.of(document) == {"MASQUE_PS"}
        assert label.unknown(document) == []

"""Patches as the French guides print them, over HTTP."""

from __future__ import annotations

from typing import Any

from tests.http.conftest import Client, issue

ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
NARRATIVE = "<div xmlns='http://www.w3.org/1999/xhtml' ><p>a &#233;<br /></p></div>"


def document(client: Client) -> str:
    answer = client.post(
        "DocumentReference",
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "text": {"status": "generated", "div": NARRATIVE},
            "content": [{"attachment": {"url": "http://test.example/a.pdf", "contentType": "application/pdf"}}],
        },
    )
    assert answer.status_code == 201, answer.text
    identity: str = answer.json()["id"]
    return identity


def changed(client: Client, identity: str, operations: list[dict[str, Any]]) -> Any:
    return client.patch(f"DocumentReference/{identity}", operations, Content_Type="application/json-patch+json")


def test_a_document_is_archived_by_a_bracket_path_whether_it_ever_was_or_not(operator: Client) -> None:
    identity = document(operator)
    for value in (True, False):
        path = f"/extension[url:'{ARCHIVED}']/valueBoolean"
        answer = changed(operator, identity, [{"op": "replace", "path": path, "value": value}])
        assert answer.status_code == 200, answer.text
        assert answer.json()["extension"] == [{"url": ARCHIVED, "valueBoolean": value}]


def test_a_plain_string_for_a_label_gets_422_with_an_example(operator: Client) -> None:
    identity = document(operator)
    answer = changed(operator, identity, [{"op": "add", "path": "/securityLabel", "value": ["MASQUE_PS"]}])
    assert answer.status_code == 422
    assert issue(answer)["expression"] == ["DocumentReference.securityLabel[0]"]
    assert '"coding"' in issue(answer)["details"]["text"]


def test_an_xml_patch_leaves_the_narrative_byte_by_byte(operator: Client) -> None:
    identity = document(operator)
    change = b'<replace sel="f:DocumentReference/f:status/@value">superseded</replace>'
    patch = b'<diff xmlns="http://hl7.org/fhir">' + change + b"</diff>"
    answer = operator.patch(f"DocumentReference/{identity}", patch, Content_Type="application/xml-patch+xml")
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "superseded"
    assert answer.json()["text"]["div"] == NARRATIVE
    as_xml = operator.get(f"DocumentReference/{identity}", Accept="application/fhir+xml")
    assert NARRATIVE in as_xml.text

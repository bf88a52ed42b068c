"""`_include=*` and `_revinclude=*`: all that the matches refer to, and all that refers to them, of whatever type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.search import Registry, ResultPage, Rules, Searcher, parse
from fhirserver.search.asked.query import Ids, Node, Or
from fhirserver.search.mongo import include

Asked = Callable[..., ResultPage]


def to(reference: str) -> dict[str, str]:
    return {"reference": reference}


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "groupe"},
    {"resourceType": "Organization", "id": "hop", "partOf": to("Organization/groupe")},
    {"resourceType": "Patient", "id": "ada", "managingOrganization": to("Organization/hop")},
    {"resourceType": "Patient", "id": "bob"},
    {
        "resourceType": "MedicationRequest",
        "id": "ligne",
        "subject": to("Patient/ada"),
        "groupIdentifier": {"value": "g"},
    },
    {"resourceType": "MedicationDispense", "id": "boite", "authorizingPrescription": [to("MedicationRequest/ligne")]},
    {"resourceType": "Task", "id": "suivi", "focus": to("MedicationRequest/ligne"), "for": to("Patient/ada")},
    {"resourceType": "Basic", "id": "note", "extension": [{"url": "urn:x", "valueReference": to("Patient/ada")}]},
    {"resourceType": "Questionnaire", "id": "douleur", "url": "urn:q:douleur", "version": "2"},
    {
        "resourceType": "QuestionnaireResponse",
        "id": "r2",
        "questionnaire": "urn:q:douleur|2",
        "subject": to("Patient/bob"),
    },
    {
        "resourceType": "QuestionnaireResponse",
        "id": "r3",
        "questionnaire": "urn:q:douleur|3",
        "subject": to("Patient/bob"),
    },
]


@pytest.fixture(scope="module", autouse=True)
def _stored(put: Callable[[dict[str, Any]], str]) -> None:
    for resource in RESOURCES:
        put(resource)


@pytest.fixture
def included(searcher: Searcher, registry: Registry, rules: Rules) -> Callable[..., set[str]]:
    def ask(kind: str, *pairs: tuple[str, str], **options: Any) -> set[str]:
        page = searcher.run(parse(registry, [kind], pairs, rules=rules), **options)
        return {f"{each.type}/{each.id}" for each in page.includes}

    return ask


def test_whatever_refers_to_a_match_is_included_by_a_star(included: Callable[..., set[str]]) -> None:
    assert included("MedicationRequest", ("_revinclude", "*")) == {"MedicationDispense/boite", "Task/suivi"}
    assert included("Patient", ("_id", "ada"), ("_revinclude", "*")) == {
        "MedicationRequest/ligne", "Task/suivi", "Basic/note",
    }  # fmt: skip


def test_a_star_goes_on_with_what_was_included(included: Callable[..., set[str]]) -> None:
    forward = included("MedicationDispense", ("_include:iterate", "*"))
    assert forward == {"MedicationRequest/ligne", "Patient/ada", "Organization/hop", "Organization/groupe"}
    backward = included("Organization", ("_id", "groupe"), ("_revinclude:iterate", "*"))
    assert {"Organization/hop", "Patient/ada", "MedicationRequest/ligne", "MedicationDispense/boite"} <= backward
    assert included("MedicationDispense", ("_include", "*")) == {"MedicationRequest/ligne"}


def test_a_star_finds_who_names_a_canonical_with_its_version(included: Callable[..., set[str]]) -> None:
    assert included("Questionnaire", ("_revinclude", "*")) == {"QuestionnaireResponse/r2"}


def test_a_star_includes_nothing_that_the_caller_may_not_see(included: Callable[..., set[str]]) -> None:
    def narrowing(kind: str) -> Node | None:
        if kind == "Task":
            return Or(())
        return Ids(("other",)) if kind == "Basic" else None

    assert included("Patient", ("_id", "ada"), ("_revinclude", "*"), narrowing=narrowing) == {"MedicationRequest/ligne"}


def test_a_star_is_bounded_and_says_so(
    searcher: Searcher, registry: Registry, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(include, "MAX_INCLUDED", 2)
    page = searcher.run(parse(registry, ["Patient"], [("_revinclude", "*")], rules=rules))
    assert len(page.includes) == 2
    assert [issue.code for issue in page.issues] == ["too-costly"]

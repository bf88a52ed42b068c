"""What an expression asks of the world around it: references, terminology, profiles, constants, the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fhirserver.fhirpath import Engine, Environment, EvaluationError, ExpressionError, Node

Ask = Callable[..., list[Any]]

PRESCRIPTION: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medicationReference": {"reference": "urn:uuid:0b3f2f5e-9b8e-4a53-8a83-2f0f8f2f2b11"},
    "subject": {"reference": "Patient/12"},
    "requester": {"reference": "http://other.example.org/fhir/Practitioner/7/_history/2"},
    "performer": {"type": "Organization", "identifier": {"value": "x"}},
}
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {"fullUrl": "http://example.org/fhir/Patient/12", "resource": {"resourceType": "Patient", "id": "12"}},
        {
            "fullUrl": "urn:uuid:0b3f2f5e-9b8e-4a53-8a83-2f0f8f2f2b11",
            "resource": {"resourceType": "Medication", "code": {"text": "Doliprane"}},
        },
        {"fullUrl": "http://example.org/fhir/MedicationRequest/1", "resource": PRESCRIPTION},
    ],
}


def test_a_reference_finds_its_entry_in_the_bundle_by_full_url(ask: Ask) -> None:
    assert ask("medication.resolve().code.text", PRESCRIPTION, bundle=BUNDLE) == ["Doliprane"]
    assert ask("subject.resolve().id", PRESCRIPTION, bundle=BUNDLE) == ["12"]
    assert ask("entry.resource.ofType(MedicationRequest).subject.resolve().id", BUNDLE) == ["12"]
    assert ask("requester.resolve()", PRESCRIPTION, bundle=BUNDLE) == []


def test_what_is_not_in_the_bundle_is_asked_of_the_caller(ask: Ask) -> None:
    asked: list[str] = []

    def resolve(reference: str) -> dict[str, Any] | None:
        asked.append(reference)
        return {"resourceType": "Patient", "active": True} if reference == "Patient/12" else None

    assert ask("subject.resolve().active", PRESCRIPTION, resolve=resolve) == [True]
    assert ask("requester.resolve()", PRESCRIPTION, resolve=resolve) == []
    assert set(asked) == {"Patient/12", PRESCRIPTION["requester"]["reference"]}


def test_search_can_tell_the_type_of_a_reference_from_its_text_alone(ask: Ask) -> None:
    def types(expression: str) -> list[Any]:
        return ask(expression, PRESCRIPTION, assume_references=True)

    assert types("subject.where(resolve() is Patient).reference") == ["Patient/12"]
    assert types("subject.where(resolve() is Group).reference") == []
    assert types("requester.resolve() is Practitioner") == [True]
    assert types("performer.where(resolve() is Organization).exists()") == [True]
    assert types("medication.resolve()") == []
    assert ask("subject.where(resolve() is Patient)", PRESCRIPTION) == []


def test_a_local_reference_leads_into_the_resource(ask: Ask) -> None:
    resource = {
        "resourceType": "List",
        "contained": [{"resourceType": "Patient", "id": "a"}],
        "subject": {"reference": "#a"},
        "source": {"reference": "#none"},
    }
    assert ask("subject.resolve().id", resource) == ["a"]
    assert ask("source.resolve()", resource) == []


def test_a_contained_resource_reaches_its_container_by_a_bare_hash(engine: Engine) -> None:
    inner = {"resourceType": "Observation", "id": "o", "focus": [{"reference": "#"}]}
    outer = {"resourceType": "Patient", "id": "p", "contained": [inner]}
    found = engine.compile("focus.resolve().id", "Observation").evaluate(inner, Environment(inner, root=outer))
    assert [item.value for item in found] == ["p"]


def test_resource_and_root_resource_are_told_apart(engine: Engine) -> None:
    inner = {"resourceType": "Organization", "id": "inner", "name": "I"}
    outer = {"resourceType": "Patient", "id": "outer", "contained": [inner]}
    env = Environment(inner, root=outer)
    compiled = engine.compile("%resource.id | %rootResource.id | %context", "Organization.name")
    assert [item.value for item in compiled.evaluate("I", env)] == ["inner", "outer", "I"]


def test_member_of_asks_the_callers_terminology(ask: Ask) -> None:
    asked: list[tuple[Any, str, str]] = []

    def member_of(value: Any, type_name: str, url: str) -> bool | None:
        asked.append((value, type_name, url))
        return {"http://example.org/in": True, "http://example.org/out": False}.get(url)

    assert ask("status.memberOf('http://example.org/in')", PRESCRIPTION, member_of=member_of) == [True]
    assert ask("status.memberOf('http://example.org/out')", PRESCRIPTION, member_of=member_of) == [False]
    assert ask("status.memberOf('http://example.org/who')", PRESCRIPTION, member_of=member_of) == []
    assert ask("doNotPerform.memberOf('http://example.org/in')", PRESCRIPTION, member_of=member_of) == []
    assert ("active", "code", "http://example.org/in") in asked


def test_subsumes_asks_the_callers_terminology(ask: Ask) -> None:
    wide, narrow = {"code": "wide"}, {"code": "narrow"}
    resource = {"resourceType": "Observation", "code": {"coding": [wide]}, "category": [{"coding": [narrow]}]}

    def subsumes(first: Any, second: Any) -> bool | None:
        return (first["code"], second["code"]) == ("wide", "narrow")

    assert ask("code.coding.subsumes(%resource.category.coding)", resource, subsumes=subsumes) == [True]
    assert ask("code.coding.subsumedBy(%resource.category.coding)", resource, subsumes=subsumes) == [False]
    assert ask("code.coding.subsumes(bodySite.coding)", resource, subsumes=subsumes) == []
    with pytest.raises(EvaluationError):
        ask("code.coding.subsumes(code.coding)", resource)


@pytest.mark.parametrize("expression", ["name.elementDefinition()", "name.slice('http://example.org', 'x')"])
def test_what_needs_a_profile_is_refused(engine: Engine, expression: str) -> None:
    with pytest.raises(ExpressionError, match="validator"):
        engine.compile(expression, "Patient")


def test_conforms_to_asks_the_callers_validator(ask: Ask) -> None:
    def conforms_to(value: dict[str, Any], url: str) -> bool | None:
        return value["status"] == "active" if url == "http://example.org/profile" else None

    assert ask("conformsTo('http://example.org/profile')", PRESCRIPTION, conforms_to=conforms_to) == [True]
    with pytest.raises(EvaluationError):
        ask("conformsTo('http://example.org/other')", PRESCRIPTION, conforms_to=conforms_to)


def test_trace_tells_the_caller_and_changes_nothing(ask: Ask) -> None:
    told: list[tuple[str, list[Any]]] = []
    assert ask("status.trace('s').length()", PRESCRIPTION, trace=lambda name, values: told.append((name, values))) == [
        6
    ]
    assert [name for name, _ in told] == ["s", "s"]
    assert ask("subject.trace('r', reference).exists()", PRESCRIPTION, trace=lambda *got: told.append(got)) == [True]
    assert [getattr(item, "value", item) for item in told[-1][1]] == ["Patient/12"]


def test_the_clock_stands_still_during_an_evaluation(ask: Ask) -> None:
    now = datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC)
    assert ask("now()", now=now) == ["2024-02-29T23:59:59.999+00:00"]
    assert ask("today()", now=now) == ["2024-02-29"]
    assert ask("timeOfDay()", now=now) == ["23:59:59.999"]
    assert ask("(1 | 2 | 3).select(now()).distinct().count()") == [1]


def test_further_constants_come_from_the_caller(ask: Ask) -> None:
    assert ask("%limit + 1", variables={"limit": 3}) == [4]
    assert ask("%none.exists()", variables={"none": None}) == [False]
    assert ask("name.given.where($this in %names)", variables={"names": ["Nan"]}) == ["Nan"]


def test_html_checks_allow_only_the_xhtml_of_narratives(engine: Engine) -> None:
    check = engine.compile("htmlChecks()", "xhtml").test
    open_, env = '<div xmlns="http://www.w3.org/1999/xhtml">', Environment()
    assert check(open_ + "<p>Texte &amp; <b>gras</b></p></div>", env) is True
    assert check(open_ + '<a href="https://example.org">x</a><img src="#a" alt="x"/></div>', env) is True
    for unsafe in (
        open_ + "<script>x</script></div>",
        open_ + '<p onclick="x()">x</p></div>',
        open_ + '<a href="javascript:x()">x</a></div>',
        open_ + "<form>x</form></div>",
        open_ + " </div>",
        open_ + "<p>x</div>",
        "<div>without namespace</div>",
        "<p>no div</p>",
        '<!DOCTYPE div [<!ENTITY x "y">]>' + open_ + "x</div>",
    ):
        assert check(unsafe, env) is False, unsafe


def test_a_node_may_be_the_focus_of_a_typed_expression(engine: Engine) -> None:
    node = engine.node(PRESCRIPTION)
    assert engine.compile("status = 'active'", "MedicationRequest").test(node, Environment(PRESCRIPTION)) is True
    status = engine.typed_node("active", "code", {"id": "s"})
    assert engine.compile("id = 's' and $this = 'active'", "code").test(status, Environment()) is True
    assert isinstance(engine.compile("$this", "code").evaluate(status, Environment())[0], Node)

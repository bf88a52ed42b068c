"""The invariants written by hand agree with the compiled ones on whatever data have the shape of their types."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.definitions import development
from fhirserver.fhirpath import Engine, Environment, Node
from fhirserver.fhirpath.model import Type

ELE_1 = "hasValue() or (children().count() > id.count())"
EXT_1 = "extension.exists() != value.exists()"
DOM_3 = (
    "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | "
    "%resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#')"
    ".exists() or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = '#')"
    ".exists()).not()).trace('unmatched', id).empty()"
)
ENGINE = Engine(development())

IDS = st.sampled_from(["a", "b", 'q"uote'])
TEXTS = st.sampled_from(["#a", "#b", '#q"uote', "#", "x", "Patient/1"])
SCALARS = {
    "boolean": st.booleans(),
    "integer": st.integers(-2, 2),
    "unsignedInt": st.integers(0, 2),
    "positiveInt": st.integers(1, 2),
    "decimal": st.integers(0, 2),
}
SIBLING = st.fixed_dictionaries({}, optional={"id": IDS, "extension": st.just([{"url": "u", "valueCode": "c"}])})


@st.composite
def objects(draw: st.DrawFn, type_: Type, depth: int = 2) -> dict[str, Any]:
    """Draw an object with the shape of a type: some of its elements, with `_` siblings, nulls and empty lists."""
    made: dict[str, Any] = {"resourceType": type_.name} if type_.resource else {}
    names = sorted(type_.fields)
    for name in draw(st.lists(st.sampled_from(names), max_size=4, unique=True)):
        entry = draw(st.sampled_from(sorted(type_.fields[name].entries.values(), key=lambda entry: entry.key)))
        if entry.type.primitive:
            one = IDS if name == "id" else SCALARS.get(entry.type.name, TEXTS)
            value: Any = draw(st.lists(one | st.none(), max_size=2) if entry.field.many else one)
            if draw(st.booleans()):
                made[entry.key] = value
            if draw(st.integers(0, 4)) == 0 and name != "id":
                made[entry.sibling] = draw(st.lists(SIBLING | st.none(), max_size=2) if entry.field.many else SIBLING)
        elif depth > 0:
            inner = ENGINE.model.find("Basic") if entry.type.name == "Resource" else entry.type
            assert inner is not None
            below = objects(inner, depth - 1)
            made[entry.key] = draw(st.lists(below, max_size=2)) if entry.field.many else draw(below)
    return made


def _agree(expression: str, context: str, value: Any, env: Environment) -> bool:
    quick = ENGINE.compile(expression, context)
    compiled = ENGINE.compile(f"({expression})", context)
    assert quick.test is not compiled.test
    return quick.test(value, env) is compiled.test(value, env)


@pytest.mark.parametrize(
    "name", ["Dosage", "HumanName", "Extension", "Timing.repeat", "Patient.contact", "Observation"]
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_ele_1_agrees_on_objects(name: str, data: st.DataObject) -> None:
    type_ = ENGINE.model.find(name)
    assert type_ is not None
    assert _agree(ELE_1, name, data.draw(objects(type_)), Environment())


@pytest.mark.parametrize("name", ["string", "boolean", "decimal", "code", "xhtml"])
@pytest.mark.parametrize("value", ["x", "", True, False, 0, 1])
@pytest.mark.parametrize("sibling", [None, {}, {"id": "x"}, {"extension": [{"url": "u", "valueCode": "c"}]}])
def test_ele_1_agrees_on_primitives(name: str, value: Any, sibling: dict[str, Any] | None) -> None:
    assert _agree(ELE_1, name, value, Environment())
    type_ = ENGINE.model.find(name)
    assert type_ is not None
    for held in (value, None):
        assert _agree(ELE_1, name, Node(held, type_, sibling), Environment())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_ext_1_agrees(data: st.DataObject) -> None:
    type_ = ENGINE.model.find("Extension")
    assert type_ is not None
    value = data.draw(objects(type_, 1))
    value.update(data.draw(st.sampled_from([{}, {"valueCode": "c"}, {"_valueCode": {"id": "x"}}, {"extension": []}])))
    assert _agree(EXT_1, "Extension", value, Environment())


def resources() -> st.SearchStrategy[dict[str, Any]]:
    reference = st.fixed_dictionaries({"reference": TEXTS})
    contained = st.fixed_dictionaries(
        {"resourceType": st.just("Basic")},
        optional={
            "id": IDS,
            "subject": reference,
            "extension": st.lists(st.fixed_dictionaries({"url": TEXTS, "valueCanonical": TEXTS}), max_size=1),
        },
    )
    return st.fixed_dictionaries(
        {"resourceType": st.just("MedicationRequest")},
        optional={
            "contained": st.lists(contained, max_size=3),
            "subject": reference,
            "note": st.lists(st.fixed_dictionaries({"text": st.sampled_from(["#a", '"reference":"#b"'])}), max_size=1),
            "instantiatesCanonical": st.lists(TEXTS, max_size=1),
            "instantiatesUri": st.lists(TEXTS, max_size=1),
            "unknown": reference,
            "extension": st.lists(st.fixed_dictionaries({"url": TEXTS, "valueReference": reference}), max_size=1),
        },
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(resource=resources())
def test_dom_3_agrees(resource: dict[str, Any]) -> None:
    # An element that FHIR does not have is refused before any invariant is asked.
    resource.pop("unknown", None)
    assert _agree(DOM_3, "MedicationRequest", resource, Environment(resource))

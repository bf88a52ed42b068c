"""Whatever a patch holds, it gives a resource or a failure."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhirserver.errors import BadRequest, Unprocessable
from fhirserver.interactions.patching import Patcher
from tests.unit.interactions.patching.building import (
    XHTML,
    fhirpath_patch,
    json_patch,
    operation,
    patient,
    xml_patch,
)

POINTER = st.lists(
    st.sampled_from(["name", "0", "-", "given", "family", "id", "extension[url:'x']", "~1", "", "text"]), max_size=5
).map(lambda steps: "".join(f"/{step}" for step in steps))
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["x", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["family", "a"]), inner, max_size=2),
    max_leaves=4,
)
OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTER},
    optional={"from": POINTER, "value": VALUE},
)
PATH = st.lists(
    st.sampled_from(
        [
            "Patient",
            "name",
            "given",
            "[0]",
            "[1]",
            "where(use = 'x')",
            "first()",
            "id",
            "text",
            "div",
            "",
            "'",
            "1",
            "=",
        ]
    ),
    max_size=5,
).map(".".join)
PART_VALUE = st.sampled_from(
    [
        {"valueString": "x"},
        {"valueHumanName": {"text": "x"}},
        {"part": [{"name": "text", "valueString": "x"}]},
        {},
        {"valueString": None},
        {"valueHumanName": []},
        {"part": [{"name": 1}]},
        {"resource": {}},
    ]
)


@st.composite
def path_operations(draw: st.DrawFn) -> dict[str, Any]:
    return operation(
        type=draw(st.sampled_from(["add", "insert", "delete", "replace", "move"])),
        path=draw(PATH),
        name=draw(st.sampled_from(["name", "text", "given", "contact", "deceased", "x"])),
        index=draw(st.integers(-1, 3)),
        source=draw(st.integers(0, 2)),
        destination=draw(st.integers(0, 2)),
        value=draw(PART_VALUE),
    )


@given(st.lists(OPERATION, max_size=4))
def test_any_json_patch_gives_a_resource_or_a_failure(patcher: Patcher, operations: list[dict[str, Any]]) -> None:
    try:
        after = json_patch(patcher, patient(), *operations)
    except (BadRequest, Unprocessable):
        return
    assert (after["resourceType"], after["id"]) == ("Patient", "p")


@given(st.lists(path_operations(), max_size=3))
def test_any_fhirpath_patch_gives_a_resource_or_a_failure(patcher: Patcher, operations: list[dict[str, Any]]) -> None:
    before = patient(text={"status": "generated", "div": XHTML})
    try:
        after = fhirpath_patch(patcher, before, *operations)
    except (BadRequest, Unprocessable):
        return
    assert (after["resourceType"], after["id"]) == ("Patient", "p")


@given(
    st.sampled_from(["add", "replace", "remove"]),
    st.text("f:Patient/name[]@'=1*()", max_size=30),
    st.text("<x/>a", max_size=9),
)
def test_any_xml_patch_gives_a_resource_or_a_failure(patcher: Patcher, op: str, selector: str, inside: str) -> None:
    quoted = selector.replace("'", "&apos;")
    try:
        after = xml_patch(patcher, patient(), f"<{op} sel='{quoted}'>{inside}</{op}>")
    except (BadRequest, Unprocessable):
        return
    assert (after["resourceType"], after["id"]) == ("Patient", "p")

"""Merge patch: what it changes, and how it says that it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import BadRequest, Unprocessable
from fhirserver.interactions.patching import Patcher
from fhirserver.interactions.patching.json_patch import merge
from tests.unit.interactions.patching.building import (
    patient,
)


class TestMergePatch:
    # RFC 7396, appendix A
    @pytest.mark.parametrize(
        ("document", "patch", "result"),
        [
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
            ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
            ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
            (["a", "b"], ["c", "d"], ["c", "d"]),
            ({"a": "b"}, ["c"], ["c"]),
            ({"a": "foo"}, None, None),
            ({"a": "foo"}, "bar", "bar"),
            ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
            ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
            ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ],
    )
    def test_the_examples_of_the_standard(self, document: Any, patch: Any, result: Any) -> None:
        assert merge(document, patch) == result

    @pytest.mark.parametrize(
        "media", ["application/merge-patch+json", "application/json", "application/json;charset=utf-8"]
    )
    def test_members_change_and_null_removes_them(self, patcher: Patcher, media: str) -> None:
        body = b'{"gender": "female", "birthDate": null, "maritalStatus": {"text": null}}'
        before = patient(birthDate="1970-01-01", maritalStatus={"text": "x"})
        assert patcher.read(media, body)(before) == patient(gender="female")
        assert before["birthDate"] == "1970-01-01"

    @pytest.mark.parametrize("body", ['{"id": "q"}', '{"id": null}', '{"resourceType": "Group"}'])
    def test_id_and_type_stay(self, patcher: Patcher, body: str) -> None:
        with pytest.raises(Unprocessable, match="does not change"):
            patcher.read("application/merge-patch+json", body.encode())(patient())

    @pytest.mark.parametrize("body", ["3", "[]", '"x"'])
    def test_only_objects_merge(self, patcher: Patcher, body: str) -> None:
        with pytest.raises(BadRequest):
            patcher.read("application/merge-patch+json", body.encode())(patient())

"""JSON Patch: what it changes, and how it says that it cannot."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.errors import BadRequest, Unprocessable
from fhirserver.interactions.patching import Patcher
from tests.unit.interactions.patching.building import (
    ARCHIVED,
    JSON_PATCH,
    document,
    json_patch,
    patient,
)


class TestJsonPatch:
    def test_the_resource_given_stays_as_it_is_and_decimals_keep_their_digits(self, patcher: Patcher) -> None:
        before = document()
        kept = copy.deepcopy(before)
        after = json_patch(patcher, before, {"op": "replace", "path": "/status", "value": "superseded"})
        assert before == kept
        assert after["status"] == "superseded"
        assert b"1.50" in jsontext.write(after)

    @pytest.mark.parametrize("form", ["[url:'{}']", '[url:"{}"]', "[url='{}']"])
    def test_the_bracket_paths_of_the_french_guides_select_by_value(self, patcher: Patcher, form: str) -> None:
        path = "/extension" + form.replace("{}", ARCHIVED) + "/valueBoolean"
        after = json_patch(patcher, document(), {"op": "replace", "path": path, "value": True})
        assert after["extension"][1] == {"url": ARCHIVED, "valueBoolean": True}

    @pytest.mark.parametrize("op", ["add", "replace"])
    def test_a_bracket_path_creates_the_extension_that_it_sets(self, patcher: Patcher, op: str) -> None:
        before = document()
        del before["extension"]
        path = f"/extension[url:'{ARCHIVED}']/valueBoolean"
        after = json_patch(patcher, before, {"op": op, "path": path, "value": True})
        assert after["extension"] == [{"url": ARCHIVED, "valueBoolean": True}]

    def test_a_bracket_path_may_end_a_path_and_be_removed(self, patcher: Patcher) -> None:
        after = json_patch(patcher, document(), {"op": "remove", "path": f"/extension[url:'{ARCHIVED}']"})
        assert [one["url"] for one in after["extension"]] == ["http://other/ext"]

    @pytest.mark.parametrize(
        ("op", "path"),
        [
            ("remove", "/extension[url:'http://none']/valueBoolean"),
            ("replace", "/securityLabel[url:'x']/coding"),
            ("replace", "/identifier[system:'x']/value"),
        ],
    )
    def test_a_bracket_path_to_nothing_is_refused(self, patcher: Patcher, op: str, path: str) -> None:
        with pytest.raises(Unprocessable, match="selects 0 items"):
            json_patch(patcher, document(), {"op": op, "path": path, "value": "x"})

    def test_a_plain_string_for_a_coded_value_is_refused_with_an_example(self, patcher: Patcher) -> None:
        with pytest.raises(Unprocessable) as refused:
            json_patch(patcher, document(), {"op": "replace", "path": "/securityLabel/0", "value": "MASQUE_PS"})
        (issue,) = refused.value.issues
        assert issue.expression == "DocumentReference.securityLabel[0]"
        assert '{"coding": [{"system"' in issue.text.fr

    @pytest.mark.parametrize(
        ("path", "value"),
        [("/securityLabel", {"text": "x"}), ("/status", ["current"]), ("/content/0/attachment", "x"), ("/status", {})],
    )
    def test_a_value_of_the_wrong_shape_is_refused(self, patcher: Patcher, path: str, value: Any) -> None:
        with pytest.raises(Unprocessable, match="expects"):
            json_patch(patcher, document(), {"op": "replace", "path": path, "value": value})

    def test_what_removals_leave_empty_goes_too(self, patcher: Patcher) -> None:
        after = json_patch(
            patcher,
            patient(),
            {"op": "remove", "path": "/name/0/given/1"},
            {"op": "remove", "path": "/name/0/given/0"},
            {"op": "remove", "path": "/name/0/family"},
        )
        assert after == {"resourceType": "Patient", "id": "p"}

    def test_an_array_that_was_emptied_may_be_filled_again(self, patcher: Patcher) -> None:
        after = json_patch(
            patcher,
            patient(name=[{"given": ["Jean"]}]),
            {"op": "remove", "path": "/name/0/given/0"},
            {"op": "add", "path": "/name/0/given/-", "value": "Luc"},
        )
        assert after["name"] == [{"given": ["Luc"]}]

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"op": "replace", "path": "/gender", "value": "male"}, "leads nowhere"),
            ({"op": "remove", "path": "/name/7"}, "leads nowhere"),
            ({"op": "remove", "path": "/name/-"}, "leads nowhere"),
            ({"op": "add", "path": "/name/2", "value": {}}, "leads nowhere"),
            ({"op": "add", "path": "/name/01", "value": {}}, "leads nowhere"),
            ({"op": "add", "path": "/name/x", "value": {}}, "leads nowhere"),
            ({"op": "add", "path": "/telecom/-", "value": {}}, "leads nowhere"),
            ({"op": "add", "path": "/id/x", "value": {}}, "leads nowhere"),
            ({"op": "move", "from": "/name", "path": "/name/0/given"}, "into itself"),
            ({"op": "test", "path": "/id", "value": "q"}, "test fails"),
            ({"op": "test", "path": "/name/0/given/0", "value": True}, "test fails"),
        ],
    )
    def test_what_does_not_apply_is_unprocessable_naming_operation_and_element(
        self, patcher: Patcher, change: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(Unprocessable, match=said) as refused:
            json_patch(patcher, patient(), {"op": "test", "path": "/id", "value": "p"}, change)
        (issue,) = refused.value.issues
        assert issue.text.fr.startswith("Opération 2 : ")
        assert str(issue.expression).startswith("Patient.")

    @pytest.mark.parametrize(
        "body",
        [
            [],
            {},
            "x",
            None,
            ["x"],
            [{}],
            [{"op": "erase", "path": "/id"}],
            [{"op": ["add"], "path": "/id"}],
            [{"op": "add", "path": "id", "value": 1}],
            [{"op": "add", "path": "/a~2b", "value": 1}],
            [{"op": "add", "path": 7, "value": 1}],
            [{"op": "add", "path": "/gender"}],
            [{"op": "move", "path": "/gender"}],
            [{"op": "remove", "path": ""}],
            [{"op": "test", "path": "/id", "value": "p"}] * 1001,
        ],
    )
    def test_what_is_no_json_patch_is_a_bad_request(self, patcher: Patcher, body: Any) -> None:
        with pytest.raises(BadRequest):
            patcher.read(JSON_PATCH, json.dumps(body).encode())(patient())

    @pytest.mark.parametrize(
        "change",
        [
            {"op": "replace", "path": "", "value": 3},
            {"op": "replace", "path": "/id", "value": "other"},
            {"op": "remove", "path": "/id"},
            {"op": "replace", "path": "/resourceType", "value": "Group"},
        ],
    )
    def test_id_and_type_stay(self, patcher: Patcher, change: dict[str, Any]) -> None:
        with pytest.raises(Unprocessable, match="does not change"):
            json_patch(patcher, patient(), change)

    def test_copies_cannot_multiply_without_end_nor_nest_without_end(self, patcher: Patcher) -> None:
        double = {"op": "copy", "from": "/name", "path": "/name/0/extension"}
        with pytest.raises(Unprocessable):
            json_patch(patcher, patient(), *[double] * 500)
        wider = [
            {"op": "copy", "from": "/name", "path": "/contact"},
            {"op": "copy", "from": "/contact", "path": "/name/-"},
        ]
        with pytest.raises(Unprocessable):
            json_patch(patcher, patient(), *wider * 200)

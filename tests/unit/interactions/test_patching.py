"""Patches of every kind: what they change, and how they say that they cannot."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver import jsontext
from fhirserver.definitions import development
from fhirserver.errors import BadRequest, Failure, Unprocessable, Unreadable, UnsupportedMediaType
from fhirserver.fhirpath import Engine
from fhirserver.interactions.patching import Patcher
from fhirserver.interactions.patching.json_patch import merge
from fhirserver.wire.xml.formatting import XmlCodec

JSON_PATCH = "application/json-patch+json"
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml"><br /><p>a &#233;</p></div>'


@pytest.fixture(scope="module")
def patcher() -> Patcher:
    definitions = development()
    return Patcher(Engine(definitions), XmlCodec(definitions))


def document(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "a",
        "text": {"status": "generated", "div": XHTML},
        "extension": [
            {"url": "http://other/ext", "valueDecimal": jsontext.Number("1.50")},
            {"url": ARCHIVED, "valueBoolean": False},
        ],
        "status": "current",
        "securityLabel": [{"coding": [{"system": "http://s", "code": "N"}]}],
        "content": [{"attachment": {"title": "x"}}],
        **changes,
    }


def patient(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", "name": [{"family": "Martin", "given": ["Jean", "Paul"]}], **changes}


def json_patch(patcher: Patcher, resource: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    return patcher.read(JSON_PATCH, json.dumps(operations).encode())(resource)


def operation(**parts: Any) -> dict[str, Any]:
    def part(name: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict) and {"part", "resource"} & value.keys():
            return {"name": name, **value}
        if isinstance(value, dict):
            return {"name": name, **value}
        return {"name": name, ("valueInteger" if isinstance(value, int) else "valueString"): value}

    return {"name": "operation", "part": [part(name, value) for name, value in parts.items()]}


def fhirpath_patch(patcher: Patcher, resource: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    return patcher.from_resource({"resourceType": "Parameters", "parameter": list(operations)})(resource)


def xml_patch(patcher: Patcher, resource: dict[str, Any], inside: str) -> dict[str, Any]:
    text = f'<diff xmlns="http://hl7.org/fhir">{inside}</diff>'
    return patcher.read("application/xml-patch+xml", text.encode())(resource)


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


class TestFhirPathPatch:
    def test_the_replacement_of_the_dmp_guide(self, patcher: Patcher) -> None:
        change = operation(type="replace", path="DocumentReference.status", value={"valueCode": "superseded"})
        assert fhirpath_patch(patcher, document(), change) == document(status="superseded")

    def test_a_choice_gets_the_name_of_its_type(self, patcher: Patcher) -> None:
        change = operation(type="add", path="Patient", name="deceased", value={"valueBoolean": True})
        assert fhirpath_patch(patcher, patient(), change)["deceasedBoolean"] is True
        change = operation(type="replace", path="Patient.deceased", value={"valueDateTime": "2026-01-01"})
        after = fhirpath_patch(patcher, patient(deceasedBoolean=True), change)
        assert after == patient(deceasedDateTime="2026-01-01")

    def test_a_choice_does_not_take_other_types(self, patcher: Patcher) -> None:
        change = operation(type="add", path="Patient", name="deceased", value={"valueQuantity": {"value": 1}})
        with pytest.raises(Unprocessable, match="boolean, dateTime"):
            fhirpath_patch(patcher, patient(), change)

    def test_an_element_is_chosen_by_its_content(self, patcher: Patcher) -> None:
        path = f"DocumentReference.extension.where(url = '{ARCHIVED}').value"
        after = fhirpath_patch(patcher, document(), operation(type="replace", path=path, value={"valueBoolean": True}))
        assert after["extension"][1]["valueBoolean"] is True
        path = f"DocumentReference.extension('{ARCHIVED}')"
        assert len(fhirpath_patch(patcher, document(), operation(type="delete", path=path))["extension"]) == 1

    def test_primitives_and_their_siblings_stay_side_by_side(self, patcher: Patcher) -> None:
        before = patient(name=[{"given": ["a", "b", "c"], "_given": [None, {"id": "x"}, None]}])
        insert = operation(type="insert", path="Patient.name[0].given", index=1, value={"valueString": "n"})
        move = operation(type="move", path="Patient.name[0].given", source=2, destination=0)
        delete = operation(type="delete", path="Patient.name[0].given[3]")
        after = fhirpath_patch(patcher, before, insert, move, delete)
        assert after["name"] == [{"given": ["b", "a", "n"], "_given": [{"id": "x"}, None, None]}]

    def test_an_extension_is_added_to_a_primitive(self, patcher: Patcher) -> None:
        extension = {"url": "http://x", "valueCode": "y"}
        change = operation(type="add", path="Patient.birthDate", name="extension", value={"valueExtension": extension})
        after = fhirpath_patch(patcher, patient(birthDate="1970-01-01"), change)
        assert after["_birthDate"] == {"extension": [extension]}

    def test_a_primitive_value_may_bring_extensions(self, patcher: Patcher) -> None:
        value = {"valueDate": "1970", "_valueDate": {"id": "x"}}
        after = fhirpath_patch(patcher, patient(), operation(type="add", path="Patient", name="birthDate", value=value))
        assert (after["birthDate"], after["_birthDate"]) == ("1970", {"id": "x"})

    def test_a_resource_is_added_among_the_contained(self, patcher: Patcher) -> None:
        value = {"resource": {"resourceType": "Organization", "id": "o"}}
        after = fhirpath_patch(patcher, patient(), operation(type="add", path="Patient", name="contained", value=value))
        assert after["contained"] == [value["resource"]]

    def test_an_element_is_inserted_into_a_list_that_is_empty(self, patcher: Patcher) -> None:
        change = operation(type="insert", path="Patient.identifier", index=0, value={"valueIdentifier": {"value": "1"}})
        assert fhirpath_patch(patcher, patient(), change)["identifier"] == [{"value": "1"}]

    def test_deleting_what_is_not_there_changes_nothing(self, patcher: Patcher) -> None:
        assert fhirpath_patch(patcher, patient(), operation(type="delete", path="Patient.gender")) == patient()

    def test_a_deletion_leaves_no_empty_element(self, patcher: Patcher) -> None:
        before = patient(contact=[{"name": {"text": "x"}}])
        after = fhirpath_patch(patcher, before, operation(type="delete", path="Patient.contact[0].name.text"))
        assert after == patient()

    @pytest.mark.parametrize(
        ("change", "failure", "said"),
        [
            (operation(type="replace", path="Patient.gender", value="x"), Unprocessable, "selects 0 elements"),
            (operation(type="replace", path="Patient.name.given", value="x"), Unprocessable, "selects 2 elements"),
            (operation(type="delete", path="Patient.name.given"), Unprocessable, "selects 2 elements"),
            (operation(type="delete", path="Patient"), Unprocessable, "whole resource"),
            (operation(type="replace", path="Patient", value="x"), Unprocessable, "whole resource"),
            (operation(type="add", path="Patient", name="colour", value="red"), Unprocessable, "no element"),
            (operation(type="add", path="Patient.name[0]", name="family", value="x"), Unprocessable, "already there"),
            (operation(type="add", path="Patient", name="name", value="x"), Unprocessable, "of type HumanName"),
            (
                operation(type="add", path="Patient", name="gender", value={"valueHumanName": {"text": "x"}}),
                Unprocessable,
                "of type code",
            ),
            (operation(type="insert", path="Patient.name", index=5, value="x"), Unprocessable, "beyond 1"),
            (operation(type="insert", path="Patient.id", index=0, value="x"), Unprocessable, "one whole list"),
            (operation(type="move", path="Patient.name[0].given", source=2, destination=0), Unprocessable, "beyond 1"),
            (operation(type="move", path="Patient.name[0].given[0]", source=0, destination=0), Unprocessable, "list"),
            (operation(type="replace", path="1 + 1", value="x"), Unprocessable, "computes"),
            (operation(type="replace", path="Patient.id & 'x'", value="x"), Unprocessable, "computes"),
            (operation(type="replace", path="Patient..name", value="x"), BadRequest, "not FHIRPath"),
            (operation(type="replace", path="Patient.descendants()", value="x"), BadRequest, "descendants"),
            (operation(type="replace", path="%resource.id", value="x"), BadRequest, "%"),
            (operation(type="replace", path="Patient.id" + " " * 2000, value="x"), BadRequest, "characters"),
            (operation(type="replace", path="Patient.id", value="q"), Unprocessable, "does not change Patient.id"),
            (operation(type="erase", path="Patient.id"), BadRequest, '"type" is one of'),
            (operation(path="Patient.id"), BadRequest, '"type" is required'),
            (operation(type="delete"), BadRequest, '"path" is required'),
            (operation(type="replace", path="Patient.id"), BadRequest, '"value" is required'),
            (operation(type="add", path="Patient", name="contact", value={}), BadRequest, "neither"),
            (operation(type="add", path="Patient", name="contact", value={"part": [{}]}), BadRequest, "no name"),
            (operation(type="insert", path="Patient.name", index="x", value="x"), BadRequest, "index"),
            (operation(type="insert", path="Patient.name", index=-1, value="x"), BadRequest, "index"),
            (operation(type="delete", path="Patient.id", colour="red"), BadRequest, "colour"),
            ({"name": "operations"}, BadRequest, "named"),
            ({"name": "operation", "part": ["x"]}, BadRequest, "unknown"),
            ("x", BadRequest, "named"),
        ],
    )
    def test_what_cannot_be_done_is_refused_naming_the_operation(
        self, patcher: Patcher, change: Any, failure: type[Failure], said: str
    ) -> None:
        with pytest.raises(failure, match=said):
            fhirpath_patch(patcher, patient(), change)


class TestXmlPatch:
    def test_elements_are_added_replaced_and_removed(self, patcher: Patcher) -> None:
        after = xml_patch(
            patcher,
            patient(gender="male"),
            '<replace sel="f:Patient/f:gender/@value">female</replace>'
            '<remove sel="f:Patient/f:name/f:given[2]"/>'
            '<add sel="f:Patient/f:name/f:given" pos="before"><family value="x"/></add>'
            "<remove sel=\"f:Patient/f:name/f:family[@value='Martin']\"/>"
            '<add sel="Patient/gender" pos="after"><birthDate value="1970"/></add>',
        )
        assert after == patient(gender="female", birthDate="1970", name=[{"family": "x", "given": ["Jean"]}])

    def test_a_narrative_that_is_not_touched_stays_byte_true_and_decimals_too(self, patcher: Patcher) -> None:
        after = xml_patch(
            patcher, document(), '<replace sel="f:DocumentReference/f:status/@value">superseded</replace>'
        )
        assert after["text"]["div"] == XHTML
        assert b"1.50" in jsontext.write(after)

    @pytest.mark.parametrize(
        ("inside", "failure", "said"),
        [
            ("", BadRequest, "holds 1 to"),
            ("<erase sel='f:Patient'/>", BadRequest, "unknown operation"),
            ("<remove/>", BadRequest, "Selector"),
            ("<remove sel='//f:name'/>", BadRequest, "Selector"),
            ("<remove sel='f:Patient/descendant::f:name'/>", BadRequest, "Selector"),
            ("<remove sel='f:Patient/f:name[count(//*) > 0]'/>", BadRequest, "Selector"),
            ("<remove sel='q:Patient'/>", BadRequest, "not declared"),
            ("<remove sel='f:Patient/f:gender'/>", Unprocessable, "selects 0 nodes"),
            ("<remove sel='f:Patient/f:name/f:given'/>", Unprocessable, "selects 2 nodes"),
            ("<remove sel='f:Patient'/>", Unprocessable, "root"),
            ("<replace sel='f:Patient'><Group/></replace>", Unprocessable, "root"),
            ("<replace sel='f:Patient/f:name'>x</replace>", BadRequest, "one node"),
            ("<add sel='f:Patient' pos='inside'><active value='true'/></add>", BadRequest, "pos"),
            ("<add sel='f:Patient' type='colour'>x</add>", BadRequest, "type"),
            ("<add sel='f:Patient' type='@a b'>x</add>", BadRequest, "attribute name"),
            ("<add sel='f:Patient/f:id' type='@value'>x</add>", Unprocessable, "already has"),
            ("<add sel='f:Patient'><colour value='x'/></add>", Unprocessable, "unknown element"),
            ("<add sel='f:Patient'>text</add>", Unprocessable, "free text"),
            ("<replace sel='f:Patient/f:id/@value'>q</replace>", Unprocessable, "does not change Patient.id"),
        ],
    )
    def test_what_cannot_be_done_is_refused(
        self, patcher: Patcher, inside: str, failure: type[Failure], said: str
    ) -> None:
        with pytest.raises(failure, match=said):
            xml_patch(patcher, patient(), inside)

    @pytest.mark.parametrize(
        "patch",
        [
            b"",
            b"<diff>",
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><diff><add sel="f:Patient">&b;</add></diff>',
            b"<!-- x --><?y z?>\n<!DOCTYPE a><diff/>",
            "<diff/>".encode("utf-16"),
        ],
    )
    def test_bad_xml_is_refused_before_anything_is_patched(self, patcher: Patcher, patch: bytes) -> None:
        with pytest.raises(BadRequest):
            patcher.read("application/xml-patch+xml", patch)


DELETION = {"resourceType": "Parameters", "parameter": [operation(type="delete", path="Patient.name")]}


class TestMediaTypes:
    @pytest.mark.parametrize(
        "media", ["application/fhir+json", "application/json", "application/fhir+json; charset=utf-8"]
    )
    def test_parameters_are_a_fhirpath_patch(self, patcher: Patcher, media: str) -> None:
        assert "name" not in patcher.read(media, json.dumps(DELETION).encode())(patient())

    def test_parameters_come_as_xml_too(self, patcher: Patcher) -> None:
        data = XmlCodec(development()).write(DELETION)
        assert "name" not in patcher.read("application/fhir+xml", data)(patient())

    def test_an_array_as_plain_json_is_a_json_patch(self, patcher: Patcher) -> None:
        assert "name" not in patcher.read("application/json", b'[{"op": "remove", "path": "/name"}]')(patient())

    def test_a_binary_of_a_bundle_carries_a_patch(self, patcher: Patcher) -> None:
        data = base64.b64encode(b'[{"op": "remove", "path": "/name"}]').decode()
        binary = {"resourceType": "Binary", "contentType": JSON_PATCH, "data": data}
        assert "name" not in patcher.from_resource(binary)(patient())
        with pytest.raises(Unreadable):
            patcher.from_resource({**binary, "data": "?"})

    def test_other_types_are_refused_naming_those_there_are(self, patcher: Patcher) -> None:
        with pytest.raises(UnsupportedMediaType) as refused:
            patcher.read("text/plain", b"x")
        assert JSON_PATCH in refused.value.headers["Accept-Patch"]

    @pytest.mark.parametrize("resource", [{"resourceType": "Patient"}, {"resourceType": "Binary"}, {}])
    def test_other_resources_are_no_patch(self, patcher: Patcher, resource: dict[str, Any]) -> None:
        with pytest.raises(BadRequest):
            patcher.from_resource(resource)

    @pytest.mark.parametrize("data", [b"", b"{", b'{"a": 1, "a": 2}', b"\xff"])
    def test_unreadable_json_is_refused(self, patcher: Patcher, data: bytes) -> None:
        with pytest.raises(Unreadable):
            patcher.read(JSON_PATCH, data)


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

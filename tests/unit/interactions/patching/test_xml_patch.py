"""XML Patch: what it changes, and how it says that it cannot."""

from __future__ import annotations

import pytest

from fhirserver import jsontext
from fhirserver.errors import BadRequest, Failure, Unprocessable
from fhirserver.interactions.patching import Patcher
from tests.unit.interactions.patching.building import (
    XHTML,
    document,
    patient,
    xml_patch,
)


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

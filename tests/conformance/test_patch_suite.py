"""The public patch cases: JSON Patch, XML Patch and FHIRPath Patch."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from fhirserver.definitions import development
from fhirserver.errors import BadRequest, Failure, Unprocessable
from fhirserver.fhirpath import Engine
from fhirserver.interactions.patching import fhirpath_patch, json_patch, xml_patch
from fhirserver.wire.xml.formatting import XmlCodec

SUITE = Path(__file__).parents[2] / ".." / "shared" / "suites" / "patch"
FHIR = "{http://hl7.org/fhir}"

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="the public patch cases are not at hand")


def json_cases() -> list[dict[str, Any]]:
    path = SUITE / "json-patch-tests.json"
    found: list[dict[str, Any]] = json.loads(path.read_bytes()) if path.exists() else []
    return found


def xml_cases(name: str) -> list[Any]:
    path = SUITE / name
    return list(etree.parse(path).getroot().iter("case")) if path.exists() else []


@pytest.mark.parametrize("case", json_cases(), ids=lambda case: case["comment"])
def test_json_patch(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(Failure) as refused:
            json_patch.apply(case["doc"], case["patch"])
        assert isinstance(refused.value, (BadRequest, Unprocessable))
    else:
        assert json_patch.equal(json_patch.apply(case["doc"], case["patch"]), case["expected"])


def inner(case: Any, name: str) -> bytes:
    children = [] if case.find(name) is None else list(case.find(name))
    return etree.tostring(children[0], with_tail=False) if children else b""


def stripped(document: bytes) -> bytes:
    """Return a document in canonical form, without the white space between elements."""
    return etree.tostring(etree.fromstring(document), method="c14n2", strip_text=True)


@pytest.mark.parametrize("case", xml_cases("xml-patch-tests.xml"), ids=lambda case: case.get("name"))
def test_xml_patch(case: Any) -> None:
    patch = etree.tostring(next(one for one in case if etree.QName(one).localname == "patch"), with_tail=False)
    target = inner(case, "target")
    if case.find("error") is not None:
        with pytest.raises(Failure) as refused:
            xml_patch.apply(target, patch)
        assert isinstance(refused.value, (BadRequest, Unprocessable))
    else:
        assert stripped(xml_patch.apply(target, patch)) == stripped(inner(case, "patched"))


@cache
def tools() -> tuple[Engine, XmlCodec]:
    definitions = development()
    return Engine(definitions), XmlCodec(definitions)


def resource(codec: XmlCodec, case: Any, name: str) -> dict[str, Any]:
    """Return a resource of a case; the cases also have empty ones, which the codec takes too."""
    return codec.read(inner(case, name))[0]


@pytest.mark.parametrize("case", xml_cases("fhir-patch-tests.xml"), ids=lambda case: case.get("name"))
def test_fhirpath_patch(case: Any) -> None:
    engine, codec = tools()
    given, parameters = resource(codec, case, "input"), resource(codec, case, "diff")
    if case.find("error") is not None:
        with pytest.raises(Unprocessable):
            fhirpath_patch.apply(engine, given, parameters)
    else:
        assert fhirpath_patch.apply(engine, given, parameters) == resource(codec, case, "output")

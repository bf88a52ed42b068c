"""Which kind of patch a body is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from fhirserver.definitions import development
from fhirserver.errors import BadRequest, Unreadable, UnsupportedMediaType
from fhirserver.interactions.patching import Patcher
from fhirserver.wire.xml.formatting import XmlCodec
from tests.unit.interactions.patching.building import (
    JSON_PATCH,
    operation,
    patient,
)

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

"""$validate-code: is this code right."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import BadRequest, Failure, NotFound, Unprocessable
from fhirserver.operations.terminology.validate_code import in_code_system, in_value_set
from fhirserver.terminology import Terminology
from tests.unit.operations.terminology.building import GENDER, PLANTS, ROLES, call, plants, value_of


class TestValidateCode:
    @pytest.mark.parametrize(
        ("asked", "result"),
        [
            (call(url=PLANTS, code="oak"), True),
            (call(url=PLANTS, code="oak", display="chêne"), True),
            (call(url=PLANTS, code="oak", display="Elm"), False),
            (call(url=PLANTS, code="fir"), False),
            (call(url=PLANTS, code="tree"), False),
            (call(url=PLANTS, code="tree", abstract=True), True),
            (call(url=PLANTS, code="elm"), True),
            (call(coding={"system": PLANTS, "code": "oak"}), True),
            (call(url=ROLES, coding={"system": PLANTS, "code": "oak"}), False),
            (
                call(codeableConcept={"coding": [{"system": PLANTS, "code": "x"}, {"system": PLANTS, "code": "oak"}]}),
                True,
            ),
            (call(url="urn:ietf:bcp:47", code="fr"), True),
            (call(url="urn:ietf:bcp:47", code="nimporte"), False),
        ],
    )
    def test_a_code_system_judges_code_display_and_abstractness(
        self, terminology: Terminology, *, asked: dict[str, Any], result: bool
    ) -> None:
        answer = in_code_system(terminology, asked)
        assert value_of(answer, "result") is result
        if not result:
            assert value_of(answer, "message")

    def test_a_code_system_that_is_posted_is_used(self, terminology: Terminology) -> None:
        posted = {"resourceType": "CodeSystem", "url": "http://p", "content": "complete", "concept": [{"code": "a"}]}
        assert value_of(in_code_system(terminology, call(codeSystem=posted, code="a")), "result") is True
        assert value_of(in_code_system(terminology, call(codeSystem=posted, code="b")), "result") is False

    def test_an_inactive_code_is_valid_with_a_hint(self, terminology: Terminology) -> None:
        answer = in_code_system(terminology, call(url=PLANTS, code="elm"), language="en")
        assert "no longer in use" in value_of(answer, "message")

    @pytest.mark.parametrize(
        ("asked", "result"),
        [
            (call(valueSet=plants(), system=PLANTS, code="oak"), True),
            (call(valueSet=plants(), system=PLANTS, code="oak", display="Fir"), False),
            (call(valueSet=plants(), system=ROLES, code="oak"), False),
            (call(url="http://hl7.org/fhir/ValueSet/administrative-gender", system=GENDER, code="male"), True),
            (call(url="http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", system=GENDER, code="x"), False),
            (call(valueSet=plants(concept=[{"code": "oak"}]), coding={"system": PLANTS, "code": "elm"}), False),
        ],
    )
    def test_a_value_set_judges_membership_and_display(
        self, terminology: Terminology, *, asked: dict[str, Any], result: bool
    ) -> None:
        assert value_of(in_value_set(terminology, asked), "result") is result

    @pytest.mark.parametrize(
        ("asked", "failure"),
        [
            (call(system=PLANTS, code="oak"), BadRequest),
            (call(valueSet=plants(), code="oak"), BadRequest),
            (call(valueSet=plants()), BadRequest),
            (call(valueSet=plants(), system=PLANTS, code="oak", coding={"system": PLANTS, "code": "elm"}), BadRequest),
            (call(valueSet={"resourceType": "Patient"}, system=PLANTS, code="oak"), BadRequest),
            (call(url="http://nowhere", system=PLANTS, code="oak"), NotFound),
            (
                call(url="http://hl7.org/fhir/ValueSet/administrative-gender|9", system=GENDER, code="male"),
                NotFound,
            ),
            (
                call(
                    url="http://hl7.org/fhir/ValueSet/condition-code", system="http://snomed.info/sct", code="73211009"
                ),
                Unprocessable,
            ),
        ],
    )
    def test_what_cannot_be_judged_is_refused_with_the_reason(
        self, terminology: Terminology, asked: dict[str, Any], failure: type[Failure]
    ) -> None:
        with pytest.raises(failure):
            in_value_set(terminology, asked)

    def test_a_coding_without_system_is_in_no_value_set(self, terminology: Terminology) -> None:
        right, bare = {"system": PLANTS, "code": "oak"}, {"code": "oak"}
        both = call(valueSet=plants(), codeableConcept={"coding": [bare, right]})
        assert value_of(in_value_set(terminology, both), "result") is True
        answer = in_value_set(terminology, call(valueSet=plants(), codeableConcept={"coding": [bare]}), language="en")
        assert value_of(answer, "result") is False
        assert "system" in value_of(answer, "message")

    @pytest.mark.parametrize("broken", [{"display": 7}, {"version": []}, {"system": {}}, {"code": ["x"]}, {"code": ""}])
    def test_a_malformed_coding_is_a_bad_request(self, terminology: Terminology, broken: dict[str, Any]) -> None:
        coding = {"system": PLANTS, "code": "oak", **broken}
        for asked in (
            call(valueSet=plants(), coding=coding),
            call(valueSet=plants(), codeableConcept={"coding": [coding]}),
        ):
            with pytest.raises(BadRequest):
                in_value_set(terminology, asked)

    def test_a_code_that_a_fragment_lacks_is_not_called_wrong(self, terminology: Terminology) -> None:
        with pytest.raises(Unprocessable):
            in_code_system(terminology, call(url="http://test.example/part", code="fir"))

"""$subsumes: how two codes relate."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import BadRequest, Failure, NotFound, Unprocessable
from fhirserver.operations.terminology.subsumes import subsumes
from fhirserver.terminology import Terminology
from tests.unit.operations.terminology.building import PLANTS, ROLES, call, value_of


class TestSubsumes:
    @pytest.mark.parametrize(
        ("a", "b", "outcome"),
        [
            ("FAMMEMB", "MTH", "subsumes"),
            ("MTH", "FAMMEMB", "subsumed-by"),
            ("MTH", "MTH", "equivalent"),
            ("MTH", "FTH", "not-subsumed"),
        ],
    )
    def test_it_tells_how_two_codes_relate(self, terminology: Terminology, a: str, b: str, outcome: str) -> None:
        assert value_of(subsumes(terminology, call(codeA=a, codeB=b, system=ROLES)), "outcome") == outcome

    @pytest.mark.parametrize(
        ("asked", "failure"),
        [
            (call(codeA="oak", codeB="fir", system=PLANTS), NotFound),
            (call(codeA="oak", system=PLANTS), BadRequest),
            (call(codeA="oak", codingA={"system": PLANTS, "code": "elm"}, codeB="elm", system=PLANTS), BadRequest),
            (call(codeA="oak", codeB="elm"), BadRequest),
            (call(codeA="oak", codeB="elm", system="http://nowhere"), NotFound),
            (call(codeA="oak", codeB="elm", system="http://test.example/grouped"), Unprocessable),
            (call(codeA="fr", codeB="en", system="urn:ietf:bcp:47"), Unprocessable),
            (
                call(codingA={"system": PLANTS, "code": "oak"}, codingB={"system": ROLES, "code": "MTH"}),
                Unprocessable,
            ),
        ],
    )
    def test_it_refuses_what_it_cannot_answer(
        self, terminology: Terminology, asked: dict[str, Any], failure: type[Failure]
    ) -> None:
        with pytest.raises(failure):
            subsumes(terminology, asked)

"""Whatever Parameters hold, there is an answer or a failure."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhirserver.errors import BadRequest, NotFound, Unprocessable
from fhirserver.operations.terminology.expand import expand
from fhirserver.operations.terminology.lookup import lookup
from fhirserver.operations.terminology.subsumes import subsumes
from fhirserver.operations.terminology.translate import translate
from fhirserver.operations.terminology.validate_code import in_code_system, in_value_set
from fhirserver.terminology import Terminology
from tests.unit.operations.terminology.building import GENDER, PLANTS, plants

NAMES = ["url", "system", "code", "version", "coding", "codeableConcept", "display", "filter", "count", "offset"]
NAMES += ["valueSet", "codeSystem", "conceptMap", "codeA", "codeB", "codingA", "target", "reverse", "dependency", "x"]
SIMPLE = st.sampled_from([PLANTS, "oak", "fir", "", "true", "3", GENDER, "http://test.example/map", 7, True, None, -1])
CODING = st.fixed_dictionaries({}, optional={"system": SIMPLE, "code": SIMPLE, "display": SIMPLE})
HELD = (
    st.fixed_dictionaries({"valueString": SIMPLE})
    | st.fixed_dictionaries({"valueCoding": CODING | SIMPLE})
    | st.fixed_dictionaries({"valueCodeableConcept": st.fixed_dictionaries({}, optional={"coding": st.lists(CODING)})})
    | st.fixed_dictionaries(
        {"part": st.lists(st.fixed_dictionaries({}, optional={"name": SIMPLE, "valueUri": SIMPLE}))}
    )
    | st.sampled_from([{}, {"resource": plants()}, {"resource": 7}, {"resource": {"resourceType": "ValueSet"}}])
)
PARAMETER = st.tuples(st.sampled_from(NAMES), HELD).map(lambda pair: {"name": pair[0], **pair[1]})


@given(st.lists(PARAMETER | SIMPLE, max_size=4))
def test_any_parameters_get_an_answer_or_a_failure(terminology: Terminology, listed: list[Any]) -> None:
    for operation in (expand, lookup, subsumes, translate, in_code_system, in_value_set):
        try:
            answer = operation(terminology, {"resourceType": "Parameters", "parameter": listed})
        except (BadRequest, NotFound, Unprocessable):
            continue
        assert answer["resourceType"] in ("Parameters", "ValueSet")

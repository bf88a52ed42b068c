"""Plans that are written as source say what the rules say: the same issues, in the same order."""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver import jsontext
from fhirserver.definitions import Definitions, development
from fhirserver.validation import STRUCTURE_ONLY, Options, Validator
from fhirserver.validation.cases import validator_for
from fhirserver.validation.elements.formats import FORMATS
from fhirserver.validation.profiles.objects import ObjectCheck, Shape
from fhirserver.validation.profiles.properties import Bounds, primitive, primitives
from fhirserver.validation.profiles.writing import write
from fhirserver.validation.resources.judging import judge_resource
from fhirserver.validation.run import Run, Scope

from .conftest import ROOT, SHARED
from .test_mutants import official_examples

OPTIONS = (Options(), STRUCTURE_ONLY, Options(terminology=False), Options(invariants=False))
ODD = (
    None, "", " ", "x ", "  a ", "a\u00a0b", "a\u0000b", "\ud7ff", 0, 1, -1, 2**31, 10**20, True, {}, [], [None],
    {"id": "a"}, jsontext.Number("1.50"), "2024-02-30", "http://x", "#x", "urn:uuid:X", "Patient/1", "Patient?x=y",
    "<b>", "x" * 300, {"reference": "#absent"}, {"reference": "Patient/1", "type": "Group"},
    [{"url": "http://x/y", "valueString": "z"}],
    {"system": "http://loinc.org", "code": "absent"}, {"extension": [{"url": "http://x/y", "valueBoolean": True}]},
)  # fmt: skip


def pair(definitions: Definitions) -> tuple[Validator, Validator]:
    """Return a validator that writes every plan at its first use, and one that never does."""
    eager, never = validator_for(definitions), validator_for(definitions)
    eager.kit.patience, eager.kit.writes, never.kit.patience = 1, 1000, 0
    return eager, never


@pytest.fixture(scope="module")
def own() -> tuple[Validator, Validator]:
    return pair(development(ROOT / "profiles"))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every holder of a value, with the value's key or index."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def changed(rng: random.Random, resource: dict[str, Any]) -> dict[str, Any]:
    """Return the resource with one to three changes, of any kind, anywhere."""
    made = copy.deepcopy(resource)
    for _ in range(rng.choice((1, 1, 2, 3))):
        holder, key = rng.choice(list(places(made)))
        held = holder[key]
        kind = rng.randrange(9)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = [held]
        elif kind == 2:
            other, name = rng.choice(list(places(made)))
            holder[key] = copy.deepcopy(other[name])
        elif kind == 3 and isinstance(holder, list):
            holder.append(copy.deepcopy(held))
        elif kind == 4 and isinstance(held, dict):
            names = list(held)
            rng.shuffle(names)
            holder[key] = {name: held[name] for name in names}
        elif kind == 5 and isinstance(holder, dict):
            holder[rng.choice(("id", "extension", f"_{key}", "inconnu", "valueString", "system"))] = rng.choice(ODD)
        elif kind == 6 and isinstance(holder, dict):
            holder[f"_{key}"] = {"extension": [{"url": "http://x.example/y", "valueCode": "z"}]}
            del holder[key]
        elif kind == 7 and isinstance(held, str):
            holder[key] = rng.choice((held + " ", held.swapcase(), held[1:], f"{held}\n"))
        else:
            holder[key] = rng.choice(ODD)
    return made


def differences(validators: tuple[Validator, Validator], resource: dict[str, Any], seed: str, rounds: int) -> list[str]:
    """Return the changes of a resource on which the validators do not agree, as JSON."""
    eager, never = validators
    for options in OPTIONS:
        for _ in range(3):  # from the second time on, plans are there, then those that hold them
            eager.validate(resource, options=options)
    rng = random.Random(seed)
    found: list[str] = []
    for _ in range(rounds):
        mutant = changed(rng, resource)
        options = rng.choice(OPTIONS)
        if eager.validate(mutant, options=options) != never.validate(mutant, options=options):
            found.append(json.dumps(mutant, default=str))
    return found


CASES = json.loads((ROOT / "tests" / "unit" / "validation" / "valid_examples.json").read_text())
SPEED = json.loads((ROOT / "tests" / "unit" / "validation" / "speed_examples.json").read_text())


@pytest.mark.parametrize("number", range(len(CASES) + len(SPEED)))
def test_written_plans_and_rules_agree_on_changes_of_our_own_examples(
    own: tuple[Validator, Validator], number: int
) -> None:
    resource = [*(case["resource"] for case in CASES), *SPEED][number]
    value = jsontext.read(json.dumps(resource).encode())
    assert differences(own, value, f"own {number}", 300) == []
    assert own[0].kit.written > 10
    assert own[1].kit.written == 0


def test_written_plans_and_rules_agree_on_changes_of_the_official_examples() -> None:
    listed = SHARED / "oracle" / "packages.txt"
    if not listed.is_file():
        pytest.skip("the official packages are not beside the project")
    validators = pair(development(*(SHARED / "packages" / name for name in listed.read_text().split())))
    count = 0
    for name, resource in official_examples():
        if resource["resourceType"] not in ("StructureDefinition", "ImplementationGuide"):
            assert differences(validators, resource, name, 10) == [], name
            count += 1
    assert count >= 50
    assert validators[0].kit.written > 200


def test_a_system_beside_codings_that_is_no_text_is_told_by_both(own: tuple[Validator, Validator]) -> None:
    coding = [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "absent"}]
    category = [{"coding": coding, "system": ["http://x"]}]
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "category": category}
    found = [[validator.validate(resource) for _ in range(4)] for validator in own]
    assert found[0] == found[1]
    assert "unknown-element" in {one.rule for one in found[0][0]}


def one_value(shape: Shape, value: Any, *, written: bool, terminology: bool, validator: Validator) -> list[Any]:
    """Return what is found of an object with one property `x`, by a written plan or by rules."""
    check = ObjectCheck(shape, lambda _check, _names: None, 0)
    held = {"x": value}
    if written:
        write(validator.kit, check, ("x",))
    run = Run(
        validator.kit, Options(terminology=terminology), Scope(held, (None, "T", -1), "root", None), judge_resource
    )
    if written and check.silent is not None and check.silent(held, run):
        return []
    check(held, (None, "T", -1), run)
    return list(run.issues)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False).filter(lambda one: abs(one) < Decimal("1e300"))
VALUES = st.one_of(
    st.text(), st.text("abcABC019-:./T+Z \n\u00a0#|"), st.integers(), st.booleans(), st.none(), st.sampled_from(ODD),
    NUMBERS.map(lambda one: jsontext.Number(str(one))), st.dates().map(str),
    st.datetimes().map(lambda one: f"{one.isoformat()}Z"), st.uuids().map(lambda one: f"urn:uuid:{one}"),
)  # fmt: skip


@pytest.mark.parametrize("type_name", [name for name in FORMATS if name != "xhtml"])
@settings(max_examples=150, deadline=None)
@given(values=st.lists(VALUES, min_size=1, max_size=3), terminology=st.booleans())
def test_what_a_plan_looks_at_agrees_with_the_rule_of_each_primitive_type(
    plain: Validator, type_name: str, *, values: list[Any], terminology: bool
) -> None:
    bounds = Bounds("x", 0, 2, "")
    for found, tried in (
        (primitive("x", type_name, (), pure=True), values),
        (primitives("x", "x", type_name, (), bounds, pure=True), [values, [*values, *values, *values], []]),
    ):
        shape = Shape("T", lambda _key, _path, _run: None, {"x": found}, is_resource=True)
        for value in tried:
            by_rules = one_value(shape, value, written=False, terminology=terminology, validator=plain)
            again = one_value(shape, value, written=True, terminology=terminology, validator=plain)
            assert again == by_rules


def test_a_plan_is_written_when_it_has_been_used_often(own: tuple[Validator, Validator]) -> None:
    patient = validator_for(development(ROOT / "profiles"))
    resource = {"resourceType": "Basic", "code": {"text": "x"}}
    for _ in range(patient.kit.patience):
        patient.validate(resource)
    assert patient.kit.written == 0
    patient.validate(resource)
    assert patient.kit.written == 2


def test_few_plans_are_written_for_one_resource() -> None:
    validator = validator_for(development(ROOT / "profiles"))
    validator.kit.patience = 1
    resource = jsontext.read(json.dumps(SPEED[0]).encode())
    counts = []
    for _ in range(20):
        validator.validate(resource)
        counts.append(validator.kit.written)
    assert all(after - before <= validator.kit.writes for before, after in itertools.pairwise(counts))
    assert counts[-1] == counts[-2] > 15


def test_names_that_vary_without_end_are_not_written_without_end() -> None:
    validator = validator_for(development(ROOT / "profiles"))
    validator.kit.patience = 1
    validator.kit.written = 3_999
    for _ in range(4):
        assert not any(one.refuses for one in validator.validate({"resourceType": "Basic", "code": {"text": "x"}}))
    assert validator.kit.written == 4_000

"""The generator of realistic resources: seeded, in order, skewed, valid."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import islice
from pathlib import Path

from fhirserver import jsontext
from fhirserver.definitions import Definitions
from fhirserver.fhirpath import Engine
from fhirserver.search.types.reference import everywhere
from fhirserver.search.types.values import Setting
from fhirserver.terminology import Terminology
from fhirserver.validation import Validator

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))

from generate_resources import PDSM, Generator  # isort: skip - a script, found by the line above


def test_a_seed_gives_the_same_resources_each_time_and_another_seed_others() -> None:
    assert list(Generator(300, 1).resources()) == list(Generator(300, 1).resources())
    assert list(Generator(300, 1).resources()) != list(Generator(300, 2).resources())


def test_each_resource_comes_after_what_it_refers_to() -> None:
    seen: set[str] = set()
    for resource in Generator(1_000).resources():
        assert everywhere(resource, Setting()) <= seen
        seen.add(f"{resource['resourceType']}/{resource['id']}")
    assert len(seen) >= 1_000


def test_every_ins_has_its_key_and_no_two_patients_share_one() -> None:
    generator = Generator(50_000)
    numbers = [generator.ins(number) for number in range(generator.patients)]
    assert all(len(ins) == 15 and 97 - int(ins[:13]) % 97 == int(ins[13:]) for ins in numbers)
    assert len(set(numbers)) == len(numbers)


def test_few_patients_have_most_of_the_prescriptions() -> None:
    lines = Counter(
        resource["subject"]["reference"]
        for resource in Generator(5_000).resources()
        if resource["resourceType"] == "MedicationRequest"
    )
    most = sum(count for _, count in lines.most_common(len(lines) // 5))
    assert most > sum(lines.values()) / 2


def test_what_is_generated_is_valid(definitions: Definitions) -> None:
    validator = Validator(definitions, Terminology(definitions), Engine(definitions))
    comprehensive = {"DocumentReference": [f"{PDSM}/pdsm-comprehensive-document-reference"]}
    for resource in islice(Generator(400).resources(), 0, None, 3):
        read = jsontext.read(jsontext.write(resource))
        profiles = [*read.get("meta", {}).get("profile", ()), *comprehensive.get(read["resourceType"], ())]
        refusing = [issue for issue in validator.validate(read, profiles) if issue.refuses]
        assert not refusing, (read["id"], refusing[0])

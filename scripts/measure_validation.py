#!/usr/bin/env python3
"""Measure the validator: microseconds for a prescription and an ITI-65 Bundle, and memory.

usage: scripts/measure_validation.py [--copies N | --compare N] [PACKAGE.tgz ...]

PACKAGES are loaded beside R4 core; without any, the project's own profiles. --copies adds each package's definitions
N times more under other canonical urls. Times are minima of many rounds. --compare shows what more packages cost: with
and without N copies, in turns in one process, as the median ratio of the pairs.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from fhirserver import jsontext
from fhirserver.definitions import development
from fhirserver.validation import STRUCTURE_ONLY, Options, Validator
from fhirserver.validation.cases import validator_for

ROOT = Path(__file__).parents[1]
PROFILE = "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/fr-inpatient-medicationrequest"
ROUNDS, CALLS = 400, 10


def microseconds(call: Callable[[], object]) -> float:
    """Return the least time of one call."""
    call()
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, time.perf_counter() - start)
    return best / CALLS * 1e6


def copied(package: Path, folder: Path, number: int) -> Path:
    """Return a copy of a package whose definitions have other urls."""
    target = folder / f"{package.stem}-{number}.tgz"
    with tarfile.open(package) as source, tarfile.open(target, "w:gz") as made:
        for member in source:
            held = source.extractfile(member)
            if held is None or "/example" in member.name:
                continue
            text = held.read().replace(b"https://", f"https://copy{number}.".encode())
            member.size = len(text)
            made.addfile(member, BytesIO(text))
    return target


def examples() -> tuple[dict[str, object], dict[str, object]]:
    """Return a prescription of 3.5 kB and an ITI-65 Bundle."""
    texts = json.loads((ROOT / "tests" / "unit" / "validation" / "speed_examples.json").read_text())
    prescription, bundle = (jsontext.read(json.dumps(one).encode()) for one in texts)
    return prescription, bundle


def calls(validator: Validator) -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    prescription, bundle = examples()
    return {
        "prescription, structure only": lambda: validator.validate(prescription, [PROFILE], options=STRUCTURE_ONLY),
        "prescription, with everything": lambda: validator.validate(prescription, [PROFILE]),
        "ITI-65 Bundle, without hash": lambda: validator.validate(bundle, options=Options(content=False)),
    }


def compare(few: Validator, many: Validator) -> None:
    """Print how much longer each call takes with many packages than with few."""
    with_few, with_many = calls(few), calls(many)
    for name, call in with_few.items():
        pairs: list[float] = []
        for turn in range(ROUNDS + 20):
            taken: dict[bool, float] = {}
            for more in (True, False) if turn % 2 else (False, True):
                measured = with_many[name] if more else call
                start = time.perf_counter()
                for _ in range(CALLS // 2):
                    measured()
                taken[more] = time.perf_counter() - start
            if turn >= 20:  # noqa: PLR2004 - the first ones compile and remember
                pairs.append(taken[True] / taken[False])
        print(f"{name:32s} {statistics.median(pairs):6.3f}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", type=Path)
    parser.add_argument("--copies", type=int, default=0)
    parser.add_argument("--compare", type=int, default=0)
    options = parser.parse_args()
    packages = list(options.packages) or [ROOT / "profiles"]
    with tempfile.TemporaryDirectory() as folder:
        number = options.copies or options.compare
        copies = [copied(one, Path(folder), n) for n in range(number) for one in packages if one.is_file()]
        validator = validator_for(development(*packages, *copies))
    if options.compare:
        print(f"packages {len(packages) + len(copies)} to {len(packages)}, median ratio of the pairs")
        compare(validator_for(development(*packages)), validator)
        return
    data = jsontext.write(examples()[0])
    print(f"packages {len(packages) + len(copies)}, prescription of {len(data)} bytes")
    print(f"reading the prescription's JSON  {microseconds(lambda: jsontext.read(data)):8.1f} µs")
    for name, call in calls(validator).items():
        print(f"{name:32s} {microseconds(call):8.1f} µs")
    print(f"resident at most                 {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.1f} MB")


if __name__ == "__main__":
    main()

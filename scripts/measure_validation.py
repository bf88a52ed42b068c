#!/usr/bin/env python3
"""Measure the validator: microseconds for a prescription and an ITI-65 Bundle, and memory.

usage: scripts/measure_validation.py [--copies N] [PACKAGE.tgz ...]

PACKAGES are loaded beside R4 core; without any, the project's own profiles. --copies adds each package's definitions
N times more under other canonical urls, to show what more packages cost. Times are minima of many rounds.
"""

from __future__ import annotations

import argparse
import json
import resource
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from fhirserver import jsontext
from fhirserver.definitions import development
from fhirserver.validation import STRUCTURE_ONLY, Options
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


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", type=Path)
    parser.add_argument("--copies", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        packages = list(options.packages) or [ROOT / "profiles"]
        copies = [copied(one, Path(folder), n) for n in range(options.copies) for one in packages if one.is_file()]
        validator = validator_for(development(*packages, *copies))
    examples = json.loads((ROOT / "tests" / "unit" / "validation" / "speed_examples.json").read_text())
    prescription, bundle = (jsontext.read(json.dumps(one).encode()) for one in examples)
    data = jsontext.write(prescription)
    loaded = len(packages) + len(copies)
    print(f"packages {loaded}, prescription {len(data)} bytes, Bundle of {len(bundle['entry'])} entries")
    print(f"reading the prescription's JSON      {microseconds(lambda: jsontext.read(data)):8.1f} µs")
    for name, chosen in (("structure only", STRUCTURE_ONLY), ("with everything", Options())):
        taken = microseconds(lambda chosen=chosen: validator.validate(prescription, [PROFILE], options=chosen))
        print(f"prescription, {name:22s} {taken:8.1f} µs")
    taken = microseconds(lambda: validator.validate(bundle, options=Options(content=False)))
    print(f"ITI-65 Bundle, without content hash  {taken:8.1f} µs")
    print(f"resident at most                     {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.1f} MB")


if __name__ == "__main__":
    main()

"""What senders get wrong in the official examples: each fault is told in a way that says how to mend it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest

from fhirserver import jsontext
from fhirserver.issues import Issue
from fhirserver.validation import Validator

from .conftest import SHARED

EPRESCRIPTION = "ans.fhir.fr.eprescription-1.1.0-ballot.tgz"
PDSM = "ans.fhir.fr.pdsm-3.1.1.tgz"
PDSM4DMP = "ans.fhir.fr.pdsm4dmp-0.1.0.tgz"


@cache
def examples(package: str) -> dict[str, dict[str, Any]]:
    found = {}
    with tarfile.open(SHARED / "packages" / package) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if "/example" in member.name and name.endswith(".json") and not name.startswith("."):
                found[name] = jsontext.read(archive.extractfile(member).read())  # type: ignore[union-attr]
    return found


def issues(official: Any, package: str, name: str) -> list[Issue]:
    return official.validate(examples(package)[name])


def about(found: list[Issue], rule: str) -> Iterator[Issue]:
    return (one for one in found if str(one.rule).rpartition("#")[2] == rule)


PRESCRIPTION = "Bundle-HAS-01-Presc-Pantoprazole-DC.json"


class Fault(NamedTuple):
    """A fault of an official example, and words that must stand in the message."""

    package: str
    name: str
    rule: str
    where: str
    french: str
    english: str


ERRORS = [
    Fault(EPRESCRIPTION, PRESCRIPTION, "bundle-full-url", "Bundle.entry[0]", "ajoutez-le", "add it"),
    Fault(
        EPRESCRIPTION,
        PRESCRIPTION,
        "bundle-full-url",
        "Bundle.entry[1].resource.subject",
        "donnez un fullUrl",
        "give the entry its fullUrl",
    ),
    Fault(
        EPRESCRIPTION,
        PRESCRIPTION,
        "ref-1",
        "Bundle.entry[1].resource.medication.ofType(Reference)",
        "par son fullUrl",
        "its fullUrl",
    ),
    Fault(
        EPRESCRIPTION,
        "Bundle-MultiLine-Presc-METFORMINE-GLICLAZIDE.json",
        "slice-closed",
        "Bundle.entry[0].resource.medication.ofType(CodeableConcept)",
        "medicationReference",
        "medicationReference",
    ),
    Fault(
        EPRESCRIPTION,
        "Bundle-HAS-15-Presc-Morphine.json",
        "tim-10",
        "Bundle.entry[0].resource.dosageInstruction[0].timing.repeat",
        "timeOfDay",
        "timeOfDay",
    ),
    Fault(
        EPRESCRIPTION,
        "Bundle-HAS-16-Presc-Racecadotril.json",
        "tim-8",
        "Bundle.entry[0].resource.dosageInstruction[0].timing.repeat",
        "countMax",
        "countMax",
    ),
    Fault(
        EPRESCRIPTION,
        "Bundle-Presc-DOLIPRANE-20DoseParKG.json",
        "rat-1",
        "Bundle.entry[0].resource.ingredient[0].strength",
        "denominator",
        "denominator",
    ),
    Fault(
        EPRESCRIPTION,
        "Bundle-TradPN13FHIR-Presc-Paracetamol.json",
        "profile",
        "Bundle.entry[2].resource.meta.profile[1]",
        "s'appelle aujourd'hui https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/fr-medication-noncompound",
        "is now called",
    ),
    Fault(
        PDSM,
        "DocumentReference-PDSmSimplifiedExample.json",
        "attachment-size",
        "DocumentReference.content[0].attachment.size",
        "corrigez size",
        "mend size",
    ),
    Fault(
        PDSM,
        "DocumentReference-PDSmSimplifiedExample.json",
        "attachment-hash",
        "DocumentReference.content[0].attachment.hash",
        "corrigez hash",
        "mend hash",
    ),
    Fault(
        PDSM,
        "DocumentReference-exemple-pdsm-documentreference.json",
        "dom-3",
        "DocumentReference.contained[0]",
        "référencez-la",
        "refer to it",
    ),
    Fault(
        PDSM,
        "DocumentReference-exemple-pdsm-documentreference.json",
        "dom-4",
        "DocumentReference.contained[0].meta",
        "retirez-le",
        "leave it out",
    ),
    Fault(
        PDSM4DMP,
        "DocumentReference-example-annexe-docref-cda.json",
        "cardinality-min",
        "DocumentReference",
        "custodian",
        "custodian",
    ),
    Fault(
        PDSM4DMP,
        "DocumentReference-example-annexe-docref-cda.json",
        "cardinality-min",
        "DocumentReference.masterIdentifier",
        "« use »",
        '"use"',
    ),
    Fault(
        PDSM4DMP,
        "Bundle-example-td2-iti65-lot-soumission.json",
        "reference-target",
        "Bundle.entry[0].resource.source",
        "PractitionerRole",
        "PractitionerRole",
    ),
]


@pytest.mark.parametrize("fault", ERRORS, ids=lambda fault: f"{fault.rule} {fault.where}")
def test_a_senders_fault_is_an_error_that_says_how_to_mend_it(official: Validator, fault: Fault) -> None:
    found = [
        one for one in about(issues(official, fault.package, fault.name), fault.rule) if one.expression == fault.where
    ]
    assert found
    assert {one.severity for one in found} == {"error"}
    assert any(fault.french in one.text.fr and fault.english in one.text.en for one in found)


def test_a_code_system_that_is_not_loaded_is_a_warning(official: Validator) -> None:
    for package in (EPRESCRIPTION, PDSM):
        for resource in examples(package).values():
            for one in about(official.validate(resource), "binding-unverified"):
                assert one.severity == "warning"


def test_a_cross_version_extension_is_a_warning(official: Validator) -> None:
    seen = 0
    for resource in examples(EPRESCRIPTION).values():
        if "http://hl7.org/fhir/5.0/" in json.dumps(resource, default=str):
            found = list(about(official.validate(resource), "extension-unknown"))
            assert found
            assert {one.severity for one in found} == {"warning"}
            seen += 1
    assert seen > 20


def test_a_fault_of_the_guide_is_a_warning_that_names_it(official: Validator) -> None:
    found = [
        one
        for resource in examples(EPRESCRIPTION).values()
        for one in about(official.validate(resource), "slice-undecidable")
    ]
    assert found
    assert {one.severity for one in found} == {"warning"}
    assert any("fr-medication-noncompound" in one.text.fr and "défaut du guide" in one.text.fr for one in found)

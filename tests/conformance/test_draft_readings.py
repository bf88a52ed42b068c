"""What the project's readings of the French drafts, and its DMP extensions, accept and refuse."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import development
from fhirserver.fhirpath import Engine
from fhirserver.terminology import Terminology
from fhirserver.validation import Validator

PROFILES = Path(__file__).parents[2] / "profiles"
CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
DMP = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/"
NOTE_ROLE = "urn:fhirserver:StructureDefinition:note-role"
SUBSTITUTION = "http://terminology.hl7.org/CodeSystem/v3-substanceAdminSubstitution"
Json = dict[str, Any]


@functools.cache
def validator() -> Validator:
    definitions = development(PROFILES)
    return Validator(definitions, Terminology(definitions), Engine(definitions))


def judged(resource: Json, *profiles: str) -> set[tuple[str, str, str | None]]:
    return {
        (issue.severity, issue.code, issue.expression)
        for issue in validator().validate(resource, [CORE + name for name in profiles])
    }


def refused(resource: Json, *profiles: str) -> set[str | None]:
    return {expression for severity, _, expression in judged(resource, *profiles) if severity == "error"}


def note(role: str | None) -> Json:
    extension = {"extension": [{"url": NOTE_ROLE, "valueCode": role}]} if role else {}
    return {**extension, "text": "Recherche d'une anémie"}


def demand(*roles: str | None, **more: Any) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"text": "Numération formule sanguine"},
        "subject": {"reference": "Patient/p1"},
        "occurrenceDateTime": "2026-03-02",
        "note": [note(role) for role in roles],
        **more,
    }


def dispensing(**more: Any) -> Json:
    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "medicationCodeableConcept": {"text": "Amoxicilline 1 g"},
        "type": {"coding": [{"system": act, "code": "FFC"}]},
        "quantity": {"value": 1, "unit": "boîte"},
        **more,
    }


def line(**more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Lévothyroxine 75 µg"},
        "subject": {"reference": "Patient/p1"},
        "requester": {"reference": "PractitionerRole/r1"},
        "dosageInstruction": [{"text": "1 comprimé le matin"}],
        **more,
    }


def test_a_demand_with_its_purpose_and_its_justification_is_accepted() -> None:
    assert refused(demand("finalite", "justification"), "fr-core-service-request") == set()


def test_further_notes_are_free() -> None:
    assert refused(demand("finalite", "justification", None), "fr-core-service-request") == set()


@pytest.mark.parametrize("roles", [("finalite",), ("finalite", "finalite"), (None, None), ("justification", None)])
def test_a_demand_without_one_of_each_note_is_refused(roles: tuple[str | None, ...]) -> None:
    assert "ServiceRequest.note" in refused(demand(*roles), "fr-core-service-request")


def test_a_note_cannot_have_another_role() -> None:
    expression = "ServiceRequest.note[2].extension[0].value.ofType(code)"
    assert refused(demand("finalite", "justification", "autre"), "fr-core-service-request") == {expression}


def test_an_accession_number_is_known_by_its_type_and_has_a_value() -> None:
    accession = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
    empty = demand("finalite", "justification", identifier=[{"type": accession}])
    assert refused(empty, "fr-core-service-request") == {"ServiceRequest.identifier[0]"}


def test_a_draft_that_nobody_claims_refuses_nothing() -> None:
    assert refused(demand(None)) == set()


def test_a_dispensing_tells_its_completeness_and_quantity() -> None:
    assert refused(dispensing(), "fr-core-medication-dispense") == set()
    bare = {key: value for key, value in dispensing().items() if key not in ("type", "quantity")}
    assert refused(bare, "fr-core-medication-dispense") == {"MedicationDispense"}


def test_a_substitution_is_by_a_generic() -> None:
    def by(code: str) -> Json:
        return {"wasSubstituted": True, "type": {"coding": [{"system": SUBSTITUTION, "code": code}]}}

    assert refused(dispensing(substitution=by("G")), "fr-core-medication-dispense") == set()
    assert refused(dispensing(substitution=by("N")), "fr-core-medication-dispense") == {
        "MedicationDispense.substitution.type"
    }


@pytest.mark.parametrize(
    "refusal",
    [{"allowedBoolean": False}, {"allowedCodeableConcept": {"coding": [{"system": SUBSTITUTION, "code": "N"}]}}],
)
def test_a_refusal_to_substitute_without_its_legal_reason_is_a_warning(refusal: Json) -> None:
    warning = ("warning", "invariant", "MedicationRequest.substitution")
    assert warning in judged(line(substitution=refusal), "fr-core-medication-request")
    reasoned = {**refusal, "reason": {"text": "MTE : marge thérapeutique étroite"}}
    assert warning not in judged(line(substitution=reasoned), "fr-core-medication-request")
    assert warning not in judged(line(substitution={"allowedBoolean": True}), "fr-core-medication-request")


def test_a_live_order_keeps_its_own_status() -> None:
    assert refused(line(status="on-hold"), "fr-core-medication-request") == set()


def test_a_closed_record_says_when_and_why() -> None:
    system = "https://interop.esante.gouv.fr/ig/fhir/dmp/CodeSystem/dmp-motif-fermeture"
    closing = [
        {"url": "dateFermeture", "valueDate": "2024-03-20"},
        {"url": "motifFermeture", "valueCodeableConcept": {"coding": [{"system": system, "code": "patient-demande"}]}},
        {"url": "raisonFermeture", "valueString": "Demande du patient"},
    ]
    patient = {
        "resourceType": "Patient",
        "active": False,
        "extension": [
            {"url": DMP + "dmp-fermeture", "extension": closing},
            {"url": DMP + "dmp-rattachement-mes", "valueBoolean": True},
            {"url": DMP + "dmp-medecin-traitant", "valueReference": {"reference": "Practitioner/d1"}},
        ],
    }
    assert refused(patient) == set()
    patient["extension"][1] = {"url": DMP + "dmp-rattachement-mes", "valueString": "oui"}
    assert refused(patient) != set()

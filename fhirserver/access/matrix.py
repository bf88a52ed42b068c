"""Which roles may do what on which types, as data; what is not listed is not allowed.

Letters are those of SMART scopes: c create, r read, u update and patch, d delete, s search.
Sources: prescribers and executors, Code de la santé publique R5132-6 and the professions' own lists; everything that
a role needs to read in order to act safely is granted to it. Finer rules (a prescription found by its number, a
document's labels) belong to `prescription/` and `dmp/` and only ever narrow what stands here.
"""

from __future__ import annotations

from typing import Final

from fhirserver.access.caller import Role


def _types(names: str) -> frozenset[str]:
    return frozenset(names.split())


DEFINITIONS: Final = _types(
    """
    ActivityDefinition CapabilityStatement ChargeItemDefinition CodeSystem CompartmentDefinition ConceptMap
    EventDefinition ExampleScenario GraphDefinition ImplementationGuide Library Measure MessageDefinition
    NamingSystem ObservationDefinition OperationDefinition PlanDefinition Questionnaire SearchParameter
    SpecimenDefinition StructureDefinition StructureMap TerminologyCapabilities ValueSet
    """
)
"""Types that describe and concern nobody: every role may read them."""

DIRECTORY: Final = _types(
    """
    Practitioner PractitionerRole Organization OrganizationAffiliation Location HealthcareService Endpoint
    Medication MedicationKnowledge Substance Device DeviceDefinition Schedule Slot
    """
)
"""Who and what care is given with: every professional may read them."""

RECORD: Final = _types(
    """
    Patient RelatedPerson Person Encounter EpisodeOfCare CareTeam CarePlan Goal Condition AllergyIntolerance
    AdverseEvent DetectedIssue ClinicalImpression FamilyMemberHistory Flag RiskAssessment Observation
    DiagnosticReport Specimen BodyStructure ImagingStudy Media MolecularSequence Procedure Immunization
    ImmunizationRecommendation ImmunizationEvaluation MedicationRequest MedicationDispense
    MedicationAdministration MedicationStatement ServiceRequest DeviceRequest DeviceUseStatement SupplyRequest
    SupplyDelivery NutritionOrder VisionPrescription RequestGroup Task Communication CommunicationRequest
    Appointment AppointmentResponse QuestionnaireResponse Questionnaire Composition DocumentReference
    DocumentManifest Binary List Bundle Provenance Consent Coverage Group Basic
    """
)
"""What care is made of: the types that professionals read."""

DOCUMENTS: Final = _types("DocumentReference DocumentManifest Binary List Bundle Composition")
PEOPLE: Final = _types("Patient RelatedPerson Practitioner PractitionerRole Organization Location")
ORDERS: Final = _types(
    """
    MedicationRequest ServiceRequest DeviceRequest SupplyRequest NutritionOrder VisionPrescription RequestGroup
    CarePlan Goal Task CommunicationRequest
    """
)
FINDINGS: Final = _types(
    """
    Observation DiagnosticReport Specimen BodyStructure ImagingStudy Media Condition AllergyIntolerance
    AdverseEvent DetectedIssue ClinicalImpression FamilyMemberHistory Flag RiskAssessment Procedure Immunization
    QuestionnaireResponse Encounter EpisodeOfCare CareTeam Medication MedicationStatement
    MedicationAdministration Appointment AppointmentResponse Communication Provenance Device DeviceUseStatement
    """
)
DISPENSES: Final = _types("MedicationDispense SupplyDelivery")

_PATIENTS_OWN: Final = RECORD - {"Group", "Basic", "Bundle"}


def _grants(*rows: tuple[frozenset[str], str]) -> dict[str, str]:
    letters: dict[str, set[str]] = {}
    for types, granted in rows:
        for name in types:
            letters.setdefault(name, set()).update(granted)
    return {name: "".join(sorted(granted)) for name, granted in letters.items()}


_EVERY_PROFESSIONAL: Final = ((DEFINITIONS, "rs"), (DIRECTORY, "rs"), (RECORD, "rs"))

GRANTS: Final[dict[Role, dict[str, str]]] = {
    Role.PRESCRIBER: _grants(
        *_EVERY_PROFESSIONAL, (PEOPLE, "cu"), (ORDERS, "cud"), (FINDINGS, "cud"), (DOCUMENTS, "cud")
    ),
    Role.HOSPITAL: _grants(
        *_EVERY_PROFESSIONAL, (PEOPLE, "cu"), (ORDERS, "cud"), (FINDINGS, "cud"), (DOCUMENTS, "cud"), (DISPENSES, "cud")
    ),
    Role.PHARMACIST: _grants(
        *_EVERY_PROFESSIONAL,
        (DISPENSES, "cud"),
        (DOCUMENTS, "cud"),
        (PEOPLE, "cu"),
        (frozenset({"Immunization", "Observation", "DetectedIssue", "MedicationStatement", "Medication"}), "cu"),
    ),
    Role.CAREGIVER: _grants(
        *_EVERY_PROFESSIONAL,
        (PEOPLE, "cu"),
        (FINDINGS, "cu"),
        (DOCUMENTS, "cud"),
        (frozenset({"Task"}), "u"),
        (_types("MedicationRequest ServiceRequest DeviceRequest SupplyDelivery"), "c"),
    ),
    Role.LABORATORY: _grants(
        *_EVERY_PROFESSIONAL,
        (PEOPLE, "cu"),
        (DOCUMENTS, "cud"),
        (frozenset({"Observation", "DiagnosticReport", "Specimen", "Procedure", "Media"}), "cud"),
    ),
    Role.PATIENT: _grants(
        (DEFINITIONS, "rs"),
        (DIRECTORY, "r"),
        (_PATIENTS_OWN, "rs"),
        (_types("AuditEvent"), "s"),
        (_types("DocumentReference Observation"), "cu"),
        (_types("Binary List"), "c"),
    ),
}
"""Role → type → letters. The operator is not listed: everything is allowed to it."""

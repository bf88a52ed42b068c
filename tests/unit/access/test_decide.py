"""May this caller do that."""

import pytest

from fhirserver.access import scopes
from fhirserver.access.caller import Caller, Ins, Role
from fhirserver.access.compartment import concerns
from fhirserver.access.decide import decide
from fhirserver.access.matrix import GRANTS
from fhirserver.errors import Forbidden

INS = Ins("urn:oid:1.2.250.1.213.1.4.11", "284058832102532")


def caller(role: Role, scope: str = "system/*.cruds") -> Caller:
    return Caller("s", "c", "i", role, scopes.read(scope), ins=INS if role is Role.PATIENT else None)


@pytest.mark.parametrize(
    ("role", "letter", "kind"),
    [
        (Role.OPERATOR, "d", "StructureDefinition"),
        (Role.OPERATOR, "s", None),
        (Role.PRESCRIBER, "c", "MedicationRequest"),
        (Role.PHARMACIST, "r", "MedicationRequest"),
        (Role.PHARMACIST, "c", "MedicationDispense"),
        (Role.LABORATORY, "c", "DiagnosticReport"),
        (Role.HOSPITAL, "c", "DocumentReference"),
        (Role.CAREGIVER, "u", "Task"),
        (Role.PATIENT, "r", "Observation"),
        (Role.PATIENT, "r", "ValueSet"),
    ],
)
def test_what_the_matrix_grants_is_allowed(role: Role, letter: str, kind: str | None) -> None:
    decide(caller(role), letter, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "letter", "kind"),
    [
        (Role.PHARMACIST, "c", "MedicationRequest"),
        (Role.LABORATORY, "c", "MedicationRequest"),
        (Role.PRESCRIBER, "c", "MedicationDispense"),
        (Role.PRESCRIBER, "c", "StructureDefinition"),
        (Role.PRESCRIBER, "r", "AuditEvent"),
        (Role.PRESCRIBER, "s", None),
        (Role.PATIENT, "c", "Condition"),
        (Role.PATIENT, "u", "Patient"),
        (Role.PATIENT, "s", "Practitioner"),
    ],
)
def test_what_the_matrix_does_not_list_is_refused(role: Role, letter: str, kind: str | None) -> None:
    with pytest.raises(Forbidden):
        decide(caller(role), letter, kind)  # type: ignore[arg-type]


def test_only_the_operator_deletes_a_patient() -> None:
    assert [role for role, grants in GRANTS.items() if "d" in grants.get("Patient", "")] == []


def test_a_patients_grant_names_him() -> None:
    assert decide(caller(Role.PATIENT), "r", "Observation").patient == INS
    assert decide(caller(Role.PRESCRIBER), "r", "Observation").whole


@pytest.mark.parametrize(
    ("scope", "letter", "kind", "granted"),
    [
        ("system/*.cruds", "c", "Patient", True),
        ("user/Patient.rs", "s", "Patient", True),
        ("user/Patient.rs", "u", "Patient", False),
        ("user/Patient.rs", "r", "Observation", False),
        ("patient/*.read", "r", "Patient", True),
        ("patient/*.write", "u", "Patient", True),
        ("patient/*.write", "r", "Patient", False),
        ("user/*.*", "d", "Patient", True),
        ("openid launch fhirUser", "r", "Patient", False),
        ("patient/Observation.rs?category=x", "r", "Observation", False),
        ("system/*.", "r", "Patient", False),
        ("", "r", "Patient", False),
    ],
)
def test_scopes_grant_what_they_say_and_nothing_else(scope: str, letter: str, kind: str, granted: bool) -> None:  # noqa: FBT001 - a table
    assert scopes.granted(scopes.read(scope), letter, kind) is granted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("resource", "his"),
    [
        ({"resourceType": "Observation", "subject": {"reference": "Patient/p"}}, True),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/p/_history/1"}}, True),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/q"}}, False),
        ({"resourceType": "Observation", "subject": {"reference": "Group/p"}}, False),
        ({"resourceType": "Observation"}, False),
        ({"resourceType": "Task", "for": {"reference": "Patient/p"}}, True),
        ({"resourceType": "Patient", "id": "p"}, True),
        ({"resourceType": "Patient", "id": "q"}, False),
        ({"resourceType": "Patient", "identifier": [{"system": INS.system, "value": INS.value}]}, True),
        ({"resourceType": "Observation", "subject": {"identifier": {"system": INS.system, "value": INS.value}}}, True),
        (
            {
                "resourceType": "DocumentReference",
                "subject": {"reference": "#c"},
                "contained": [{"resourceType": "Patient", "id": "c", "identifier": [INS._asdict()]}],
            },
            True,
        ),
        ({"resourceType": "ValueSet"}, True),
    ],
)
def test_a_resource_is_a_patients_when_it_is_about_him(resource: dict[str, object], his: bool) -> None:  # noqa: FBT001 - a table
    assert concerns(resource, INS, ["p"]) is his

"""Whom a push is about, and who prescribes: references followed through the push and the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access import ins
from fhirserver.access.caller import Caller, Role
from fhirserver.errors import Forbidden, Unprocessable
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.writes.references import local
from fhirserver.issues import Text
from fhirserver.prescription.alerts import Alert, Level
from fhirserver.prescription.executor import PROFESSIONAL_SYSTEM
from fhirserver.prescription.facts import Facts, patient_facts, prescriber_facts
from fhirserver.prescription.lines import Line
from fhirserver.workflow.context import Work

Resource = Mapping[str, Any]

_INFORMATION: Final = ("supportingInformation", "supportingInfo")
"""Where lines name what their doses are counted by: MedicationRequest, and the others."""


_IN_ONES_OWN_NAME: Final = Text(
    "Le prescripteur de cette ligne n'est pas le professionnel du jeton : on ne prescrit qu'en son nom (identifiant "
    "national attendu dans Practitioner.identifier).",
    "The prescriber of this line is not the token's professional: one prescribes in one's own name only (the national "
    "identifier is expected in Practitioner.identifier).",
)


class Parties:
    """What lines refer to, as one commit will have it.

    Args:
        work: the request and its transaction.
        found: the entries of the push.

    Attributes:
        observations: references to those that came with the push, such as weight and height.
    """

    def __init__(self, work: Work, found: Sequence[Entry] = ()) -> None:
        self._work = work
        self._near = {
            f"{entry.kind}/{entry.identity}": entry.resource
            for entry in found
            # what a conditional create found is in the store, whatever was sent for it
            if entry.identity and entry.resource is not None and entry.settled is None and entry.method != "DELETE"
        }
        self.observations = [name for name in self._near if name.startswith("Observation/")]
        self._read: dict[str, Resource | None] = {}
        self._sent = [entry.resource for entry in found if entry.resource is not None]

    def resolve(self, reference: str) -> Resource | None:
        """Return what a reference names; None where it is not here."""
        if reference in self._near:
            return self._near[reference]
        if reference not in self._read:
            self._read[reference] = self._stored(reference)
        return self._read[reference]

    def _stored(self, reference: str) -> Resource | None:
        kind, _, identity = reference.partition("/")
        if not identity or kind not in self._work.services.types:
            return None
        stored = self._work.transaction.read(kind, identity.split("/", 1)[0])
        return None if stored is None or stored.deleted else jsontext.read(stored.body)

    def of(self, holder: Resource, element: str) -> Resource | None:
        """Return the resource that an element of another refers to, contained or not."""
        return self._referred(holder, holder.get(element))

    def _referred(self, holder: Resource, reference: object) -> Resource | None:
        literal = reference.get("reference") if isinstance(reference, Mapping) else None
        if not isinstance(literal, str):
            return None
        if literal.startswith("#"):
            return next((one for one in holder.get("contained", ()) if one.get("id") == literal[1:]), None)
        return self.resolve(literal)

    def measures(self, lines: Sequence[Line], others: Sequence[Resource] = ()) -> list[Resource]:
        """Return the Observations of the lines' patient, such as his weight: that they name, or that came with them."""
        named = [
            one
            for line in lines
            for element in _INFORMATION
            for reference in line.resource.get(element, ())
            if (one := self._referred(line.resource, reference)) is not None
        ]
        found = {id(one): one for one in (*self._sent, *others, *named) if one.get("resourceType") == "Observation"}
        patient = _named(lines[0].resource.get("subject"), self._work.request.base)
        return [
            one
            for one in found.values()
            if (subject := _named(one.get("subject"), self._work.request.base)) is None or subject == patient
        ]

    def facts(self, lines: Sequence[Line], caller: Caller) -> Facts:
        """Return what the rules know beside the lines."""
        line = lines[0]
        patient = self.of(line.resource, "subject")
        person, role = self.prescriber(line.resource)
        organization = self.of(role, "organization") if role else None
        profession = caller.profession if caller.rpps else None
        return Facts(
            on=self._work.today,
            patient=None if patient is None else patient_facts(patient, self.measures(lines)),
            prescriber=None if person is None else prescriber_facts(person, role, organization, profession=profession),
            code_is_secured=self._work.workflow.settings.prescription_code_is_secured,
        )

    def require_patient(self, line: Line) -> None:
        """Refuse a patient who is not here, an INS that fails its key, or a test INS in production.

        Raises:
            Unprocessable: names the element.
        """
        patient = self.of(line.resource, "subject")
        if patient is None and line.patient is not None and local(line.patient, self._work.request.base):
            raise Unprocessable(
                Text(
                    f"Le patient « {line.patient[:100]} » n'est pas ici : joignez-le à l'envoi, ou donnez son INS.",
                    f'The patient "{line.patient[:100]}" is not here: push him along, or give his INS.',
                ),
                expression=line.at("subject"),
                rule="prescription-patient",
            )
        if patient is None and line.patient is None and not self._identifiers(line):
            raise Unprocessable(
                Text(
                    "Le patient n'est pas identifié : joignez-le à l'envoi, ou donnez son INS (subject.identifier).",
                    "The patient is not identified: push him along, or give his INS (subject.identifier).",
                ),
                expression=line.at("subject"),
                rule="prescription-patient",
            )
        fault = self.fault_of_ins(line)
        if fault is not None:
            raise Unprocessable(fault, expression=line.at("subject"), rule="ins", code="value")

    def fault_of_ins(self, line: Line) -> Text | None:
        """What is wrong with an INS of the line's patient: its key, or a test INS in production."""
        production = self._work.workflow.settings.mode == "production"
        faults = (
            ins.fault(one.get("system"), one.get("value"), production=production) for one in self._identifiers(line)
        )
        return next((fault for fault in faults if fault is not None), None)

    def strangers(self, lines: Sequence[Line], caller: Caller) -> Iterator[Alert]:
        """What a push of these lines would be refused for beside the rules: an INS, or another's name as prescriber."""
        for line in lines:
            fault = self.fault_of_ins(line)
            if fault is not None:
                yield Alert("ins", Level.BLOCKING, fault, line.at("subject"), "référentiel INS")
            known = self._rpps(line.resource)
            professional = caller.rpps and caller.role is not Role.OPERATOR
            if professional and known is not None and known != caller.rpps:
                yield Alert("requester", Level.BLOCKING, _IN_ONES_OWN_NAME, line.at("requester"), "CSP R5132-3")

    def names_of_patient(self, line: Line) -> frozenset[tuple[Any, Any]]:
        """Return all that a line's patient is known by: the reference to him, and identifiers (system, value)."""
        named = {(each.get("system"), each["value"]) for each in self._identifiers(line) if "value" in each}
        return frozenset(named if line.patient is None or line.patient[0] == "#" else {*named, ("", line.patient)})

    def _identifiers(self, line: Line) -> list[Resource]:
        patient = self.of(line.resource, "subject")
        identifiers = list(patient.get("identifier", ())) if patient else []
        subject = line.resource.get("subject", {})
        if isinstance(subject.get("identifier"), Mapping):
            identifiers.append(subject["identifier"])
        return identifiers

    def require_prescriber(self, line: Line, caller: Caller) -> str | None:
        """Return the RPPS of the requester, who is the token's professional unless a structure or an operator pushes.

        Raises:
            Forbidden: somebody else prescribes than the token's professional.
            Unprocessable: a line without a requester, or one who cannot be identified.
        """
        known = self._rpps(line.resource)
        if caller.role is Role.OPERATOR or (caller.role is Role.HOSPITAL and not caller.rpps):
            return known
        if line.resource.get("requester") is None:
            raise Unprocessable(
                Text("Le prescripteur (requester) manque.", "The prescriber (requester) is missing."),
                expression=line.at("requester"),
                rule="prescription-requester",
                code="required",
            )
        if known is None or known != caller.rpps:
            raise not_the_prescriber(line.at("requester"))
        return known

    def prescriber(self, holder: Resource) -> tuple[Resource | None, Resource | None]:
        """Return the Practitioner and the PractitionerRole that a request names as requester."""
        found = self.of(holder, "requester")
        if found is not None and found.get("resourceType") == "PractitionerRole":
            return self.of(found, "practitioner"), found
        return (found, None) if found and found.get("resourceType") == "Practitioner" else (None, None)

    def _rpps(self, holder: Resource) -> str | None:
        person, role = self.prescriber(holder)
        sources = [holder.get("requester"), (role or {}).get("practitioner")]
        identifiers = [one.get("identifier") for one in sources if isinstance(one, Mapping)]
        for resource in (person, role):
            identifiers += (resource or {}).get("identifier", ())
        return next((found for one in identifiers if (found := rpps_of(one)) is not None), None)


def not_the_prescriber(place: str) -> Forbidden:
    """403: somebody else prescribes than the token's professional."""
    return Forbidden(_IN_ONES_OWN_NAME, expression=place, rule="prescription-requester")


def _named(reference: object, base: str) -> tuple[str, str] | str | None:
    """Return whom a reference names, as far as two of them can be compared."""
    literal = reference.get("reference") if isinstance(reference, Mapping) else None
    return (local(literal, base) or literal) if isinstance(literal, str) else None


def rpps_of(identifier: object) -> str | None:
    """Return the 11 digits of a national identifier; None for any other identifier."""
    if not isinstance(identifier, Mapping):
        return None
    system, value = identifier.get("system"), str(identifier.get("value", ""))
    if system == PROFESSIONAL_SYSTEM and len(value) == 12 and value.startswith("8"):  # noqa: PLR2004 - "8" and 11 digits
        return value[1:]
    return value if system in (PROFESSIONAL_SYSTEM, "https://rpps.esante.gouv.fr") and value else None

"""A record as FHIR shows it: Patient with the DMP's extensions, Consent, CareTeam, RelatedPerson.

PSDm4DMP TD0.2 gives the Patient and its extensions; the reader's authorisation state, left open by the guide, is a
Consent whose provision permits or denies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from fhirserver.dmp.names import NATIONAL_PROFESSIONAL, NATIONAL_STRUCTURE
from fhirserver.dmp.records.record import Opposition, Record, Span
from fhirserver.dmp.records.resource import CODES, identity
from fhirserver.dmp.visibility import REASONS, Decision, State
from fhirserver.issues import Language

DMP: Final = "https://interop.esante.gouv.fr/ig/fhir/dmp"
CLOSURE: Final = f"{DMP}/StructureDefinition/dmp-fermeture"
ATTACHED: Final = f"{DMP}/StructureDefinition/dmp-rattachement-mes"
TREATING: Final = f"{DMP}/StructureDefinition/dmp-medecin-traitant"
NOTIFIED: Final = "urn:fhirserver:StructureDefinition:dmp-notified"
"""Extension of our own: an event of which the patient wants to hear (`record.EVENTS`)."""
MOTIVES: Final = f"{DMP}/CodeSystem/dmp-motif-fermeture"
_SCOPE: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
}
_ROLES: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"


def patient(record: Record, resource: Mapping[str, Any], *, full: bool, settings: bool = False) -> dict[str, Any]:
    """Return the Patient of TD0.2: the identity as stored, with the state of the record.

    Args:
        record: one that was opened at some time.
        resource: the stored Patient.
        full: whether the treating doctor is named.
        settings: whether the events of which the patient hears are told.
    """
    extensions = [item for item in resource.get("extension", ()) if not str(item.get("url", "")).startswith(DMP)]
    if record.closure is not None:
        parts: list[dict[str, Any]] = [
            {"url": "dateFermeture", "valueDate": record.closure.day.isoformat()},
            {
                "url": "motifFermeture",
                "valueCodeableConcept": {"coding": [{"system": MOTIVES, "code": record.closure.motive}]},
            },
        ]
        if record.closure.reason:
            parts.append({"url": "raisonFermeture", "valueString": record.closure.reason})
        extensions.append({"url": CLOSURE, "extension": parts})
    extensions.append({"url": ATTACHED, "valueBoolean": record.attached})
    if record.treating is not None and full:
        extensions.append({"url": TREATING, "valueReference": _reference(record.treating)})
    if settings:
        extensions += ({"url": NOTIFIED, "valueCode": event} for event in record.notified)
    head = {key: resource[key] for key in ("resourceType", "id", "meta") if key in resource}
    return {**head, **resource, "extension": extensions, "active": record.state is State.ACTIVE}


def authorisation(  # noqa: PLR0913 - a reader, a record, a moment
    record: Record,
    patient_id: str,
    names: tuple[str, ...],
    entry: Decision,
    *,
    now: datetime,
    language: Language,
) -> dict[str, Any]:
    """Return the reader's own authorisation state as a Consent.

    Args:
        record: of the patient.
        patient_id: of the Patient resource.
        names: of the reader.
        entry: whether he may open the record, and why.
        now: the moment for which that holds.
        language: of the reason.
    """
    spans = [span for span in (*record.team, *record.consents) if span.who in names and span.holds(now)]
    provision: dict[str, Any] = {"type": "permit" if entry.visible else "deny"}
    if spans:
        provision["period"] = _period(max(spans, key=lambda span: span.begin))
    if names:
        provision["actor"] = [_actor(names[0])]
    return {
        **_consent(record, patient_id, "reading", f"{identity(record.key)}-me", now),
        "policyRule": {
            "coding": [{"system": CODES, "code": entry.reason}],
            "text": REASONS[entry.reason].say(language),
        },
        "provision": provision,
    }


def consents(record: Record, patient_id: str) -> Iterator[dict[str, Any]]:
    """Give the patient's decisions: oppositions, blocked professionals, consents to single consultations."""
    base = identity(record.key)
    for what in Opposition:
        if what in record.oppositions:
            yield {
                **_consent(record, patient_id, what.value, f"{base}-{what.value}", None),
                "policyRule": {"coding": [{"system": CODES, "code": "opposed"}]},
                "provision": {"type": "deny"},
            }
    for number, who in enumerate(record.blocked):
        yield {
            **_consent(record, patient_id, "blocked", f"{base}-b{number}", None),
            "policyRule": {"coding": [{"system": CODES, "code": "blocked"}]},
            "provision": {"type": "deny", "actor": [_actor(who)]},
        }
    for number, span in enumerate(record.consents):
        yield {
            **_consent(record, patient_id, "consultation", f"{base}-c{number}", span.begin),
            "policyRule": {"coding": [{"system": CODES, "code": "authorised"}]},
            "provision": {"type": "permit", "period": _period(span), "actor": [_actor(span.who)]},
        }


def care_team(record: Record, patient_id: str) -> dict[str, Any]:
    """Return the care team with the dates of each membership."""
    return {
        "resourceType": "CareTeam",
        "id": f"{identity(record.key)}-team",
        "status": "active" if record.state is State.ACTIVE else "inactive",
        "subject": {"reference": f"Patient/{patient_id}"},
        **(
            {"participant": [{"member": _reference(span.who), "period": _period(span)} for span in record.team]}
            if record.team
            else {}
        ),
    }


def representatives(record: Record, patient_id: str) -> Iterator[dict[str, Any]]:
    """Give the legal representatives."""
    for number, span in enumerate(record.representatives):
        yield {
            "resourceType": "RelatedPerson",
            "id": f"{identity(record.key)}-r{number}",
            "identifier": [{"system": record.system, "value": span.who.removeprefix("ins:")}],
            "active": True,
            "patient": {"reference": f"Patient/{patient_id}"},
            "relationship": [{"coding": [{"system": _ROLES, "code": "GUARD"}]}],
            "period": _period(span),
        }


def age(birth_date: str | None, today: date) -> int | None:
    """Return full years since a FHIR date; None where it does not say the year; a part that is missing is the end."""
    parts = [int(part) for part in (birth_date or "").split("-") if part.isdigit()]
    if not parts:
        return None
    year, month, day = (*parts, 12, 31)[:3] if len(parts) == 1 else (*parts, 31)[:3]
    return today.year - year - ((today.month, today.day) < (month, day))


def _consent(
    record: Record, patient_id: str, category: str, consent_id: str, moment: datetime | None
) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": consent_id,
        "status": "active" if record.state is State.ACTIVE else "inactive",
        "scope": _SCOPE,
        "category": [{"coding": [{"system": CODES, "code": category}]}],
        "patient": {"reference": f"Patient/{patient_id}"},
        **({"dateTime": moment.isoformat(timespec="seconds")} if moment else {}),
    }


def _actor(who: str) -> dict[str, Any]:
    return {
        "role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
        "reference": _reference(who),
    }


def _reference(who: str) -> dict[str, Any]:
    kind, _, value = who.partition(":")
    if kind == "rpps":
        return {"type": "Practitioner", "identifier": {"system": NATIONAL_PROFESSIONAL, "value": f"8{value}"}}
    if kind == "structure":
        return {"type": "Organization", "identifier": {"system": NATIONAL_STRUCTURE, "value": value}}
    return {"identifier": {"value": value}}


def _period(span: Span) -> dict[str, str]:
    period = {"start": span.begin.isoformat(timespec="seconds")}
    if span.end is not None:
        period["end"] = span.end.isoformat(timespec="seconds")
    return period

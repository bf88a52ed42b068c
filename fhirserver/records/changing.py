"""Writes on what belongs to a record: attributes by PATCH (TD3.3a to d), nothing else; and a patient's own part.

PUT and DELETE on a document, its content, a submission set or a folder of the DMP answer 405 whoever asks; what an
operator stores outside the DMP's transactions is plain FHIR.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.caller import Role
from fhirserver.dmp import attributes, marks
from fhirserver.dmp import labels as label
from fhirserver.dmp.attributes import Changer
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.identity import SYSTEMS
from fhirserver.dmp.records.views import age
from fhirserver.dmp.visibility import DELETED, Part, State
from fhirserver.errors import Forbidden, InvalidResource, MethodNotAllowed, Unprocessable
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.guards import Write
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown.visibility import not_found
from fhirserver.issues import Issue, Text
from fhirserver.records import callers, keeping, sight, traces
from fhirserver.records.after import notices
from fhirserver.store import Stored

_METHODS: Final = {"update": "PUT", "delete": "DELETE", "patch": "PATCH", "create": "POST"}
_LOINC: Final = "http://loinc.org"
FR_CORE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-observation"
MEASURES: Final = {
    "29463-7": f"{FR_CORE}-body-weight",
    "8302-2": f"{FR_CORE}-body-height",
    "85354-9": f"{FR_CORE}-bp",
}
"""What a patient measures himself (weight, height, blood pressure; LOINC), and the profile that it must meet."""


def check(services: Services, request: Request, matrix: Habilitation, write: Write) -> None:
    """Refuse a write that the DMP does not know; have an allowed one keep its marks.

    Raises:
        NotFound: the caller may not know of it.
        MethodNotAllowed: it belongs to the DMP, and is not changed so.
        Forbidden, Unprocessable: as `attributes.check` says.
    """
    current = write.current
    mark = sight.mark_of(current) if write.interaction != "create" else None
    if mark is None or current is None or current.deleted:
        if request.caller.role is Role.PATIENT:
            _by_patient(services, request, write)
        return
    if not sight.shows(services, request, matrix, current):
        raise not_found(write.kind, str(write.identity))
    if write.kind == "Basic":
        raise MethodNotAllowed(
            Text(
                "Un DMP change par l'opération $dmp du Patient.", "A DMP is changed by the operation $dmp of Patient."
            ),
            rule="dmp-method",
            headers={"Allow": "GET, HEAD"},
        )
    if write.interaction != "patch" or write.kind != sight.KIND or write.proposed is None:
        raise attributes.refuse_method(_METHODS[write.interaction], write.kind)
    _attributes(services, request, matrix, write, current)


def require_feeding(request: Request, write: Write) -> None:
    """Refuse a document that would stand beside the records: without labels in force, for every professional to read.

    Raises:
        Unprocessable: a create outside ITI-65 and ITI-105.
        NotFound: an update of a document that is not there.
    """
    if write.kind != sight.KIND or callers.is_exempt(request.caller) or "dmp" in request.marks:
        return
    if write.interaction == "create":
        raise Unprocessable(
            Text(
                "Un document se dépose avec son contenu : par une soumission (ITI-65), ou par POST DocumentReference "
                "avec content.attachment.data (ITI-105).",
                "A document is submitted with its content: by a submission (ITI-65), or by POST DocumentReference "
                "with content.attachment.data (ITI-105).",
            ),
            expression="DocumentReference.content[0].attachment",
            rule="dmp-feeding",
            code="business-rule",
        )
    if write.interaction == "update" and (write.current is None or write.current.deleted):
        raise not_found(write.kind, str(write.identity))


def _attributes(services: Services, request: Request, matrix: Habilitation, write: Write, current: Stored) -> None:
    mark: dict[str, Any] = dict(current.origin["dmp"])
    before: dict[str, Any] = jsontext.read(current.body)
    after = dict(write.proposed or {})
    caller = request.caller
    opened = keeping.opened(services, request, matrix, mark["record"])
    if opened.record.state is not State.ACTIVE and not callers.is_exempt(caller):
        raise not_found(write.kind, str(write.identity))
    services.checker.require_readable(after)  # before rules look into it
    own = bool(set(callers.signs(caller)) & set(mark["authors"]))
    part = Part.NOBODY if callers.is_exempt(caller) else opened.reader.part
    # an operator mends attributes, except that deletion is the author's
    changer = Changer(Part.PROFESSIONAL if callers.is_exempt(caller) else part, own)
    attributes.check(
        before,
        after,
        changer,
        age=_age(services, after),
        allow_both=services.settings.dmp_masked_and_invisible,
        replaced=False,
    )
    told = marks.of_document(after, mark["record"], mark["authors"])
    hidden = label.HIDDEN_FROM_PATIENT
    if hidden in str(mark["labels"]).split() and hidden not in told["labels"].split() and request.unit is not None:
        notices.of_document(request.unit, mark["record"], current.id, caller.name or "")
    request.marks = {**request.marks, "dmp": told}
    request.checked = _judged(services, before, after)
    traces.note_change(services, request, matrix, current)


def _judged(services: Services, before: dict[str, Any], after: dict[str, Any]) -> tuple[Issue, ...]:
    """Return the warnings of a changed document; what it lacked before is no reason to show what shall be hidden.

    Raises:
        InvalidResource: what the change itself breaks.
    """
    # MHD's profiles bind status to current and superseded, PDSm4DMP deletes by entered-in-error (TD3.3c)
    told = after if after.get("status") != DELETED else {**after, "status": "current"}
    try:
        return tuple(services.checker.check(told))
    except InvalidResource as failure:
        known = services.checker.issues({**before, "status": told["status"]})
        fresh = [issue for issue in failure.issues if issue.refuses and issue not in known]
        if fresh:
            raise InvalidResource(fresh) from None
        return tuple(issue for issue in failure.issues if not issue.refuses)


def _age(services: Services, document: dict[str, Any]) -> int | None:
    """Return the age of a document's patient in years; None where it is not known."""
    kind, _, identity = str(document.get("subject", {}).get("reference", "")).rpartition("Patient/")
    stored = services.store.read("Patient", identity) if identity and not kind.strip("/").startswith("#") else None
    if stored is None or stored.deleted:
        return None
    return age(jsontext.read(stored.body).get("birthDate"), datetime.now(UTC).date())


def _by_patient(services: Services, request: Request, write: Write) -> None:
    """Let a patient store what is his: documents of his own record, and measures of himself.

    Raises:
        Forbidden: anything else.
    """
    caller = request.caller
    record = callers.key(caller)
    marked = request.marks.get("dmp", {})
    if write.interaction == "create" and record is not None and marked.get("record") == record:
        return
    if write.kind == "Observation" and write.interaction in ("create", "update") and not caller.representative:
        resource = dict(write.proposed or {})
        profile = _profile_of_measure(resource)
        own = _is_about(services, request, resource) and _by_himself(services, request, resource)
        if profile and own and _was_his(services, request, write):
            _require_profile(services, resource, profile)
            return
        raise Forbidden(
            Text(
                "Un patient enregistre ses propres mesures (subject, performer : lui-même) : poids, taille, tension "
                "artérielle.",
                "A patient stores his own measures (subject, performer: himself): weight, height, blood pressure.",
            ),
            rule="patient-measures",
        )
    raise Forbidden(
        Text(
            "Un patient lit son dossier, y dépose ses documents et ses mesures ; rien d'autre.",
            "A patient reads his record, adds documents and measures to it; nothing else.",
        ),
        rule="role",
    )


def _profile_of_measure(resource: dict[str, Any]) -> str | None:
    """Return the profile of a measure that patients store; None if it is none."""
    codings = resource.get("code", {}).get("coding", ())
    codes = (coding.get("code") for coding in codings if coding.get("system") == _LOINC)
    return next((MEASURES[code] for code in codes if code in MEASURES), None)


def _require_profile(services: Services, resource: dict[str, Any], profile: str) -> None:
    """Hold a patient's measure to its French profile, whether or not it names it; raises InvalidResource."""
    issues = services.checker.issues(resource, (profile,))
    if any(issue.refuses for issue in issues):
        raise InvalidResource(issues)


def _is_about(services: Services, request: Request, resource: dict[str, Any]) -> bool:
    subject = resource.get("subject", {})
    return "reference" in subject and _names_himself(services, request, subject)


def _by_himself(services: Services, request: Request, resource: dict[str, Any]) -> bool:
    """Tell whether nobody else is said to have measured: the measure would be among his data, or in his name."""
    return all(_names_himself(services, request, each) for each in resource.get("performer", ()))


def _names_himself(services: Services, request: Request, reference: dict[str, Any]) -> bool:
    ins = request.caller.ins
    assert ins is not None, "a patient's token carries the INS"
    number = reference.get("identifier", {})
    numbered = (number.get("system"), number.get("value")) == (ins.system, ins.value)
    if "reference" not in reference or (number.get("system") in SYSTEMS and not numbered):
        return numbered
    text = str(reference.get("reference", ""))
    own = services.searcher.ids("Patient", [("identifier", f"{ins.system}|{ins.value}")])
    return any(text in (f"Patient/{identity}", f"{request.base}/Patient/{identity}") for identity in own)


def _was_his(services: Services, request: Request, write: Write) -> bool:
    """Tell whether what a measure replaces was the patient's own as well."""
    if write.current is None or write.current.deleted:
        return True
    before: dict[str, Any] = jsontext.read(write.current.body)
    who = write.current.origin.get("who", {})
    return who.get("role") == Role.PATIENT.value and _is_about(services, request, before)

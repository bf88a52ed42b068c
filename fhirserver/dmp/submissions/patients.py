"""One patient throughout a submission, known here by his INS, with the traits that were sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from fhirserver.dmp import identity
from fhirserver.dmp.submissions.facts import Facts, Known
from fhirserver.dmp.submissions.faults import fault, warning
from fhirserver.dmp.submissions.submission import Part, Submission, attachment, criteria
from fhirserver.issues import Issue, Text

_CONDITIONAL: Final = re.compile(r"Patient\?(?:identifier|Patient\.identifier)=([^&|]*)(?:\|(.*))?", re.DOTALL)
_CONTAINED: Final = Text("patient joint à la ressource", "patient contained in the resource")
_ENTRY: Final = Text("patient du Bundle", "patient of the Bundle")


def subject(resource: Mapping[str, Any]) -> str | None:
    """Return the reference that names the patient; one by identifier alone as a conditional reference."""
    return criteria(resource.get("subject"), "Patient")


def source(document: Mapping[str, Any]) -> str | None:
    """Return the reference of a document's source patient that leads out of the document."""
    context = document.get("context")
    text = criteria(context.get("sourcePatientInfo"), "Patient") if isinstance(context, dict) else None
    return text if text and not text.startswith("#") else None


def references(submission: Submission) -> set[str]:
    """Return every reference to a patient that has to be looked up."""
    found = {subject(part.resource) for part in (*submission.lists, *submission.documents)}
    found |= {source(part.resource) for part in submission.documents}
    inside = {part.full_url for part in submission.patients}
    return {text for text in found if text and text not in inside}


def one(submission: Submission, facts: Facts) -> Known | None:
    """Return the submission's patient, where its resources name one and the same; None otherwise."""
    inside = _inside(submission)
    known = [_known(inside, facts, subject(part.resource)) for part in (*submission.sets, *submission.documents)]
    found = {each.identity: each for each in known if each is not None}
    return next(iter(found.values())) if len(found) == 1 else None


def check(submission: Submission, facts: Facts) -> Iterator[Issue]:
    """Give what is wrong with the patient of each resource."""
    parts = [*submission.sets, *submission.folders, *submission.documents]
    expected: Known | None = None
    inside = _inside(submission)
    documents = {part.position for part in submission.documents}
    for part in parts:
        yield from check_subject(part.resource, part.path, facts, inside)
        known = _known(inside, facts, subject(part.resource))
        if known is None:
            continue
        if expected is None:
            expected = known
        elif not _same(expected, known):
            yield fault(
                f"{part.path}.subject",
                "one-patient",
                "Toute la soumission doit concerner un seul patient ; celui-ci est un autre.",
                "The whole submission must be about one patient; this is another one.",
            )
    named = {text for part in parts for text in (subject(part.resource), source(part.resource))}
    for part in submission.patients:
        if part.full_url not in named:
            yield fault(
                part.entry,
                "patient-entry",
                "Rien dans la soumission ne désigne ce patient (subject, context.sourcePatientInfo) : ôtez-le.",
                "Nothing in the submission names this patient (subject, context.sourcePatientInfo): remove him.",
            )
        yield from _entry(part, expected, facts)
    for part in parts:
        known = _known(inside, facts, subject(part.resource)) or expected
        yield from check_source(part.resource, part.path, known, facts, inside)
        if known is not None and part.position in documents:
            yield from check_age(part.resource, part.path, known)


def check_subject(resource: Mapping[str, Any], path: str, facts: Facts, inside: Mapping[str, Known]) -> Iterator[Issue]:
    """Check that a resource names a patient who is known here by his INS."""
    text = subject(resource)
    where = f"{path}.subject"
    if text is None:
        yield fault(where, "subject", "Le patient n'est pas indiqué.", "The patient is not named.", "required")
        return
    match = _CONDITIONAL.fullmatch(text)
    if match:
        system, value = unquote(match[1]), unquote(match[2] or "")
        if not value:
            yield fault(
                where,
                "subject",
                "La référence conditionnelle n'a pas de valeur : Patient?identifier=[système]|[INS].",
                "The conditional reference has no value: Patient?identifier=[system]|[INS].",
                "value",
            )
            return
        wrong = list(_number(system, value, where, facts))
        yield from wrong
        if wrong:
            return
    found = [inside[text]] if text in inside else facts.patients.get(text, ())
    if len(found) != 1:
        some = bool(found)
        yield fault(
            where,
            "patient-unknown",
            f"La référence {text[:120]} désigne {'plusieurs patients' if some else 'un patient inconnu ici'}.",
            f"The reference {text[:120]} selects {'several patients' if some else 'a patient unknown here'}.",
            "multiple-matches" if some else "not-found",
        )
        return
    if not identity.national(found[0].resource):
        yield fault(
            where,
            "patient-ins",
            "Le patient n'est pas connu par son INS : un document ne s'y rattache pas.",
            "The patient is not known by his INS: no document can be filed for him.",
        )


def check_source(
    resource: Mapping[str, Any], path: str, known: Known | None, facts: Facts, inside: Mapping[str, Known]
) -> Iterator[Issue]:
    """Compare the patients that a resource carries, or names as its source, with its subject."""
    contained = resource.get("contained")
    for position, item in enumerate(contained if isinstance(contained, list) else []):
        if isinstance(item, dict) and item.get("resourceType") == "Patient":
            yield from _carried(item, f"{path}.contained[{position}]", known, facts, _CONTAINED)
    text = source(resource)
    if text is None or known is None:
        return
    found = [inside[text]] if text in inside else facts.patients.get(text, ())
    where = f"{path}.context.sourcePatientInfo"
    if len(found) != 1:
        yield fault(
            where,
            "patient-unknown",
            f"La référence {text[:120]} ne désigne pas un patient connu ici.",
            f"The reference {text[:120]} selects no patient known here.",
            "not-found",
        )
    elif not _same(found[0], known):
        yield fault(
            where,
            "one-patient",
            "Le patient source n'est pas celui du document (subject).",
            "The source patient is not that of the document (subject).",
        )


def check_age(document: Mapping[str, Any], path: str, known: Known) -> Iterator[Issue]:
    """Warn of a document that is older than its patient."""
    born = known.resource.get("birthDate")
    if not isinstance(born, str):
        return
    context = document.get("context")
    period = context.get("period") if isinstance(context, dict) else None
    dated = (
        (attachment(document).get("creation"), "content[0].attachment.creation"),
        (document.get("date"), "date"),
        (period.get("start") if isinstance(period, dict) else None, "context.period.start"),
    )
    for moment, element in dated:
        if isinstance(moment, str) and moment[: len(born)] < born[: len(moment)]:
            yield warning(
                f"{path}.{element}",
                "older-than-patient",
                f"La date {moment[:25]} précède la naissance du patient ({born}).",
                f"The date {moment[:25]} is before the patient's birth ({born}).",
            )


def _entry(part: Part, expected: Known | None, facts: Facts) -> Iterator[Issue]:
    if expected is None or expected.identity != part.full_url:
        yield from _carried(part.resource, part.path, expected, facts, _ENTRY)
        return
    for position, (system, value) in enumerate(identity.national(part.resource)):
        yield from _number(system, value, f"{part.path}.identifier[{position}]", facts)


def _carried(
    patient: Mapping[str, Any], path: str, known: Known | None, facts: Facts, source_text: Text
) -> Iterator[Issue]:
    stated = identity.national(patient)
    for system, value in stated:
        yield from _number(system, value, f"{path}.identifier", facts)
    if known is None:
        return
    numbers = identity.national(known.resource)
    if stated and numbers and not set(stated) & set(numbers):
        yield fault(
            f"{path}.identifier",
            "one-patient",
            "L'INS n'est pas celle du patient désigné par subject.",
            "The INS is not that of the patient whom subject names.",
        )
        return
    yield from identity.differences(identity.traits(patient), identity.traits(known.resource), path, source_text)


def _number(system: str, value: str, where: str, facts: Facts) -> Iterator[Issue]:
    if system not in identity.SYSTEMS:
        return
    if not identity.key_fits(value):
        yield fault(
            where,
            "ins-key",
            f"{value[:20]} n'est pas un INS : 13 caractères et leur clé (97 moins le nombre modulo 97).",
            f"{value[:20]} is no INS: 13 characters and their key (97 minus the number modulo 97).",
            "value",
        )
    elif system in identity.TEST_SYSTEMS and not facts.rules.test_identities:
        yield fault(
            where,
            "ins-test",
            "Un INS de test n'est pas accepté en production.",
            "An INS for tests is not accepted in production.",
        )


def _known(inside: Mapping[str, Known], facts: Facts, text: str | None) -> Known | None:
    if text is None:
        return None
    if text in inside:
        return inside[text]
    found = facts.patients.get(text, ())
    return found[0] if len(found) == 1 else None


def _inside(submission: Submission) -> dict[str, Known]:
    return {part.full_url: Known(part.full_url, part.resource) for part in submission.patients if part.full_url}


def _same(one_patient: Known, other: Known) -> bool:
    if one_patient.identity == other.identity:
        return True
    return bool(set(identity.national(one_patient.resource)) & set(identity.national(other.resource)))

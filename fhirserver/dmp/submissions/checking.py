"""Every check of a submission, so that all its faults are named at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhirserver.dmp import document_types, names
from fhirserver.dmp.cda import agreement
from fhirserver.dmp.content import attachments, media
from fhirserver.dmp.content.attachments import Examined
from fhirserver.dmp.submissions import labelling, patients, relations, structure
from fhirserver.dmp.submissions.facts import Facts, Known
from fhirserver.dmp.submissions.faults import fault, warning
from fhirserver.dmp.submissions.flavours import PROFILES, Flavour
from fhirserver.dmp.submissions.submission import Part, Submission, attachment, format_code, format_system, unique_id
from fhirserver.issues import Issue
from fhirserver.terminology import Terminology
from fhirserver.terminology.verdicts import Verdict


@dataclass(slots=True)
class Verdicts:
    """What the checks found.

    Attributes:
        issues: errors and warnings.
        patient: whom the submission is about, where that is clear.
    """

    issues: list[Issue]
    patient: Known | None

    @property
    def refuses(self) -> bool:
        """Whether anything is wrong."""
        return any(issue.refuses for issue in self.issues)

    @property
    def forbids(self) -> bool:
        """Whether nothing is wrong but that the sender may not do it."""
        wrong = [issue for issue in self.issues if issue.refuses]
        return bool(wrong) and all(issue.rule == relations.NOT_AUTHOR for issue in wrong)


def contents(submission: Submission, most: int) -> dict[int, Examined]:
    """Examine the content of each document, by the position of the document's entry.

    One content after the other: no more than one is held decoded.
    """
    found: dict[int, Examined] = {}
    for part in submission.documents:
        content = submission.content(part)
        if content is not None and content.kind == "Binary":
            stated = attachment(part.resource)
            declared = media.bare(stated.get("contentType") or content.resource.get("contentType"))
            found[part.position] = attachments.examine(
                content.resource.get("data"), declared, f"{content.path}.data", most, stated.get("hash")
            )
        elif content is not None:
            found[part.position] = attachments.fhir_document(part.resource, part.path, content.resource)
    return found


def check(submission: Submission, facts: Facts, terminology: Terminology, examined: Mapping[int, Examined]) -> Verdicts:
    """Check a submission.

    Args:
        submission: as it was sent.
        facts: what is known of patients, targets and uniqueIds.
        terminology: decides on codes.
        examined: what `contents` gave.
    """
    issues: list[Issue] = []
    if submission.flavour not in facts.rules.flavours:
        shown = ", ".join(PROFILES[flavour].bundle for flavour in Flavour if flavour in facts.rules.flavours)
        issues.append(
            fault(
                "Bundle.meta.profile",
                "flavour",
                f"Ce serveur n'accepte pas les soumissions « {submission.flavour} » ; acceptées : {shown}.",
                f'This server does not accept "{submission.flavour}" submissions; accepted: {shown}.',
                "not-supported",
            )
        )
    issues += structure.check(submission, terminology)
    issues += patients.check(submission, facts)
    patient = patients.one(submission, facts)
    issues += relations.check(submission, facts, patient)
    for part in submission.documents:
        issues += labelling.check(part.resource, part.path, patient, facts)
        issues += _document(part, submission, facts, terminology, examined.get(part.position), patient)
    return Verdicts(issues, patient)


def check_simplified(document: Mapping[str, Any], facts: Facts, terminology: Terminology, found: Examined) -> Verdicts:
    """Check a document of the simplified publish (ITI-105), which carries its content."""
    path = "DocumentReference"
    issues = [*structure.check_unique_id(document, path), *patients.check_subject(document, path, facts, {})]
    text = patients.subject(document)
    known = facts.patients.get(text or "", ())
    patient = known[0] if len(known) == 1 else None
    issues += patients.check_source(document, path, patient, facts, {})
    if patient is not None:
        issues += patients.check_age(document, path, patient)
    for relation in relations.of(document, path):
        issues += relations.check_target(relation, facts, patient)
    issues += labelling.check(document, path, patient, facts)
    issues += check_document(document, path, facts, terminology)
    where = f"{path}.content[0].attachment.data"
    issues += attachments.compare(document, path, where, found, "")
    issues += _headers(document, path, found, patient, facts)
    return Verdicts(issues, patient)


def _document(  # noqa: PLR0913, PLR0917 - a document, and what is known of it
    part: Part,
    submission: Submission,
    facts: Facts,
    terminology: Terminology,
    found: Examined | None,
    patient: Known | None,
) -> list[Issue]:
    issues = check_document(part.resource, part.path, facts, terminology)
    content = submission.content(part)
    if content is None or found is None:
        return issues
    told = media.bare(content.resource.get("contentType"))
    issues += attachments.compare(part.resource, part.path, f"{content.path}.data", found, told)
    issues += _headers(part.resource, part.path, found, patient, facts)
    return issues


def check_document(document: Mapping[str, Any], path: str, facts: Facts, terminology: Terminology) -> list[Issue]:
    """Check what a document's metadata say, whatever way it came."""
    issues = list(document_types.check(document, path, terminology, facts.rules.class_mismatch))
    name = unique_id(document)
    if name is not None and name in facts.used:
        issues.append(
            fault(
                f"{path}.masterIdentifier",
                "unique-id-used",
                f"L'uniqueId {name.partition('|')[2][:100]} désigne déjà un document, et pour toujours : donnez-en un "
                "autre, ou renvoyez exactement la même demande.",
                f"The uniqueId {name.partition('|')[2][:100]} names a document already, and for ever: give another "
                "one, or send exactly the same request again.",
                "duplicate",
            )
        )
    status = document.get("status")
    if status is not None and status != "current":
        issues.append(
            fault(
                f"{path}.status",
                "document-status",
                "Un document est déposé avec status current.",
                "A document is submitted with status current.",
                "value",
            )
        )
    code = format_code(document)
    if code and _unknown_format(document, code, terminology):
        issues.append(
            warning(
                f"{path}.content[0].format",
                "format-unknown",
                f"Le format {code[:80]} n'est pas du jeu de valeurs JDV_J10.",
                f"The format {code[:80]} is not in the value set JDV_J10.",
                "code-invalid",
            )
        )
    return issues


def _unknown_format(document: Mapping[str, Any], code: str, terminology: Terminology) -> bool:
    if code == names.MIME_TYPE_SUFFICIENT:
        return False
    system = format_system(document)
    return terminology.member(names.JDV_FORMATS, system, code).verdict is Verdict.OUT


def _headers(
    document: Mapping[str, Any], path: str, found: Examined, patient: Known | None, facts: Facts
) -> list[Issue]:
    if not found.headers:
        return []
    old = [known.resource for known in relations.replaced(document, facts)]
    known = patient.resource if patient is not None else None
    return list(agreement.compare(document, path, found.headers[0], known, old))

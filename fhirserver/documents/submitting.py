"""ITI-65, applied: a Bundle that is a submission is checked whole, committed whole, and answered once.

TD2 and TD2.1 of PDSm4DMP. Every fault is named before anything is planned: those of the rules of `dmp/` and those of
validation together; the status is 422 when validation alone finds fault, 400 otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fhirserver.access.decide import decide
from fhirserver.dmp import identity, marks
from fhirserver.dmp.content.attachments import Examined
from fhirserver.dmp.submissions import checking, patients, relations, retries, submission
from fhirserver.dmp.submissions.checking import Verdicts
from fhirserver.dmp.submissions.facts import Facts, Known
from fhirserver.dmp.submissions.flavours import BY_PROFILE, PROFILES, Flavour
from fhirserver.dmp.submissions.submission import Part, Submission
from fhirserver.documents import claiming
from fhirserver.documents.gathering import Gathering
from fhirserver.documents.superseding import supersede
from fhirserver.errors import BadRequest, Failure, Forbidden, InvalidResource
from fhirserver.interactions.bundles import entries as bundle_entries
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Finish
from fhirserver.interactions.services import Services
from fhirserver.interactions.transaction import PROFILES as SENT_PROFILES
from fhirserver.interactions.writes import content
from fhirserver.interactions.writes.references import local
from fhirserver.issues import Issue
from fhirserver.store import Transaction
from fhirserver.store.kept.files import Upload
from fhirserver.store.kept.values import FileRef

_SENT: Final = "submission"
_ATTEMPT: Final = "submission-attempt"
_KINDS: Final = frozenset({"List", "DocumentReference", "Binary", "Bundle", "Patient"})
"""What a submission is made of."""


@dataclass(slots=True)
class Sent:
    """What a push says, whatever the attempt at its commit."""

    submission: Submission
    examined: dict[int, Examined]
    names: list[str]
    digest: str
    order: list[int]


@dataclass(slots=True)
class _Attempt:
    """What one attempt at the commit found out, from the checks to the writes."""

    facts: Facts
    verdicts: Verdicts


def is_submission(request: Request, found: Sequence[Entry]) -> bool:
    """Tell whether a transaction is an ITI-65 Bundle.

    It names a profile of MHD or PDSm, or holds a submission set; or it creates documents and nothing that is foreign
    to a submission, unless an operator writes plain FHIR.
    """
    if request.path:
        return False
    if any(profile in BY_PROFILE for profile in request.memory.get(SENT_PROFILES, ())):
        return True
    posted = [entry for entry in found if entry.method == "POST" and entry.resource is not None]
    if any(entry.kind == "List" and submission.list_code(entry.resource or {}) == "submissionset" for entry in posted):
        return True
    documents = any(entry.kind == "DocumentReference" for entry in posted)
    return documents and not request.caller.everything and all(entry.kind in _KINDS for entry in found)


def check(services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
    """Check a submission.

    Raises:
        Forbidden: the caller may not feed records, or the one fault is that he may not replace a document.
        BadRequest: everything that is wrong with it.
        InvalidResource: validation alone finds fault.
    """
    decide(request.caller, "c", "DocumentReference")
    sent = read(services, request, found)
    submitted, gathering = sent.submission, Gathering(services, request, transaction)
    _claim_profiles(submitted, found)
    gathering.ahead([part.resource for part in (*submitted.documents, *submitted.lists)], sent.names)
    known = gathering.facts(patients.references(submitted), relations.references(submitted), sent.names)

    def judged(used: frozenset[str]) -> _Attempt:
        facts = replace(known, used=known.used | used)
        verdicts = checking.check(submitted, facts, services.terminology, sent.examined)
        refuse(services, verdicts, found, _profiles_of(submitted))
        return _Attempt(facts, verdicts)

    request.memory[_ATTEMPT] = claiming.decided(request, transaction, sent.names, judged)


def _claim_profiles(submitted: Submission, found: Sequence[Entry]) -> None:
    """Have documents that name no profile name that of their Bundle's flavour, by which they are judged from now on."""
    if submitted.flavour is Flavour.PDSM:
        return
    by_position = {entry.position: entry for entry in found}
    for part in submitted.documents:
        entry = by_position[part.position]
        resource = entry.resource or {}
        meta = resource.get("meta", {})
        if isinstance(meta, dict) and not meta.get("profile"):
            claimed = {**meta, "profile": [PROFILES[submitted.flavour].document]}
            entry.resource = {**resource, "meta": claimed}


def read(services: Services, request: Request, found: Sequence[Entry]) -> Sent:
    """Read a submission, once for all attempts."""
    sent: Sent | None = request.memory.get(_SENT)
    if sent is None:
        submitted = submission.of_parts(request.memory.get(SENT_PROFILES, ()), [_part(entry) for entry in found])
        examined = checking.contents(submitted, services.settings.dmp_max_document)
        hashes = {
            name: examined[part.position].sha256
            for part in submitted.documents
            if (name := submission.unique_id(part.resource)) and part.position in examined
        }
        names = retries.unique_ids(part.resource for part in submitted.documents)
        sent = Sent(submitted, examined, names, retries.fingerprint(submitted, hashes), retries.order(submitted))
        request.memory[_SENT] = sent
    return sent


def plan(services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> Finish:
    """Plan what a checked submission brings with it: superseded documents, marks, and the claim of its uniqueIds."""
    sent: Sent = request.memory[_SENT]
    attempt: _Attempt = request.memory[_ATTEMPT]
    patient = attempt.verdicts.patient
    assert patient is not None, "a submission without a patient was refused"
    record = record_of(patient)
    places = {entry.full_url: entry for entry in found if entry.full_url}
    gathering = Gathering(services, request, transaction)
    by_position = {entry.position: entry for entry in found}
    for part in sent.submission.documents:
        entry = by_position[part.position]
        entry.resource = with_subject(entry.resource or {}, patient)
        mark(gathering, entry, record)
        carrier = sent.submission.content(part)
        if carrier is not None and entry.identity is not None:
            kept = by_position[carrier.position]
            kept.marks["dmp"] = marks.of_content(record, entry.identity)
            have_ready(request, kept.identity, sent.examined[part.position])
        _warn(entry, attempt.verdicts.issues)
    for part in sent.submission.lists:
        entry = by_position[part.position]
        entry.resource = with_subject(entry.resource or {}, patient)
        entry.marks["dmp"] = marks.of_list(record, list(_listed(entry.resource, places, request.base)))
        _warn(entry, attempt.verdicts.issues)
    for part in sent.submission.patches:
        target = attempt.facts.targets[part.url][0]
        entry = by_position[part.position]
        entry.settled = supersede(services, request, transaction, target.identity.partition("/")[2], record)

    def finish(answers: Sequence[Answer]) -> None:
        claiming.claim(request, transaction, sent.names, sent.digest, sent.order, answers)

    return finish


def have_ready(request: Request, binary: str | None, examined: Examined) -> None:
    """Let the content of a Binary be kept as it was decoded for the checks."""
    if examined.data is not None:
        ready = request.memory.setdefault(content.READY, {})
        ready[binary] = Upload(FileRef(examined.sha256, examined.size), examined.data)


def record_of(patient: Known) -> str:
    """Return the name of a patient's record: system and value of the INS."""
    return "|".join(identity.national(patient.resource)[0])


def with_subject(resource: dict[str, Any], patient: Known) -> dict[str, Any]:
    """Name the patient by a literal reference where only an identifier was sent."""
    subject = resource.get("subject")
    if not isinstance(subject, dict) or "reference" in subject or not patient.identity.startswith("Patient/"):
        return resource
    return {**resource, "subject": {"reference": patient.identity, **subject}}


def mark(gathering: Gathering, entry: Entry, record: str) -> None:
    """Have a document's write keep what decides who sees it."""
    document = entry.resource or {}
    names = {name for person in gathering.people(document).values() for name in marks.of_resource(person)}
    entry.marks["dmp"] = marks.of_document(document, record, sorted(names))


def refuse(services: Services, verdicts: Verdicts, found: Sequence[Entry], profiles: dict[int, str]) -> None:
    """Refuse a push that its rules or its flavour's profiles refuse, naming every fault.

    Args:
        services: the parts of this process.
        verdicts: what the rules say.
        found: the entries as they were sent.
        profiles: what each entry's resource must meet, by position.
    """
    wrong = [issue for issue in verdicts.issues if issue.refuses]
    invalid = list(_invalid(services, found, profiles, everything=bool(wrong)))
    if not wrong and not any(issue.refuses for issue in invalid):
        return
    if not wrong:
        invalid = list(_invalid(services, found, profiles, everything=True))
        raise InvalidResource(sorted(invalid, key=lambda issue: not issue.refuses))
    told = [*wrong, *(issue for issue in invalid if issue.refuses)]
    told += [issue for issue in (*verdicts.issues, *invalid) if not issue.refuses]
    failure: type[Failure] = (
        Forbidden if verdicts.forbids and not any(issue.refuses for issue in invalid) else BadRequest
    )
    raise failure(told[0].text, issues=told)


def _invalid(
    services: Services, found: Sequence[Entry], profiles: dict[int, str], *, everything: bool
) -> Iterator[Issue]:
    """Give validation's findings: of all entries, or of those whose profile nothing else will ask of them."""
    for entry in found:
        if entry.resource is None or entry.method not in ("POST", "PUT"):
            continue
        profile = profiles.get(entry.position)
        asked = services.checker.asks(entry.resource, profile) if profile else True
        if everything or not asked:
            more = (profile,) if profile and not asked else ()
            issues = services.checker.issues(entry.resource, more)
            yield from bundle_entries.place(issues, entry.position)


def _profiles_of(sent: Submission) -> dict[int, str]:
    profiles = PROFILES[sent.flavour]
    told = {part.position: profiles.document for part in sent.documents}
    told |= {part.position: profiles.submission_set for part in sent.sets}
    return told | {part.position: profiles.folder for part in sent.folders}


def _part(entry: Entry) -> Part:
    url = str(entry.request.get("url", ""))
    return Part(entry.position, entry.full_url, entry.resource or {}, entry.method, url)


def _listed(resource: dict[str, Any], places: dict[str, Entry], base: str) -> Iterator[str]:
    """Give the ids of the documents that a List names, its references being resolved."""
    for item in resource.get("entry", []):
        text = submission.reference(item.get("item")) or ""
        if text in places and places[text].kind == "DocumentReference":
            yield str(places[text].identity)
        elif (target := local(text, base)) is not None and target[0] == "DocumentReference":
            yield target[1]


def _warn(entry: Entry, issues: Sequence[Issue]) -> None:
    """Add the warnings on an entry to what is told of it."""
    prefix = f"Bundle.entry[{entry.position}].resource"
    own = [
        replace(issue, expression=entry.kind + (issue.expression or "").removeprefix(prefix))
        for issue in issues
        if not issue.refuses and (issue.expression or "").startswith(prefix)
    ]
    entry.issues = (*(entry.issues or ()), *own)

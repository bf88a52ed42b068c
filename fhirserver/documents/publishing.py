"""ITI-105 (simplified publish), applied: one DocumentReference with its content inside.

MHD 4.2.3, 3.105; TD2 and TD2.1 of PDSm4DMP. The content becomes a Binary of its own id; url, hash and size are set; a
submission set is made of it; what the document replaces is superseded by the server itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fhirserver.access.decide import decide
from fhirserver.dmp import marks
from fhirserver.dmp.content import attachments, media
from fhirserver.dmp.content.attachments import Examined
from fhirserver.dmp.names import SIMPLIFIED_PUBLISH
from fhirserver.dmp.submissions import checking, derived, patients, relations, retries
from fhirserver.dmp.submissions.checking import Verdicts
from fhirserver.dmp.submissions.facts import Facts
from fhirserver.dmp.submissions.flavours import PROFILES, Flavour
from fhirserver.dmp.submissions.submission import attachment
from fhirserver.documents import claiming
from fhirserver.documents.gathering import Gathering
from fhirserver.documents.submitting import have_ready, mark, record_of, refuse, with_subject
from fhirserver.documents.superseding import supersede
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Finish
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes import writing
from fhirserver.store import Transaction
from fhirserver.validation.policy import has_inline_content

_SENT: Final = "publication"
_ATTEMPT: Final = "publication-attempt"
_LABEL: Final = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}


@dataclass(slots=True)
class Sent:
    """What a push says, whatever the attempt at its commit."""

    examined: Examined
    names: list[str]
    digest: str
    order: tuple[int, ...] = (0,)


def is_publication(request: Request, found: Sequence[Entry]) -> bool:
    """Tell whether a create is an ITI-105: of a DocumentReference with its content.

    What an operator stores without naming the profile is plain FHIR.
    """
    if request.path != ("DocumentReference",) or request.method != "POST" or len(found) != 1:
        return False
    resource = found[0].resource or {}
    if not has_inline_content(resource):
        return False
    claimed = resource.get("meta", {}).get("profile", []) if isinstance(resource.get("meta"), dict) else []
    return not request.caller.everything or any(
        isinstance(profile, str) and profile.partition("|")[0] == SIMPLIFIED_PUBLISH for profile in claimed
    )


def check(services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
    """Check a publication.

    Raises:
        Forbidden, BadRequest, InvalidResource: as for a submission.
    """
    decide(request.caller, "c", "DocumentReference")
    sent = read(services, request, found)
    document = found[0].resource or {}
    wanted = {text for text in (patients.subject(document), patients.source(document)) if text}
    targets = {relation.target for relation in relations.of(document, "") if relation.target}
    known = Gathering(services, request, transaction).facts(wanted, targets, sent.names)

    def judged(used: frozenset[str]) -> tuple[Verdicts, Facts]:
        facts = replace(known, used=known.used | used)
        verdicts = checking.check_simplified(document, facts, services.terminology, sent.examined)
        refuse(services, verdicts, found, {0: SIMPLIFIED_PUBLISH})
        return verdicts, facts

    request.memory[_ATTEMPT] = claiming.decided(request, transaction, sent.names, judged)


def read(services: Services, request: Request, found: Sequence[Entry]) -> Sent:
    """Read a publication, once for all attempts."""
    sent: Sent | None = request.memory.get(_SENT)
    if sent is None:
        document = found[0].resource or {}
        stated = attachment(document)
        examined = attachments.examine(
            stated.get("data"),
            media.bare(stated.get("contentType")),
            "DocumentReference.content[0].attachment.data",
            services.settings.dmp_max_document,
            stated.get("hash"),
        )
        digest = retries.fingerprint_of_document(document, examined.sha256)
        sent = Sent(examined, retries.unique_ids([document]), digest)
        request.memory[_SENT] = sent
    return sent


def plan(services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> Finish:
    """Plan the Binary, the document that names it, and the new version of what it replaces."""
    sent: Sent = request.memory[_SENT]
    verdicts, facts = request.memory[_ATTEMPT]
    (entry,) = found
    patient = verdicts.patient
    assert patient is not None, "a publication without a patient was refused"
    record = record_of(patient)
    binary = _store_content(services, request, transaction, entry, sent.examined, record)
    document = with_subject(entry.resource or {}, patient)
    document = _completed(document, f"Binary/{binary}", sent.examined)
    entry.resource = _profiled(services, document)
    mark(Gathering(services, request, transaction), entry, record)
    entry.issues = (*(entry.issues or ()), *(issue for issue in verdicts.issues if not issue.refuses))
    _store_set(services, request, transaction, entry, record)
    for target in _replaced(entry.resource, facts):
        supersede(services, request, transaction, target, record)

    def finish(answers: Sequence[Answer]) -> None:
        claiming.claim(request, transaction, sent.names, sent.digest, sent.order, answers)

    return finish


def _replaced(document: dict[str, Any], facts: Facts) -> list[str]:
    return list(dict.fromkeys(known.identity.partition("/")[2] for known in relations.replaced(document, facts)))


def _store_content(  # noqa: PLR0913, PLR0917 - a content, and where it belongs
    services: Services, request: Request, transaction: Transaction, entry: Entry, examined: Examined, record: str
) -> str:
    assert entry.identity is not None, "a create has its id reserved"
    stated = attachment(entry.resource or {})
    binary = {
        "resourceType": "Binary",
        "contentType": stated.get("contentType"),
        "securityContext": {"reference": f"DocumentReference/{entry.identity}"},
        "data": stated.get("data"),
    }
    marked = {"dmp": marks.of_content(record, entry.identity)}
    inside = replace(request.within(transaction), marks=marked)
    identity = transaction.reserve("Binary", None, entry.identity)
    have_ready(request, identity, examined)
    draft, upload = writing.prepared(services, inside, binary, identity, "POST")
    if upload is not None:
        transaction.keep_file(upload)
    return transaction.create(draft).id


def _store_set(services: Services, request: Request, transaction: Transaction, entry: Entry, record: str) -> None:
    """Plan the submission set that the document came without."""
    reference = f"DocumentReference/{entry.identity}"
    made = derived.submission_set(entry.resource or {}, reference, request.caller.client, transaction.moment)
    marked = {"dmp": marks.of_list(record, [str(entry.identity)])}
    identity = transaction.reserve("List", None, entry.identity)
    inside = replace(request.within(transaction), marks=marked)
    transaction.create(writing.prepared(services, inside, made, identity, "POST")[0])


def _completed(document: dict[str, Any], url: str, examined: Examined) -> dict[str, Any]:
    """Return a document that names its content where it held it, with what a server sets."""
    content = document["content"][0]
    told = {key: value for key, value in content["attachment"].items() if key != "data"}
    told |= {"url": url, "size": examined.size, "hash": examined.sha1}
    master = {"use": "usual", **document["masterIdentifier"]}
    completed = {**document, "masterIdentifier": master, "content": [{**content, "attachment": told}]}
    completed.setdefault("securityLabel", [_LABEL])
    return completed


def _profiled(services: Services, document: dict[str, Any]) -> dict[str, Any]:
    """Claim the most demanding profile that a published document meets: it is no simplified one any more."""
    meta = dict(document.get("meta", {}))
    for flavour in (Flavour.PDSM, Flavour.MINIMAL):
        profile = PROFILES[flavour].document
        claimed = {**document, "meta": {**meta, "profile": [profile]}}
        if not any(issue.refuses for issue in services.checker.issues(claimed)):
            return claimed
    meta.pop("profile", None)
    return {**document, "meta": meta} if meta else {key: value for key, value in document.items() if key != "meta"}

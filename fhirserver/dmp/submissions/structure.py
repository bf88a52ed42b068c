"""Whether the entries of a submission make up a submission: the rules that look at several entries.

IHE MHD 4.2.3, 3.65.4.1.2 and 3.65.4.1.3 (message semantics, expected actions of the recipient).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhirserver.dmp.names import DESIGNATION_TYPE, JDV_CONTENT_TYPES, SOURCE_ID, URI
from fhirserver.dmp.submissions.faults import fault, warning
from fhirserver.dmp.submissions.flavours import Flavour
from fhirserver.dmp.submissions.submission import Part, Submission, attachment, codings, list_code, reference, unique_id
from fhirserver.issues import Issue
from fhirserver.terminology import Terminology
from fhirserver.terminology.verdicts import Verdict

_OID: Final = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII)
_UUID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FOLDER_METHODS: Final = ("POST", "PUT")


def check(submission: Submission, terminology: Terminology) -> Iterator[Issue]:
    """Give what is wrong with the entries taken together."""
    yield from _kinds(submission)
    yield from _requests(submission)
    yield from _lists(submission)
    yield from _membership(submission)
    yield from _contents(submission)
    yield from _unique_ids(submission)
    for part in submission.sets:
        yield from _source(part)
    sets = {part.position for part in submission.sets}
    for part in submission.lists:
        yield from _designation(part, terminology, required=part.position in sets)


def _kinds(submission: Submission) -> Iterator[Issue]:
    if not submission.sets:
        yield fault(
            "Bundle.entry",
            "submission-set",
            "Il manque le lot de soumission : une List dont code est submissionset (MHDlistTypes).",
            "The submission set is missing: a List whose code is submissionset (MHDlistTypes).",
            "required",
        )
    for extra in submission.sets[1:]:
        yield fault(
            extra.entry,
            "submission-set",
            "Un seul lot de soumission par Bundle ; envoyez les autres séparément.",
            "One submission set for each Bundle; send the others apart.",
        )
    if submission.flavour is Flavour.PDSM and not submission.documents:
        yield fault(
            "Bundle.entry",
            "no-document",
            "Il manque la fiche : au moins une DocumentReference.",
            "The document entry is missing: at least one DocumentReference.",
            "required",
        )
    for part in submission.others:
        yield fault(
            part.entry,
            "entry-kind",
            f"« {part.kind or part.method or '?'} » n'a pas sa place dans une soumission : List, DocumentReference, "
            "Binary, Bundle de type document, Patient, ou PATCH d'une DocumentReference.",
            f'"{part.kind or part.method or "?"}" is no part of a submission: List, DocumentReference, Binary, '
            "Bundle of type document, Patient, or PATCH of a DocumentReference.",
        )


def _requests(submission: Submission) -> Iterator[Issue]:
    folders = {part.position for part in submission.folders}
    for part in submission.parts():
        allowed: tuple[str, ...] = ("POST",)
        if part.position in folders or part.kind == "Patient":
            allowed = _FOLDER_METHODS
        if part.method not in allowed:
            yield fault(
                f"{part.entry}.request.method",
                "entry-method",
                f"request.method doit être {' ou '.join(allowed)} pour {part.kind}.",
                f"request.method must be {' or '.join(allowed)} for {part.kind}.",
            )
        elif part.url.partition("?")[0].partition("/")[0] != part.kind:
            yield fault(
                f"{part.entry}.request.url",
                "entry-url",
                f"request.url doit être {part.kind}.",
                f"request.url must be {part.kind}.",
            )
    counted = Counter(part.full_url for part in submission.parts() if part.full_url)
    for part in submission.parts():
        if part.full_url and counted[part.full_url] > 1:
            yield fault(
                f"{part.entry}.fullUrl",
                "full-url",
                f"fullUrl {part.full_url[:80]} figure dans plusieurs entrées.",
                f"fullUrl {part.full_url[:80]} stands in several entries.",
                "duplicate",
            )


def _lists(submission: Submission) -> Iterator[Issue]:
    for part in submission.lists:
        code = list_code(part.resource)
        if code not in ("submissionset", "folder"):
            shown = code or ", ".join(str(coding.get("code")) for coding in codings(part.resource.get("code"))) or "?"
            yield fault(
                f"{part.path}.code",
                "list-code",
                f"Le code de la List ({shown[:60]}) doit être submissionset (lot) ou folder (classeur), du système "
                "MHDlistTypes.",
                f"The List's code ({shown[:60]}) must be submissionset or folder, of the system MHDlistTypes.",
                "code-invalid",
            )
        for element, expected in (("status", "current"), ("mode", "working")):
            found = part.resource.get(element)
            if found is not None and found != expected:
                yield fault(
                    f"{part.path}.{element}",
                    f"list-{element}",
                    f"{element} doit valoir {expected}.",
                    f"{element} must be {expected}.",
                    "value",
                )


def _membership(submission: Submission) -> Iterator[Issue]:
    """Check that the set names each document and folder, and that what Lists name is there."""
    new = {part.full_url: part for part in (*submission.documents, *submission.folders) if part.full_url}
    yield from (_no_full_url(part) for part in submission.documents if not part.full_url)
    for part in submission.lists:
        yield from _items(part, new)
    if not submission.sets:
        return
    named = {reference(item) for item in _named(submission.sets[0].resource)}
    for full_url, part in new.items():
        if full_url not in named:
            yield fault(
                f"{submission.sets[0].path}.entry",
                "list-item",
                f"Le lot ne désigne pas {part.kind} {full_url[:80]} (entrée {part.position}).",
                f"The submission set does not name {part.kind} {full_url[:80]} (entry {part.position}).",
                "required",
            )


def _items(part: Part, new: Mapping[str, Part]) -> Iterator[Issue]:
    for position, item in enumerate(_named(part.resource)):
        text = reference(item)
        where = f"{part.path}.entry[{position}].item"
        if text is None:
            yield fault(where, "list-item", "item n'a pas de référence.", "item has no reference.", "required")
        elif text.startswith("urn:") and text not in new:
            yield fault(
                f"{where}.reference",
                "list-item",
                f"Aucune fiche du Bundle n'a pour fullUrl {text[:80]}.",
                f"No document entry of the Bundle has the fullUrl {text[:80]}.",
                "not-found",
            )


def _contents(submission: Submission) -> Iterator[Issue]:
    """Check that each document has its content in the Bundle, and each content its document."""
    used: dict[str, Part] = {}
    for part in submission.documents:
        url = attachment(part.resource).get("url")
        where = f"{part.path}.content[0].attachment.url"
        content = submission.content(part)
        if content is None:
            shown = str(url)[:80] if url else "?"
            yield fault(
                where,
                "attachment",
                f"Le contenu ({shown}) n'est pas dans le Bundle : url doit être le fullUrl d'un Binary.",
                f"The content ({shown}) is not in the Bundle: url must be the fullUrl of a Binary.",
                "not-found",
            )
        elif content.full_url in used:
            yield fault(
                where,
                "attachment",
                "Deux fiches partagent un Binary ; donnez à chacune le sien.",
                "Two document entries share a Binary; give each its own.",
                "duplicate",
            )
        if content is not None and content.full_url:
            used[content.full_url] = part
    for part in submission.contents:
        if part.full_url not in used:
            yield fault(
                part.entry,
                "attachment",
                "Aucune fiche ne désigne ce contenu (content.attachment.url).",
                "No document entry names this content (content.attachment.url).",
            )


def _unique_ids(submission: Submission) -> Iterator[Issue]:
    seen: dict[str, Part] = {}
    for part in submission.documents:
        yield from check_unique_id(part.resource, part.path)
        name = unique_id(part.resource)
        if name is None:
            continue
        if name in seen:
            yield fault(
                f"{part.path}.masterIdentifier",
                "unique-id",
                f"Deux fiches du Bundle portent le même uniqueId (entrée {seen[name].position}).",
                f"Two document entries of the Bundle have the same uniqueId (entry {seen[name].position}).",
                "duplicate",
            )
        seen[name] = part


def check_unique_id(document: Mapping[str, Any], path: str) -> Iterator[Issue]:
    """Check that a document's masterIdentifier is there, and is an OID or UUID where it says that it is a URI."""
    identifier = document.get("masterIdentifier")
    if not isinstance(identifier, dict) or not isinstance(identifier.get("value"), str):
        yield fault(
            f"{path}.masterIdentifier",
            "unique-id",
            "La fiche n'a pas d'identifiant unique (masterIdentifier avec system et value).",
            "The document entry has no unique identifier (masterIdentifier with system and value).",
            "required",
        )
        return
    value = identifier["value"]
    if identifier.get("system") == URI and not (_OID.fullmatch(value) or _UUID.fullmatch(value)):
        yield fault(
            f"{path}.masterIdentifier.value",
            "unique-id",
            f"« {value[:80]} » n'est ni un OID (urn:oid:1.2…) ni un UUID (urn:uuid:…) bien formé.",
            f'"{value[:80]}" is neither a well-formed OID (urn:oid:1.2…) nor UUID (urn:uuid:…).',
            "value",
        )


def _source(part: Part) -> Iterator[Issue]:
    for position, extension in _extensions(part.resource, SOURCE_ID):
        identifier = extension.get("valueIdentifier")
        value = identifier.get("value") if isinstance(identifier, dict) else None
        system = identifier.get("system") if isinstance(identifier, dict) else None
        as_uri = system in (None, URI)
        if not isinstance(value, str) or (as_uri and not (_OID.fullmatch(value) or _UUID.fullmatch(value))):
            yield fault(
                f"{part.path}.extension[{position}].valueIdentifier",
                "source-id",
                "sourceId doit identifier le système source par un OID (urn:oid:1.2…).",
                "sourceId must identify the source system by an OID (urn:oid:1.2…).",
                "value",
            )


def _designation(part: Part, terminology: Terminology, *, required: bool) -> Iterator[Issue]:
    for position, extension in _extensions(part.resource, DESIGNATION_TYPE):
        where = f"{part.path}.extension[{position}].valueCodeableConcept"
        found = codings(extension.get("valueCodeableConcept"))
        if not any(coding.get("system") and coding.get("code") for coding in found):
            yield fault(
                where,
                "designation-type",
                "designationType demande un code et son système (JDV_J03).",
                "designationType needs a code and its system (JDV_J03).",
                "required",
            )
        elif required and all(
            terminology.member(JDV_CONTENT_TYPES, coding.get("system"), str(coding.get("code"))).verdict is Verdict.OUT
            for coding in found
        ):
            yield warning(
                where,
                "designation-type",
                f"Le type d'activité {found[0].get('code')} n'est pas du jeu de valeurs JDV_J03.",
                f"The content type {found[0].get('code')} is not in the value set JDV_J03.",
                "code-invalid",
            )


def _extensions(resource: Mapping[str, Any], url: str) -> list[tuple[int, Mapping[str, Any]]]:
    found = resource.get("extension")
    return [
        (position, item)
        for position, item in enumerate(found if isinstance(found, list) else [])
        if isinstance(item, dict) and item.get("url") == url
    ]


def _named(resource: Mapping[str, Any]) -> list[Any]:
    found = resource.get("entry")
    return [item.get("item") if isinstance(item, dict) else None for item in found] if isinstance(found, list) else []


def _no_full_url(part: Part) -> Issue:
    return fault(
        f"{part.entry}.fullUrl",
        "full-url",
        "La fiche n'a pas de fullUrl : le lot ne peut pas la désigner.",
        "The document entry has no fullUrl: the submission set cannot name it.",
        "required",
    )

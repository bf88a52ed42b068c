"""Relations between documents (`relatesTo`): their targets, and who may replace whose document.

`replaces` makes the old document superseded; `appends`, `transforms` and `signs` leave it current. In an ITI-65
Bundle the change of the old document is an entry of its own, a FHIRPath PATCH (MHD 4.2.3, 3.65.4.1.2; TD2.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fhirserver.dmp import marks
from fhirserver.dmp.authors import wrote
from fhirserver.dmp.submissions.facts import Facts, Known
from fhirserver.dmp.submissions.faults import fault
from fhirserver.dmp.submissions.patients import subject
from fhirserver.dmp.submissions.submission import Part, Submission, criteria
from fhirserver.issues import Issue

KIND: Final = "DocumentReference"
CODES: Final = ("replaces", "appends", "transforms", "signs")
MOST_LISTED: Final = 1000
"""How many documents, here already, the Lists of one submission may name."""
NOT_AUTHOR: Final = "replace-author"
"""The rule of a fault that is a refusal of access, when nothing else is wrong."""


class Relation(NamedTuple):
    """One relation of a document.

    Attributes:
        code: as in DocumentReference.relatesTo.code.
        target: the reference; one by identifier alone as a conditional reference.
        path: FHIRPath of the relation.
    """

    code: str
    target: str | None
    path: str


def of(document: Mapping[str, Any], path: str) -> list[Relation]:
    """Return a document's relations."""
    found = document.get("relatesTo")
    return [
        Relation(
            str(item.get("code", "")),
            criteria(item.get("target"), "DocumentReference"),
            f"{path}.relatesTo[{position}]",
        )
        for position, item in enumerate(found if isinstance(found, list) else [])
        if isinstance(item, dict)
    ]


def references(submission: Submission) -> set[str]:
    """Return every reference to a document that has to be looked up: targets, and urls of PATCH entries."""
    inside = {part.full_url for part in submission.documents}
    targets = {relation.target for part in submission.documents for relation in of(part.resource, part.path)}
    urls = {part.url for part in submission.patches}
    named = {item.target for item in listed(submission)[:MOST_LISTED]}
    return {text for text in targets | urls | named if text and text not in inside}


def listed(submission: Submission) -> list[Relation]:
    """Return what the Lists name outside of the Bundle: documents that are here already."""
    found = []
    for part in submission.lists:
        entries = part.resource.get("entry")
        for position, entry in enumerate(entries if isinstance(entries, list) else []):
            text = criteria(entry.get("item"), KIND) if isinstance(entry, dict) else None
            if text and KIND in text and not text.startswith("urn:"):
                found.append(Relation("", text, f"{part.path}.entry[{position}]"))
    return found


def replaced(document: Mapping[str, Any], facts: Facts) -> list[Known]:
    """Return the documents, known here, that a document replaces."""
    texts = [relation.target for relation in of(document, "") if relation.code == "replaces" and relation.target]
    return [found[0] for text in texts if len(found := facts.targets.get(text, ())) == 1]


def check(submission: Submission, facts: Facts, patient: Known | None) -> Iterator[Issue]:
    """Give what is wrong with the relations of a submission's documents and its PATCH entries."""
    inside = {part.full_url: part for part in submission.documents if part.full_url}
    claimed: dict[str, str] = {}
    for part in submission.documents:
        for relation in of(part.resource, part.path):
            if relation.target in inside:
                yield from _within(part, relation, inside[str(relation.target)])
                continue
            yield from check_target(relation, facts, patient)
            found = facts.targets.get(relation.target or "", ())
            if relation.code == "replaces" and len(found) == 1:
                if found[0].identity in claimed:
                    yield fault(
                        relation.path,
                        "replaced-twice",
                        f"Deux fiches remplacent {found[0].identity} ({claimed[found[0].identity]}).",
                        f"Two document entries replace {found[0].identity} ({claimed[found[0].identity]}).",
                        "duplicate",
                    )
                claimed[found[0].identity] = relation.path
    yield from _cycles(inside)
    yield from _listed(submission, facts, patient)
    yield from _patches(submission, facts, claimed)


def check_target(relation: Relation, facts: Facts, patient: Known | None) -> Iterator[Issue]:
    """Check one relation to a document that is here already."""
    where = f"{relation.path}.target"
    if relation.code not in CODES:
        yield fault(
            f"{relation.path}.code",
            "relation-code",
            f"Relation inconnue : {relation.code[:40] or '?'} ; attendu : {', '.join(CODES)}.",
            f"Unknown relation: {relation.code[:40] or '?'}; expected: {', '.join(CODES)}.",
            "code-invalid",
        )
    wrong = list(_known(relation, where, facts, patient))
    if wrong:
        # nothing more is told of another patient's document
        yield from wrong
        return
    target = facts.targets[relation.target or ""][0]
    status = target.resource.get("status")
    if status != "current":
        yield fault(
            where,
            "relation-status",
            f"La cible {target.identity} n'est plus en vigueur (status {status}) : visez la dernière version.",
            f"The target {target.identity} is no longer current (status {status}): name the latest version.",
        )
    if relation.code == "replaces" and not may_replace(target, facts):
        yield fault(
            where,
            NOT_AUTHOR,
            f"Seul l'auteur de {target.identity}, ou sa structure, peut le remplacer.",
            f"Only the author of {target.identity}, or his structure, may replace it.",
            "forbidden",
        )


def _known(relation: Relation, where: str, facts: Facts, patient: Known | None) -> Iterator[Issue]:
    """Check that a reference leads to one document that is here, and of the same patient."""
    found = facts.targets.get(relation.target or "", ())
    if len(found) != 1:
        shown, known = (relation.target or "?")[:120], "désigne plusieurs documents" if found else "n'existe pas ici"
        yield fault(
            where,
            "relation-target",
            f"La cible {shown} {known}.",
            f"The target {shown} {'selects several documents' if found else 'is not here'}.",
            "multiple-matches" if found else "not-found",
        )
    elif patient is not None and subject(found[0].resource) not in (None, patient.identity):
        yield fault(
            where,
            "relation-patient",
            "La cible est un document d'un autre patient.",
            "The target is a document of another patient.",
        )


def may_replace(target: Known, facts: Facts) -> bool:
    """Tell whether the sender may replace a document: its author, his structure, or an operator."""
    sender = facts.sender
    if sender.ins is not None:
        return f"ins:{sender.ins}" in marks.named_authors(target.resource)
    return sender.everything or wrote(target.resource, target.sender, (sender.rpps, sender.structure), target.authors)


def _within(part: Part, relation: Relation, target: Part) -> Iterator[Issue]:
    if target is part:
        yield fault(
            relation.path,
            "relation-cycle",
            "Un document n'est pas relié à lui-même.",
            "A document is not related to itself.",
        )
    elif relation.code == "replaces":
        yield fault(
            relation.path,
            "relation-target",
            "Un document ne remplace pas un document du même lot : n'envoyez que le dernier.",
            "A document does not replace one of the same submission: send the latest only.",
        )


def _listed(submission: Submission, facts: Facts, patient: Known | None) -> Iterator[Issue]:
    named = listed(submission)
    for item in named[:MOST_LISTED]:
        yield from _known(item, f"{item.path}.item", facts, patient)
    if len(named) > MOST_LISTED:
        yield fault(
            named[MOST_LISTED].path,
            "list-item",
            f"Un lot désigne {MOST_LISTED} documents déjà déposés au plus.",
            f"A submission names {MOST_LISTED} documents that are here already, at most.",
            "too-long",
        )


def _cycles(inside: Mapping[str, Part]) -> Iterator[Issue]:
    """Find documents of the submission that lead back to themselves over several relations."""
    leads = {
        url: {str(each.target) for each in of(part.resource, part.path) if each.target in inside and each.target != url}
        for url, part in inside.items()
    }
    leading: dict[str, list[str]] = {}
    for url, targets in leads.items():
        for target in targets:
            leading.setdefault(target, []).append(url)
    # what leads nowhere any more is taken away, again and again: what stays lies on a cycle, or before one
    ends = [url for url, targets in leads.items() if not targets]
    for end in ends:  # it grows meanwhile
        for url in leading.get(end, ()):
            leads[url].discard(end)
            if not leads[url]:
                ends.append(url)
    for url in (url for url, targets in leads.items() if targets):
        yield fault(
            f"{inside[url].path}.relatesTo",
            "relation-cycle",
            "Les relations entre les documents du lot forment un cycle.",
            "The relations between the documents of the submission make a cycle.",
        )


def _patches(submission: Submission, facts: Facts, replaced_paths: Mapping[str, str]) -> Iterator[Issue]:
    patched: set[str] = set()
    for part in submission.patches:
        found = facts.targets.get(part.url, ())
        if len(found) != 1:
            yield fault(
                f"{part.entry}.request.url",
                "patch-target",
                f"{part.url[:120] or '?'} ne désigne aucun document à remplacer.",
                f"{part.url[:120] or '?'} selects no document to replace.",
                "not-found",
            )
            continue
        patched.add(found[0].identity)
        if not supersedes(part.resource):
            yield fault(
                part.path,
                "patch",
                "Le PATCH d'une soumission ne fait que mettre DocumentReference.status à superseded "
                "(Parameters : operation de type replace).",
                "The PATCH of a submission only sets DocumentReference.status to superseded "
                "(Parameters: operation of type replace).",
            )
        if found[0].identity not in replaced_paths:
            yield fault(
                part.entry,
                "patch-alone",
                f"Aucune fiche du lot ne remplace {found[0].identity} (relatesTo.code replaces).",
                f"No document entry of the submission replaces {found[0].identity} (relatesTo.code replaces).",
            )
    for name, path in replaced_paths.items():
        if name not in patched:
            yield fault(
                path,
                "patch-missing",
                f"Il manque l'entrée PATCH {name} qui met l'ancien document à superseded.",
                f"The entry PATCH {name} that sets the old document to superseded is missing.",
                "required",
            )


def supersedes(parameters: Mapping[str, Any]) -> bool:
    """Tell whether a FHIRPath Patch does one thing: set DocumentReference.status to superseded."""
    operations = parameters.get("parameter")
    if parameters.get("resourceType") != "Parameters" or not isinstance(operations, list) or len(operations) != 1:
        return False
    operation = operations[0]
    if not isinstance(operation, dict) or operation.get("name") != "operation":
        return False
    parts = {
        part.get("name"): next((value for key, value in part.items() if key.startswith("value")), None)
        for part in operation.get("part", [])
        if isinstance(part, dict)
    }
    return parts == {"type": "replace", "path": "DocumentReference.status", "value": "superseded"}

"""A CDA's header compared with the metadata under which it is filed.

The metadata of a document are derived from its header (IHE PCC TF-2, 4.1; CI-SIS, volet Partage de documents de
santé): what both state must agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fhirserver.dmp import identity
from fhirserver.dmp.authors import national_ids
from fhirserver.dmp.cda.header import Header, Identifier
from fhirserver.dmp.submissions.faults import fault, warning
from fhirserver.dmp.submissions.submission import attachment, codings
from fhirserver.issues import Issue, Text

_IN_HEADER: Final = Text("en-tête du CDA", "header of the CDA")
_INS_ROOTS: Final = {system.removeprefix("urn:oid:"): system for system in identity.SYSTEMS}


def compare(
    document: Mapping[str, Any],
    path: str,
    header: Header,
    patient: Mapping[str, Any] | None,
    replaced: Sequence[Mapping[str, Any]],
) -> Iterator[Issue]:
    """Give what differs between a document's metadata and its header.

    Args:
        document: the DocumentReference, with its contained resources.
        path: its FHIRPath.
        header: of its CDA.
        patient: the Patient whom it is filed for; None where that is not known.
        replaced: the documents that it replaces.
    """
    yield from _identifier(document, path, header)
    yield from _type(document, path, header)
    yield from _texts(document, path, header)
    yield from _dates(document, path, header)
    yield from _authors(document, path, header)
    yield from _related(path, header, replaced)
    if patient is not None:
        yield from _patient(path, header, patient)


def _identifier(document: Mapping[str, Any], path: str, header: Header) -> Iterator[Issue]:
    master = document.get("masterIdentifier")
    value = master.get("value") if isinstance(master, dict) else None
    if header.identifier is None or not isinstance(value, str) or same_id(value, header.identifier):
        return
    yield fault(
        f"{path}.masterIdentifier",
        "cda-identifier",
        f"masterIdentifier n'est pas l'identifiant du CDA ({header.identifier.text[:80]}).",
        f"masterIdentifier is not the identifier of the CDA ({header.identifier.text[:80]}).",
    )


def same_id(value: str, identifier: Identifier) -> bool:
    """Tell whether a uniqueId names the document of an instance identifier."""
    plain = value.lower().removeprefix("urn:oid:").removeprefix("urn:uuid:")
    if not identifier.extension:
        return plain == identifier.root.lower()
    # the OID may stand in the identifier's system, before a caret, or before a dot
    forms = (identifier.extension, identifier.text, f"{identifier.root}.{identifier.extension}")
    return plain in {form.lower() for form in forms}


def _type(document: Mapping[str, Any], path: str, header: Header) -> Iterator[Issue]:
    stated = [coding.get("code") for coding in codings(document.get("type"))]
    if header.type is not None and stated and header.type.code not in stated:
        yield fault(
            f"{path}.type",
            "cda-type",
            f"Le type {stated[0]} n'est pas celui du CDA ({header.type.code}).",
            f"The type {stated[0]} is not that of the CDA ({header.type.code}).",
        )


def _texts(document: Mapping[str, Any], path: str, header: Header) -> Iterator[Issue]:
    stated, where = attachment(document), f"{path}.content[0].attachment"
    title = stated.get("title")
    if header.title and isinstance(title, str) and identity.plain(title) != identity.plain(header.title):
        yield warning(
            f"{where}.title",
            "cda-title",
            f"Le titre n'est pas celui du CDA (« {header.title[:80]} »).",
            f'The title is not that of the CDA ("{header.title[:80]}").',
        )
    language = stated.get("language")
    if header.language and isinstance(language, str) and language[:2].lower() != header.language[:2].lower():
        yield fault(
            f"{where}.language",
            "cda-language",
            f"La langue {language} n'est pas celle du CDA ({header.language[:20]}).",
            f"The language {language} is not that of the CDA ({header.language[:20]}).",
        )


def _dates(document: Mapping[str, Any], path: str, header: Header) -> Iterator[Issue]:
    context = document.get("context")
    period = context.get("period") if isinstance(context, dict) else None
    period = period if isinstance(period, dict) else {}
    pairs = (
        (attachment(document).get("creation"), header.effective, f"{path}.content[0].attachment.creation"),
        (period.get("start"), header.start, f"{path}.context.period.start"),
        (period.get("end"), header.end, f"{path}.context.period.end"),
    )
    for stated, known, where in pairs:
        if isinstance(stated, str) and known and stated[:10] != known[:10]:
            yield fault(
                where,
                "cda-date",
                f"La date {stated[:25]} n'est pas celle du CDA ({known[:25]}).",
                f"The date {stated[:25]} is not that of the CDA ({known[:25]}).",
            )


def _authors(document: Mapping[str, Any], path: str, header: Header) -> Iterator[Issue]:
    stated = national_ids(document)
    known = {
        identifier.extension
        for author in header.authors
        for identifier in (*author.identifiers, *author.organization)
        if identifier.extension
    }
    if stated and known and not stated & known:
        yield fault(
            f"{path}.author",
            "cda-author",
            "Aucun auteur de la fiche n'est auteur du CDA.",
            "No author of the metadata is an author of the CDA.",
        )


def _related(path: str, header: Header, replaced: Sequence[Mapping[str, Any]]) -> Iterator[Issue]:
    wanted = [identifier for relation, identifier in header.related if relation == "replaces"]
    masters = [str((old.get("masterIdentifier") or {}).get("value", "")) for old in replaced]
    for identifier in wanted:
        if not any(same_id(master, identifier) for master in masters):
            yield fault(
                f"{path}.relatesTo",
                "cda-related",
                f"Le CDA remplace {identifier.text[:80]} (relatedDocument) ; relatesTo ne le dit pas.",
                f"The CDA replaces {identifier.text[:80]} (relatedDocument); relatesTo does not say so.",
            )
    if replaced and not wanted:
        yield warning(
            f"{path}.relatesTo",
            "cda-related",
            "Le CDA ne dit pas ce qu'il remplace (relatedDocument typeCode RPLC).",
            "The CDA does not say what it replaces (relatedDocument typeCode RPLC).",
        )


def _patient(path: str, header: Header, patient: Mapping[str, Any]) -> Iterator[Issue]:
    if header.patients > 1:
        yield fault(
            f"{path}.subject",
            "cda-patient",
            "Le CDA concerne plusieurs patients (recordTarget) : un document est celui d'un seul.",
            "The CDA is about several patients (recordTarget): a document is that of one.",
        )
    known = set(identity.national(patient))
    stated = [
        (_INS_ROOTS[identifier.root], identifier.extension)
        for identifier in header.patient.identifiers
        if identifier.root in _INS_ROOTS
    ]
    if known and stated and not known & set(stated):
        yield fault(
            f"{path}.subject",
            "cda-patient",
            "Le CDA concerne un autre patient : son INS n'est pas celle du dossier.",
            "The CDA is about another patient: its INS is not that of the record.",
        )
    yield from identity.differences(header.traits, identity.traits(patient), f"{path}.subject", _IN_HEADER)

"""Whether a caller sees one version of what belongs to a record: documents, their contents, submission sets, folders.

A document is judged by its present labels, whichever version is asked for: what was hidden today is not read in
yesterday's version. A content is seen by whoever sees its document; a submission set or folder by whoever sees all
that it lists, since its entries would tell of what is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhirserver.dmp import marks
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.visibility import Decision, Part, decide, enter
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.records import callers, keeping
from fhirserver.store import Stored

KIND: Final = "DocumentReference"
_HIDDEN: Final = Decision(visible=False, reason="nobody")


def mark_of(stored: Stored | None) -> Mapping[str, Any] | None:
    """Return the marks of a version that belongs to a record; None for plain FHIR."""
    return None if stored is None else stored.origin.get("dmp")


def shows(services: Services, request: Request, matrix: Habilitation, stored: Stored) -> bool:
    """Tell whether the caller may know of a version."""
    if mark_of(stored) is None or callers.is_exempt(request.caller):
        return True
    return judge(services, request, matrix, stored).visible


def judge(services: Services, request: Request, matrix: Habilitation, stored: Stored) -> Decision:
    """Decide on a version that belongs to a record."""
    mark = mark_of(stored) or {}
    if "labels" in mark:
        seen = _document(services, request, matrix, mark)
        if seen.visible and "_history" in request.path:
            current = _read(services, request, [stored.id]).get(stored.id)
            present = mark_of(current)
            return _document(services, request, matrix, present) if present is not None else _HIDDEN
        return seen
    if "notice" in mark:
        return _notice(services, request, matrix, mark)
    if "documents" in mark and not mark["documents"]:
        return _entry(services, request, matrix, mark["record"])
    shown = [mark["document"]] if "document" in mark else mark.get("documents", ())
    return _all(services, request, matrix, shown)


def _notice(services: Services, request: Request, matrix: Habilitation, mark: Mapping[str, Any]) -> Decision:
    """Decide on a notification: the patient's, and his representatives', as far as they see what it is about."""
    reader = keeping.opened(services, request, matrix, mark["record"]).reader
    represents = reader.part is Part.REPRESENTATIVE and reader.represents and "secret" not in mark
    if reader.part is not Part.PATIENT and not represents:
        return _HIDDEN
    if "about" in mark:
        return _all(services, request, matrix, [mark["about"]])
    return Decision(visible=True, reason=reader.part.value)


def _entry(services: Services, request: Request, matrix: Habilitation, key: str) -> Decision:
    opened = keeping.opened(services, request, matrix, key)
    return enter(opened.reader, opened.record.standing)


def _all(services: Services, request: Request, matrix: Habilitation, ids: Sequence[str]) -> Decision:
    """Decide on what shows several documents; a document that is not there is not seen."""
    found = _read(services, request, ids)
    decision = _HIDDEN
    for identity in ids:
        mark = mark_of(found.get(identity))
        decision = _document(services, request, matrix, mark) if mark is not None else _HIDDEN
        if not decision.visible:
            return decision
    return decision


def _document(services: Services, request: Request, matrix: Habilitation, mark: Mapping[str, Any]) -> Decision:
    opened = keeping.opened(services, request, matrix, mark["record"])
    return decide(opened.reader, marks.judged(mark, callers.signs(request.caller)), opened.record.standing, matrix)


def _read(services: Services, request: Request, ids: Sequence[str]) -> dict[str, Stored]:
    if request.unit is not None:
        read = {identity: request.unit.read(KIND, identity) for identity in ids}
        return {identity: stored for identity, stored in read.items() if stored is not None}
    return {stored.id: stored for stored in services.store.read_many([(KIND, each) for each in ids]).values()}

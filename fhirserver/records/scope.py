"""Which records a search concerns: those of the patient it names, else those that name the reader.

A search that names neither a patient nor a document looks into the records in which the reader has a part (care team,
consent, treating doctor); emergency and regulation access, and an author's own documents elsewhere, name the patient.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fhirserver import jsontext
from fhirserver.dmp.identity import SYSTEMS
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.records import callers, keeping
from fhirserver.records.sight import mark_of

_MEMORY: Final = "dmp-scope"
_INS: Final = re.compile(r"(?<![\w.])\d{5}(?:\d\d|2A|2B)\d{8}(?!\w)", re.ASCII)
_PATIENT: Final = re.compile(r"(?:^|[/,])Patient/([A-Za-z0-9\-.]{1,64})", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_MOST: Final = 50
_OF_PATIENT: Final = frozenset({"patient", "subject"})
_OF_DOCUMENT: Final = frozenset({"DocumentReference", "List"})

Pairs = Sequence[tuple[str, str]]


def note(services: Services, request: Request, pairs: Pairs) -> None:
    """Note which records a search concerns, before it runs."""
    if callers.is_exempt(request.caller) or callers.key(request.caller) is not None:
        return
    found = [f"{system}|{number}" for number in _numbers(pairs) for system in sorted(SYSTEMS)]
    patients = list(dict.fromkeys(_patients(request, pairs)))[:_MOST]
    for stored in services.store.read_many([("Patient", each) for each in patients]).values():
        if not stored.deleted:
            found += keeping.of_patient(jsontext.read(stored.body))
    found += _of_named_documents(services, request, pairs)
    request.memory[_MEMORY] = list(dict.fromkeys(found))


def noted(request: Request) -> list[str]:
    """Return the keys of the records that the present search names."""
    found: list[str] = request.memory.get(_MEMORY, [])
    return found


def keys(services: Services, request: Request) -> list[str]:
    """Return the keys of the records that the present search concerns."""
    own = callers.key(request.caller)
    if own is not None:
        return [own]
    known = noted(request)
    if not known:
        known = request.memory[_MEMORY] = keeping.of_reader(services, request)
    return known


def _numbers(pairs: Pairs) -> list[str]:
    return list(dict.fromkeys(number for _, value in pairs for number in _INS.findall(value)))[:_MOST]


def _patients(request: Request, pairs: Pairs) -> Iterator[str]:
    """Give the ids of Patient resources that a search names."""
    if len(request.path) > 1 and request.path[0] == "Patient":
        yield request.path[1]
    for name, value in pairs:
        yield from _PATIENT.findall(value)
        code = name.partition(":")[0]
        if code in _OF_PATIENT or (code == "_id" and request.path[:1] == ("Patient",)):
            yield from (each for each in value.split(",") if _ID.fullmatch(each))


def _of_named_documents(services: Services, request: Request, pairs: Pairs) -> list[str]:
    """Return the records of the documents that a search names by id or identifier."""
    kind = request.path[0] if request.path else ""
    if kind not in _OF_DOCUMENT:
        return []
    ids = [each for name, value in pairs if name == "_id" for each in value.split(",") if _ID.fullmatch(each)]
    for name, value in pairs:
        if name == "identifier" and value.strip():
            ids += services.searcher.ids(kind, [(name, value)], _MOST)
    stored = services.store.read_many([(kind, each) for each in dict.fromkeys(ids[:_MOST])])
    return [mark["record"] for each in stored.values() if (mark := mark_of(each)) is not None]

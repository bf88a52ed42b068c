"""TD0.2: does the DMP exist, is it active, may I read it (PSDm4DMP).

A DMP client's search for a Patient by identity answers 0 entries where there is no record, else the Patient with the
record's state; `_revinclude=Consent:patient` adds the caller's own authorisation. Any other client gets the Patient
that prescriptions use, as the store has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from fhirserver import jsontext
from fhirserver.access.decide import decide
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.records import views as record_views
from fhirserver.dmp.visibility import Part, State, enter
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import subset, visibility
from fhirserver.records import callers, keeping

_MOST: Final = 10
_CONSENT: Final = ("_revinclude", "Consent:patient")
_CONTROL: Final = frozenset(
    ("_format", "_pretty", "_count", "_total", "_revinclude", "_include", "_summary", "_elements")
)
_MODES: Final = ("match", "include")

Pairs = Sequence[tuple[str, str]]


def is_asked(services: Services, request: Request, kind: str, pairs: Pairs) -> bool:
    """Tell whether a search is a TD0.2: by a DMP client, for a Patient by identifier."""
    return (
        kind == "Patient"
        and callers.is_client(request.caller, services.settings)
        and any(name == "identifier" for name, _ in pairs)
    )


def answer(services: Services, request: Request, matrix: Habilitation, pairs: Pairs) -> Answer:
    """Answer the records of the patients that are asked for."""
    narrowing = visibility.narrowing(services, request, decide(request.caller, "s", "Patient"))
    criteria = [(name, value) for name, value in pairs if name not in _CONTROL]
    ids = services.searcher.ids("Patient", criteria, _MOST, narrowing=narrowing)
    entries: list[dict[str, Any]] = []
    found: list[str] = []
    for stored in services.store.read_many([("Patient", each) for each in sorted(ids)]).values():
        patient: dict[str, Any] = jsontext.read(stored.body)
        for opened in _records(services, request, matrix, patient):
            found.append(f"Patient/{stored.id}")
            entries.append(_entry(request, record_views.patient(opened.record, patient, full=True), "match"))
            if _CONSENT in pairs:
                entries.append(_entry(request, consent(request, opened, stored.id), "include"))
    request.record("search", "Patient", query=[list(pair) for pair in pairs], found=found, transaction="TD0.2")
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": [{"relation": "self", "url": f"{request.base}/Patient?{urlencode(pairs)}"}],
    }
    if entries and not _counted(pairs):
        bundle["entry"] = _cut(services, pairs, entries)
    return Answer(200, resource=bundle)


def _counted(pairs: Pairs) -> bool:
    return ("_summary", "count") in pairs or ("_count", "0") in pairs


def _cut(services: Services, pairs: Pairs, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries with the part of each resource that the search asks for."""
    cuts = {mode: subset.choose(services.definitions, pairs, included=mode == "include") for mode in _MODES}
    return [
        each if (cut := cuts[each["search"]["mode"]]) is None else {**each, "resource": cut(each["resource"])}
        for each in entries
    ]


def consent(request: Request, opened: keeping.Opened, patient: str) -> dict[str, Any]:
    """Return the caller's own authorisation state on a record."""
    return record_views.authorisation(
        opened.record,
        patient,
        callers.names(request.caller),
        enter(opened.reader, opened.record.standing),
        now=datetime.now(UTC),
        language=request.language,
    )


def _records(
    services: Services, request: Request, matrix: Habilitation, patient: dict[str, Any]
) -> list[keeping.Opened]:
    """Return the records of a patient that were opened at some time, as far as the caller may know of them."""
    opened = keeping.open_many(services, request, matrix, keeping.of_patient(patient))
    own = callers.key(request.caller)
    return [
        each
        for each in opened
        if each.record.state is not State.ABSENT
        and (each.reader.part is not Part.NOBODY or callers.is_exempt(request.caller))
        and own in (None, each.record.key)
    ][:1]


def _entry(request: Request, resource: dict[str, Any], mode: str) -> dict[str, Any]:
    return {
        "fullUrl": f"{request.base}/{resource['resourceType']}/{resource['id']}",
        "resource": resource,
        "search": {"mode": mode},
    }

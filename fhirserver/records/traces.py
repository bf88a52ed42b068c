"""Who accessed a record, when and how: noted with each access, and told to the patient as AuditEvent.

Every access to documents leaves one record of the audit with the record's key, the reader, the mode in which he came
and the rule by which he was let in. `GET AuditEvent` by a patient's token lists those of his own record and of the
records that were merged into it, newest first.
What was shown is named as far as he who asks may see it himself; to a representative, an access that showed nothing of
that kind is not told at all, since it may be part of a minor's secret.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from fhirserver.access.caller import Role
from fhirserver.access.decide import decide
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.visibility import REASONS, Mode, Part, Reader, enter
from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Language, Text
from fhirserver.prescription.lines import paris_day
from fhirserver.records import callers, keeping, scope, sight
from fhirserver.records.after import notices
from fhirserver.records.after.notices import Access
from fhirserver.search.values import instants
from fhirserver.store import Stored

_MOST: Final = 1_000
_SEARCHED: Final = (("DocumentReference",), ("List",))
_ACTION: Final = "dmp-access"
_CONTROL: Final = frozenset(("_format", "_pretty", "_count", "_sort", "patient", "patient.identifier", "date"))
_PREFIXES: Final = ("ge", "gt", "le", "lt")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CODES: Final = "urn:fhirserver:CodeSystem:dmp"


def note(services: Services, request: Request, matrix: Habilitation, found: Sequence[Stored]) -> None:
    """Note one access for each record of which something was shown: with the answer's own, where it shows no other."""
    if callers.is_exempt(request.caller):
        return
    by_record: dict[str, list[Stored]] = {}
    for stored in found:
        mark = sight.mark_of(stored)
        if mark is not None:
            by_record.setdefault(mark["record"], []).append(stored)
    for key, shown in by_record.items():
        opened = keeping.opened(services, request, matrix, key)
        access = {
            "record": key,
            "found": [f"{stored.type}/{stored.id}" for stored in shown],
            "mode": opened.reader.mode.value,
            "reason": sight.judge(services, request, matrix, shown[0]).reason,
        }
        if len(shown) == len(found):
            request.trail[-1] |= access
        else:
            request.record(_ACTION, shown[0].type, shown[0].id if len(shown) == 1 else None, **access)
        if opened.reader.mode is not Mode.NORMAL:
            _tell(services, request, opened)
    _note_opened(services, request, matrix, by_record)


def _note_opened(services: Services, request: Request, matrix: Habilitation, shown: Collection[str]) -> None:
    """Note that a search opened records in an emergency or as a regulation centre, though it found nothing there."""
    caller, path = request.caller, request.path
    within = path[2:] if path[:1] == ("Patient",) else path  # a compartment's, or the type's own
    searched = within[:1] in _SEARCHED and within[1:] in ((), ("_search",))
    # what opens a minor's secret alone is told to nobody but by what it shows
    if not searched or callers.mode(caller) is Mode.NORMAL or caller.secret:
        return
    for key in scope.noted(request):
        opened = keeping.opened(services, request, matrix, key)
        entry = enter(opened.reader, opened.record.standing)
        if key in shown or not entry.visible or entry.reason != opened.reader.mode.value:
            continue
        mode = opened.reader.mode.value
        request.record(_ACTION, within[0], record=key, found=[], mode=mode, reason=entry.reason)
        _tell(services, request, opened)


def note_change(services: Services, request: Request, matrix: Habilitation, stored: Stored) -> None:
    """Note that a document's attributes were changed: its answer shows the document, as a read does."""
    # the commit may be tried again
    noted = any(each.get("change") and each["id"] == stored.id for each in request.trail)
    if callers.is_exempt(request.caller) or noted:
        return
    request.record(_ACTION, stored.type, stored.id, change=True)
    note(services, request, matrix, (stored,))


def _tell(services: Services, request: Request, opened: keeping.Opened) -> None:
    """Have the patient told of an access in an emergency or by a regulation centre, once a day for each reader."""
    record, caller = opened.record, request.caller
    if "access" not in record.notified:
        return
    reader = callers.names(caller)[0]
    day = paris_day(datetime.now(UTC)).isoformat()
    access = Access(opened.reader.mode.value, reader, caller.name or reader, day, caller.secret)
    if services.store.read("Communication", access.identity(record.key)) is not None:
        return
    if request.unit is not None:
        notices.of_access(request.unit, record.key, access)
    else:
        services.store.transact(lambda transaction: notices.of_access(transaction, record.key, access))


def is_asked(request: Request, kind: str) -> bool:
    """Tell whether a patient asks who accessed his record."""
    return kind == "AuditEvent" and request.caller.role is Role.PATIENT


def answer(services: Services, request: Request, matrix: Habilitation, pairs: Sequence[tuple[str, str]]) -> Answer:
    """Answer the accesses to the patient's own record, newest first.

    Raises:
        BadRequest: a criterion that is not offered here.
    """
    decide(request.caller, "s", "AuditEvent")
    unknown = [name for name, _ in pairs if name not in _CONTROL]
    if unknown:
        raise BadRequest(
            Text(
                f"Critère inconnu ici : {unknown[0][:40]} ; offerts : date, _count.",
                f"Unknown criterion here: {unknown[0][:40]}; offered: date, _count.",
            ),
            rule="search-parameter",
        )
    key = callers.key(request.caller)
    assert key is not None, "a patient's token carries the INS"
    since, until = _span([value for name, value in pairs if name == "date"], services.settings.time_zone)
    count = _count(pairs)
    opened = keeping.opened(services, request, matrix, key)
    keys = (key, *opened.record.former)
    more = services.store.audit.of_records(keys, since, until, count + 1)
    found = _page(services, keys, more, count)
    records = list(_told(services, request, matrix, opened.reader, found))
    entries = [
        {
            "fullUrl": f"{request.base}/AuditEvent/{event['id']}",
            "resource": event,
            "search": {"mode": "match"},
        }
        for event in _events(records, request.language)
    ]
    request.record("search", "AuditEvent", query=[list(pair) for pair in pairs], found=[])
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": f"{request.base}/AuditEvent?{urlencode(pairs)}"}],
    }
    if len(more) > count:
        earlier = ("date", f"lt{_written(found[-1]['at'])}")
        bundle["link"].append({"relation": "next", "url": f"{request.base}/AuditEvent?{urlencode([*pairs, earlier])}"})
    else:
        bundle["total"] = len(records)
    if entries:
        bundle["entry"] = entries
    return Answer(200, resource=bundle)


def _told(
    services: Services, request: Request, matrix: Habilitation, reader: Reader, records: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Give what of the accesses the caller may be told."""
    by_representative = reader.part is Part.REPRESENTATIVE
    if by_representative and not reader.represents:
        return
    places = [(kind, identity) for kind, _, identity in (name.partition("/") for name in _names(records))]
    seen = {
        f"{kind}/{identity}"
        for (kind, identity), stored in services.store.read_many(places).items()
        if sight.judge(services, request, matrix, stored).visible
    }
    for record in records:
        shown = [name for name in record.get("found", ()) if name in seen]
        if by_representative and record.get("found") and not shown:
            continue
        yield {**record, "found": shown}


def _names(records: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record.get("found", ())))


def _events(records: Sequence[dict[str, Any]], language: Language) -> Iterator[dict[str, Any]]:
    for record in records:
        reason, found = record.get("reason", "nobody"), record.get("found", ())
        yield {
            "resourceType": "AuditEvent",
            "id": str(record["_id"]),
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
            "action": "U" if record.get("change") else "R",
            "recorded": _written(record["at"]),
            "outcome": "0",
            "purposeOfEvent": [
                {
                    "coding": [{"system": _CODES, "code": str(record.get("mode", "normal"))}],
                    "text": REASONS[reason].say(language) if reason in REASONS else reason,
                }
            ],
            "agent": [_agent(record.get("who", {}))],
            "source": {"observer": {"display": "fhirserver"}},
            **({"entity": [{"what": {"reference": item}} for item in found[:_MOST]]} if found else {}),
        }


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _agent(who: dict[str, Any]) -> dict[str, Any]:
    agent: dict[str, Any] = {"requestor": True}
    if who.get("profession"):
        agent["role"] = [
            {
                "coding": [
                    {
                        "system": "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante",
                        "code": who["profession"],
                    }
                ]
            }
        ]
    identifier = who.get("rpps") or who.get("structure") or who.get("representative") or who.get("ins")
    described: dict[str, Any] = {}
    if identifier:
        described["identifier"] = {"value": str(identifier)}
    if who.get("name"):
        described["display"] = str(who["name"])
        agent["name"] = str(who["name"])
    if described:
        agent["who"] = described
    return agent


def _count(pairs: Sequence[tuple[str, str]]) -> int:
    given = next((value for name, value in pairs if name == "_count"), "100")
    if not (given.isascii() and given.isdigit()) or int(given[:9]) < 1:
        raise BadRequest(Text("_count : un nombre positif.", "_count: a positive number."), rule="search-parameter")
    return min(int(given[:9]), _MOST)


def _span(values: Sequence[str], zone: str) -> tuple[datetime | None, datetime | None]:
    """Return from when until when (exclusive) all values of `date` hold; raises BadRequest."""
    since, until = list[int](), list[int]()
    for value in values:
        prefix, text = (value[:2], value[2:]) if value[:2] in _PREFIXES else ("", value)
        try:
            begin, end = instants.span(text.replace(" ", "+"), zone)
        except ValueError:
            raise BadRequest(
                Text(
                    "date : un jour ou un instant, précédé ou non de ge, gt, le ou lt.",
                    "date: a day or an instant, with or without ge, gt, le or lt before it.",
                ),
                rule="search-parameter",
            ) from None
        if prefix in ("ge", "gt", ""):
            since.append(end if prefix == "gt" else begin)
        if prefix in ("le", "lt", ""):
            until.append(begin if prefix == "lt" else end)
    return _moment(max(since, default=None)), _moment(min(until, default=None))


def _moment(stamp: int | None) -> datetime | None:
    return None if stamp is None else _EPOCH + timedelta(microseconds=stamp)


def _page(services: Services, keys: Sequence[str], found: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return the first of what was found, ending between two moments: the next page begins at an earlier one."""
    if len(found) <= count:
        return found
    whole = [record for record in found[:count] if record["at"] > found[count]["at"]]
    moment = found[0]["at"]
    return whole or services.store.audit.of_records(keys, moment, moment + timedelta(milliseconds=1), _MOST)

"""A record as the store keeps it: one Basic resource, so that each change is one version with its audit trail.

Its id is made from the INS, so that it is read without a search. Whoever has access by name stands in its identifiers,
by which the records that somebody may open are found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.dmp.records.record import Closure, Opposition, Record, Span
from fhirserver.dmp.visibility import State

KIND: Final = "Basic"
CODES: Final = "urn:fhirserver:CodeSystem:dmp"
READERS: Final = "urn:fhirserver:dmp:reader"
"""System of the identifiers that name who has access."""
_CONTENT: Final = "urn:fhirserver:StructureDefinition:dmp-record"
_ID_LENGTH: Final = 40
_ALWAYS: Final = "1900-01-01T00:00:00+00:00"


def identity(key: str) -> str:
    """Return the id of a record's resource."""
    return f"dmp-{sha256(key.encode()).hexdigest()[:_ID_LENGTH]}"


def write(record: Record) -> dict[str, Any]:
    """Return the resource of a record."""
    readers = sorted({span.who for span in (*record.team, *record.consents)} | {record.treating or ""} - {""})
    return {
        "resourceType": KIND,
        "id": identity(record.key),
        "extension": [{"url": _CONTENT, "valueString": jsontext.write(_content(record)).decode()}],
        "identifier": [
            {"system": record.system, "value": record.ins},
            *({"system": READERS, "value": name} for name in readers),
        ],
        "code": {"coding": [{"system": CODES, "code": "record"}]},
        "subject": {"identifier": {"system": record.system, "value": record.ins}},
    }


def read(resource: Mapping[str, Any]) -> Record:
    """Return the record of a resource that `write` made."""
    text = next(item["valueString"] for item in resource["extension"] if item["url"] == _CONTENT)
    content = jsontext.read(text.encode())
    closure = content.get("closure")
    created = content.get("created")
    return Record(
        key=content["key"],
        state=State(content["state"]),
        created=datetime.fromisoformat(created) if created else None,
        closure=Closure(date.fromisoformat(closure[0]), closure[1], closure[2]) if closure else None,
        attached=content["attached"],
        treating=content["treating"],
        oppositions=frozenset(Opposition(each) for each in content["oppositions"]),
        blocked=tuple(content["blocked"]),
        team=tuple(_span(each) for each in content["team"]),
        consents=tuple(_span(each) for each in content["consents"]),
        representatives=tuple(_span(each) for each in content["representatives"]),
        former=tuple(content.get("former", ())),
        notified=tuple(content["notified"]),
    )


def _content(record: Record) -> dict[str, Any]:
    closure = record.closure
    return {
        "key": record.key,
        "state": record.state.value,
        "created": record.created.isoformat() if record.created else None,
        "closure": [closure.day.isoformat(), closure.motive, closure.reason] if closure else None,
        "attached": record.attached,
        "treating": record.treating,
        "oppositions": sorted(record.oppositions),
        "blocked": list(record.blocked),
        "team": [_written(span) for span in record.team],
        "consents": [_written(span) for span in record.consents],
        "representatives": [_written(span) for span in record.representatives],
        "former": list(record.former),
        "notified": list(record.notified),
    }


def _written(span: Span) -> list[str | None]:
    return [span.who, span.begin.isoformat(), span.end.isoformat() if span.end else None]


def _span(values: list[Any] | str) -> Span:
    # representatives were first kept without dates
    who, begin, end = (values, _ALWAYS, None) if isinstance(values, str) else values
    return Span(who, datetime.fromisoformat(begin), datetime.fromisoformat(end) if end else None)

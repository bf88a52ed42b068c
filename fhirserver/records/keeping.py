"""Records read and written: each is one Basic resource (`dmp/records/resource.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.dmp import identity
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.records import resource as record_resource
from fhirserver.dmp.records.record import Record
from fhirserver.dmp.visibility import Part, Reader
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.search import PATIENTS
from fhirserver.interactions.services import Services
from fhirserver.records import callers
from fhirserver.search.types.token import Token
from fhirserver.store import Draft, Stored, Transaction

_MEMORY: Final = "dmp-records"
MOST: Final = 500
"""Records that one search without a patient looks into."""
_FEW: Final = 8
"""Records that are read by INS, together with their Patients."""
_MOST_OF_ONE: Final = 50


@dataclass(frozen=True, slots=True)
class Opened:
    """A record, and the caller as he stands to it."""

    record: Record
    reader: Reader


def opened(services: Services, request: Request, matrix: Habilitation, key: str) -> Opened:
    """Return a record and the caller's standing to it; both are read once for each request."""
    known: dict[str, Opened] = request.memory.setdefault(_MEMORY, {})
    if key not in known:
        store = services.store if request.unit is None else request.unit
        stored = store.read(record_resource.KIND, record_resource.identity(key))
        known[key] = _stand(request, matrix, _record(stored) or Record(key))
    return known[key]


def open_many(services: Services, request: Request, matrix: Habilitation, keys: Iterable[str]) -> list[Opened]:
    """Return several records with the caller's standing to each."""
    known: dict[str, Opened] = request.memory.setdefault(_MEMORY, {})
    wanted = list(dict.fromkeys(keys))
    missing = {record_resource.identity(key): key for key in wanted if key not in known}
    if request.unit is not None:
        return [opened(services, request, matrix, key) for key in wanted]
    found = _with_patients(services, request, missing) if missing else {}
    if found is None:
        stored = services.store.read_many([(record_resource.KIND, each) for each in missing])
        found = {name: stored[kind, name] for kind, name in stored}
    for name, key in missing.items():
        known[key] = _stand(request, matrix, _record(found.get(name)) or Record(key))
    return [known[key] for key in wanted]


def _with_patients(services: Services, request: Request, missing: Mapping[str, str]) -> dict[str, Stored] | None:
    """Read records by INS, with the Patients that a chain of the same search will ask for; None: better read by id.

    Keys of records are given, and their resources returned, by the id of the resource.
    """
    tokens = {name: _token(key) for name, key in missing.items()}
    if len(tokens) > _FEW:
        return None
    both = services.searcher.identified((record_resource.KIND, "Patient"), list(tokens.values()), _MOST_OF_ONE)
    if both is None:
        return None
    patients = request.memory.setdefault(PATIENTS, {})
    found: dict[str, Stored] = {}
    for name, token in tokens.items():
        patients[token] = [f"Patient/{each.id}" for each in both[token] if each.type == "Patient"]
        found |= {each.id: each for each in both[token] if (each.type, each.id) == (record_resource.KIND, name)}
    return found


def _token(key: str) -> Token:
    system, _, number = key.partition("|")
    return Token(number, system)


def forget(request: Request) -> None:
    """Forget what was read: a record changes."""
    request.memory.pop(_MEMORY, None)


def change(
    services: Services, request: Request, transaction: Transaction, key: str, act: Callable[[Record], Record]
) -> Record:
    """Plan a record's next version, unless an act changes nothing; return the record as it will be."""
    name = record_resource.identity(key)
    current = _record(transaction.read(record_resource.KIND, name))
    before = current or Record(key)
    after = act(before)
    if after != before or current is None:
        write(services, request, transaction, after)
    forget(request)
    return after


def read(transaction: Transaction, key: str) -> Record:
    """Return a record as a transaction sees it; one that was never made is absent."""
    return _record(transaction.read(record_resource.KIND, record_resource.identity(key))) or Record(key)


def write(services: Services, request: Request, transaction: Transaction, record: Record) -> None:
    """Plan the next version of a record."""
    resource = record_resource.write(record)
    transaction.update(
        Draft(
            resource=resource,
            id=resource["id"],
            index=services.indexer.extract(resource),
            origin={**request.provenance(), "dmp": {"record": record.key}},
            method="PUT",
        )
    )


def of_reader(services: Services, request: Request) -> list[str]:
    """Return the keys of the records that name the caller: care team, consent, treating doctor; `MOST` at most."""
    own = callers.key(request.caller)
    if own is not None:
        return [own]
    values = ",".join(f"{record_resource.READERS}|{name}" for name in callers.names(request.caller))
    if not values:
        return []
    ids = services.searcher.ids(record_resource.KIND, [("identifier", values)], MOST)
    stored = services.store.read_many([(record_resource.KIND, each) for each in ids])
    return [record.key for each in stored.values() if (record := _record(each)) is not None]


def of_patient(resource: dict[str, Any]) -> list[str]:
    """Return the keys that a Patient's INS give."""
    return ["|".join(each) for each in identity.national(resource)]


def _stand(request: Request, matrix: Habilitation, record: Record) -> Opened:
    caller = request.caller
    part = callers.part(caller, matrix)
    own = callers.key(caller)
    if own is not None and own != record.key:
        part = Part.NOBODY
    reader = record.reader(
        part,
        callers.names(caller),
        datetime.now(UTC),
        profession=caller.profession,
        mode=callers.mode(caller),
        secret=caller.secret,
    )
    return Opened(record, reader)


def _record(stored: Stored | None) -> Record | None:
    return None if stored is None or stored.deleted else _written(stored.body)


@lru_cache(maxsize=1024)
def _written(body: bytes) -> Record:
    """Return the record that a version's body tells; records are read far more often than they change."""
    return record_resource.read(jsontext.read(body))

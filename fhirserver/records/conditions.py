"""What of the DMP a search may find, as a condition that MongoDB applies with the query: pages and totals are right.

The condition is the visibility function tabulated: for each record that a search concerns, every combination of
labels and status that the function shows to this reader, with and without authorship, with and without habilitation.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from time import monotonic
from typing import Final, NamedTuple

from fhirserver.dmp import labels as label
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.records.record import EVENTS
from fhirserver.dmp.visibility import Document, Part, Reader, Standing, decide, enter
from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.records import callers, keeping, scope
from fhirserver.records.indexes import OF_RECORD
from fhirserver.search.asked.query import And, Node, Not, Or, Written
from fhirserver.search.mongo.run import Context

STATUSES: Final = ("current", "superseded", "entered-in-error")
_PLAIN: Final = Written("dmp.record", ())
_MOST_HIDDEN: Final = 5_000
_SECONDS: Final = 5.0


class Clause(NamedTuple):
    """Documents of certain statuses and labels, if own or habilitated as it says.

    Attributes:
        own, habilitated: whether the reader must be an author; must be of a profession that reads the type.
    """

    own: bool
    habilitated: bool
    statuses: tuple[str, ...]
    labels: tuple[str, ...]


def limit(services: Services, request: Request, matrix: Habilitation, kind: str) -> Node | None:
    """Return what of a type the caller may find; None: everything."""
    if kind not in ("DocumentReference", "List", "Binary", "Bundle", "Basic", "Communication") or callers.is_exempt(
        request.caller
    ):
        return None
    if kind == "DocumentReference":
        return Or((_PLAIN, documents(services, request, matrix)))
    if kind == "List":
        return Or((_PLAIN, _lists(services, request, matrix)))
    if kind == "Communication":
        return Or((_PLAIN, _notices(services, request, matrix)))
    # contents are read by their address; the record's own resource is shown by $dmp
    return _PLAIN


def documents(services: Services, request: Request, matrix: Habilitation) -> Node:
    """Return the condition on the documents of the records that a search concerns."""
    groups: dict[tuple[Reader, Standing], list[str]] = {}
    for opened in keeping.open_many(services, request, matrix, scope.keys(services, request)):
        groups.setdefault((opened.reader, opened.record.standing), []).append(opened.record.key)
    alternatives = []
    signs = callers.signs(request.caller)
    for (reader, standing), keys in groups.items():
        shown = _visible(reader, standing, signs, matrix.types(reader.profession))
        if shown.items:
            alternatives.append(And((Written("dmp.record", tuple(keys)), shown)))
    return Or(tuple(alternatives))


def _lists(services: Services, request: Request, matrix: Habilitation) -> Node:
    """Return the condition on submission sets and folders: those of which no document is hidden.

    Where the record itself is closed to the reader, those that list documents of his own.
    """
    opened = keeping.open_many(services, request, matrix, scope.keys(services, request))
    enterable = {each.record.key: enter(each.reader, each.record.standing).visible for each in opened}
    if not enterable:
        return Or(())
    inside = tuple(key for key, may in enterable.items() if may)
    outside = tuple(key for key, may in enterable.items() if not may)
    seen = documents(services, request, matrix)
    alternatives: list[Node] = [Written("dmp.record", inside)] if inside else []
    own = _select(services, outside, seen) if outside else ()
    if own:
        alternatives.append(Written("dmp.documents", own))
    if not alternatives:
        return Or(())
    hidden = _select(services, tuple(enterable), Not(seen))
    shown = Or(tuple(alternatives))
    return And((shown, Not(Written("dmp.documents", hidden)))) if hidden else shown


def _notices(services: Services, request: Request, matrix: Habilitation) -> Node:
    """Return the condition on notifications: those of the own record, about nothing that is hidden."""
    own = callers.key(request.caller)
    reader = keeping.opened(services, request, matrix, own).reader if own is not None else None
    if own is None or reader is None or not (reader.part is Part.PATIENT or reader.represents):
        return Or(())
    terms: list[Node] = [Written("dmp.record", (own,)), Written("dmp.notice", EVENTS)]
    hidden = _select(services, (own,), Not(documents(services, request, matrix)))
    if hidden:
        terms.append(Not(Written("dmp.about", hidden)))
    if reader.part is not Part.PATIENT:
        terms.append(Written("dmp.secret", ()))
    return And(tuple(terms))


def _select(services: Services, keys: tuple[str, ...], condition: Node) -> tuple[str, ...]:
    """Return the ids of the documents of some records that meet a condition.

    Raises:
        BadRequest: more than can be looked at for one search.
    """
    context = Context(None, None, monotonic() + _SECONDS)
    compiled = services.searcher.compile(["DocumentReference"], condition, context)
    found = services.store.find(
        {"w.dmp.record": {"$in": list(keys)}, "t": "DocumentReference", "live": True, "$and": [compiled.condition]},
        limit=_MOST_HIDDEN + 1,
        projection={"_id": 0, "i": 1},
        max_time=_SECONDS,
        hint=OF_RECORD,
    )
    if len(found) > _MOST_HIDDEN:
        raise BadRequest(
            Text(
                "Précisez le patient : la recherche de lots porte sur trop de dossiers.",
                "Name the patient: the search for submission sets concerns too many records.",
            ),
            rule="too-many-records",
            code="too-costly",
        )
    return tuple(document["i"] for document in found)


@lru_cache(maxsize=4096)
def clauses(reader: Reader, standing: Standing) -> tuple[Clause, ...]:
    """Return what a reader sees of a record, as few clauses as it takes."""
    found: dict[tuple[bool, bool, tuple[str, ...]], list[str]] = {}
    for status in STATUSES:
        shown = {
            (own, habilitated): _shown(reader, standing, status, own=own, habilitated=habilitated)
            for own in (False, True)
            for habilitated in (False, True)
        }
        for (own, habilitated), labels in shown.items():
            # an author, or one whose profession reads the type, sees what others see as well
            weaker = [(False, habilitated)] * own + [(own, False)] * habilitated
            if labels - set[str]().union(*(shown[each] for each in weaker)):
                found.setdefault((own, habilitated, tuple(sorted(labels))), []).append(status)
    return tuple(
        Clause(own, habilitated, tuple(statuses), labels) for (own, habilitated, labels), statuses in found.items()
    )


def _shown(reader: Reader, standing: Standing, status: str, *, own: bool, habilitated: bool) -> set[str]:
    matrix = _Grants(habilitated)
    return {
        label.text(labels)
        for labels in _all_labels()
        if decide(reader, Document(labels, status, "T", own=own), standing, matrix).visible
    }


@lru_cache(maxsize=4096)
def _visible(reader: Reader, standing: Standing, signs: tuple[str, ...], types: frozenset[str]) -> Or:
    """Return the same as a condition on the marks; `types`: those that the reader's profession reads."""
    return Or(tuple(And(tuple(_terms(clause, signs, types))) for clause in clauses(reader, standing)))


def _terms(clause: Clause, signs: tuple[str, ...], types: frozenset[str]) -> Iterator[Node]:
    yield Written("dmp.status", clause.statuses)
    yield Written("dmp.labels", clause.labels)
    if clause.own:
        yield Written("dmp.authors", signs) if signs else Or(())
    if clause.habilitated:
        yield Written("dmp.type", tuple(sorted(types))) if types else Or(())


def _all_labels() -> Iterator[frozenset[str]]:
    for size in range(len(label.LABELS) + 1):
        for chosen in combinations(label.LABELS, size):
            yield frozenset(chosen)


class _Grants:
    """A matrix that grants everything, or nothing."""

    def __init__(self, granted: bool) -> None:  # noqa: FBT001 - granted, or not
        self._granted = granted

    def grants(self, profession: str | None, document_type: str | None) -> bool:
        """Tell the same of every profession and type."""
        del profession, document_type
        return self._granted

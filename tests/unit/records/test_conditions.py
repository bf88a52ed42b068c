"""The condition of a search says what the visibility function says."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from fhirserver.dmp.labels import LABELS, text
from fhirserver.dmp.visibility import Document, Mode, Part, Reader, Standing, State, decide
from fhirserver.records.conditions import STATUSES, clauses

READERS = [
    Reader(part, "10", mode, secret, treating, authorised, blocked, represents)
    for part, mode, secret, treating, authorised, blocked, represents in product(
        Part, Mode, (False, True), (False, True), (False, True), (False, True), (False, True)
    )
]
STANDINGS = [
    Standing(State.ACTIVE),
    Standing(State.ACTIVE, reading=True),
    Standing(State.ACTIVE, emergency=True, regulation=True),
    Standing(State.CLOSED),
    Standing(State.ABSENT),
]
CHOSEN = [frozenset(chosen) for size in (0, 1, 2, len(LABELS)) for chosen in combinations(LABELS, size)]


class Matrix:
    """A matrix that grants the type T alone."""

    def grants(self, profession: str | None, document_type: str | None) -> bool:
        return profession == "10" and document_type == "T"


@pytest.mark.parametrize("standing", STANDINGS)
def test_the_clauses_select_exactly_what_the_function_shows(standing: Standing) -> None:
    matrix = Matrix()
    for reader in READERS:
        found = clauses(reader, standing)
        for labels, status, kind, own in product(CHOSEN, STATUSES, ("T", "U"), (False, True)):
            selected = any(
                status in clause.statuses
                and text(labels) in clause.labels
                and (own or not clause.own)
                and (kind == "T" or not clause.habilitated)
                for clause in found
            )
            shown = decide(reader, Document(labels, status, kind, own=own), standing, matrix).visible
            assert selected == shown, (reader, labels, status, kind, own)


def test_a_reader_who_sees_nothing_has_no_clause() -> None:
    assert clauses(Reader(Part.NOBODY), Standing(State.ACTIVE)) == ()
    assert clauses(Reader(Part.PROFESSIONAL, "10", authorised=True), Standing(State.CLOSED)) == ()

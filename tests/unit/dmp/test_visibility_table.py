"""The visibility function against a table written by hand (visibility.json), over all combinations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from fhirserver.dmp.visibility import REASONS, Document, Mode, Part, Reader, Standing, State, decide

TABLE = json.loads((Path(__file__).parent / "visibility.json").read_text(encoding="utf-8"))
LABELS = ("MASQUE_PS", "MASQUE_PSOCIAL", "MASQUE_PT", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
OF_READER = ("mode", "secret", "treating", "authorised", "blocked", "represents", "habilitated")
OF_RECORD = ("state", "opposes_reading", "opposes_emergency", "opposes_regulation")
OF_DOCUMENT = ("own", "status", "archived", *LABELS)


class OneType:
    """A matrix in which profession 10 reads type T, and no other does."""

    def grants(self, profession: str | None, document_type: str | None) -> bool:
        return profession == "10" and document_type == "T"


MATRIX = OneType()


def _combinations(columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for values in product(*(TABLE["columns"][column] for column in columns)):
        yield dict(zip(columns, values, strict=True))


def _covers(row: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    for column, value in values.items():
        allowed = row.get(column, value)
        if value not in allowed if isinstance(allowed, list) else value != allowed:
            return False
    return True


def _document(values: Mapping[str, Any]) -> Document:
    labels = frozenset(label for label in LABELS if values[label])
    return Document(labels, values["status"], "T", values["archived"], values["own"])


DOCUMENTS = [(values, _document(values)) for values in _combinations(OF_DOCUMENT)]


def _standing(values: Mapping[str, Any]) -> Standing:
    return Standing(
        State(values["state"]), values["opposes_reading"], values["opposes_emergency"], values["opposes_regulation"]
    )


def _reader(part: str, values: Mapping[str, Any]) -> Reader:
    return Reader(
        Part(part),
        "10" if values["habilitated"] else "40",
        Mode(values["mode"]),
        values["secret"],
        values["treating"],
        values["authorised"],
        values["blocked"],
        values["represents"],
    )


@pytest.mark.parametrize("part", TABLE["columns"]["part"])
def test_the_function_shows_what_the_table_shows_and_nothing_else(part: str) -> None:
    rows = [row for row in TABLE["visible"] if _covers(row, {"part": part})]
    shown = [{number for number, (values, _) in enumerate(DOCUMENTS) if _covers(row, values)} for row in rows]
    standings = [(values, _standing(values)) for values in _combinations(OF_RECORD)]
    for of_reader in _combinations(OF_READER):
        reader = _reader(part, of_reader)
        mine = [number for number, row in enumerate(rows) if _covers(row, of_reader)]
        for of_record, standing in standings:
            expected: set[int] = set()
            for number in mine:
                if _covers(rows[number], of_record):
                    expected |= shown[number]
            actual = {
                number
                for number, (_, document) in enumerate(DOCUMENTS)
                if decide(reader, document, standing, MATRIX).visible
            }
            wrong = [DOCUMENTS[number][0] for number in sorted(expected ^ actual)]
            assert not wrong, (part, of_reader, of_record, wrong[0])


def test_every_row_of_the_table_names_known_columns_and_values() -> None:
    for row in TABLE["visible"]:
        for column, given in row.items():
            if column == "why":
                continue
            for value in given if isinstance(given, list) else [given]:
                assert value in TABLE["columns"][column], row


def test_each_decision_has_a_reason_that_is_told_in_both_languages() -> None:
    seen = set()
    for part in Part:
        for of_reader in _combinations(OF_READER):
            reader = _reader(part.value, of_reader)
            for of_record in _combinations(OF_RECORD):
                for _, document in DOCUMENTS[::37]:
                    seen.add(decide(reader, document, _standing(of_record), MATRIX).reason)
    assert seen <= set(REASONS)
    assert {"masked", "secret", "blocked", "closed", "opposed", "profession", "emergency"} <= seen

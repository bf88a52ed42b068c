"""Reading what operators have: nomenclatures as CSV or NDJSON, and FHIR terminology resources.

CSV in the wild is the reason for the options: the French medicines base has tabs, no header and Windows-1252; LOINC
has commas and named columns; others use semicolons.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.errors import Failure, Unreadable
from fhirserver.issues import Text
from fhirserver.terminology import codesystem
from fhirserver.terminology.table import ABSTRACT, INACTIVE, Row

RESOURCES: Final = ("CodeSystem", "ValueSet", "ConceptMap")
CLOSED: Final = codesystem.CLOSED | {"i", "inactif", "supprimé", "supprime"}
_TABLES: Final = (".csv", ".tsv", ".txt")
_TRUE: Final = frozenset({"1", "true", "yes", "oui", "x"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a CSV file holds what: by its name in the header, or by number from 1 (then there is no header).

    Attributes:
        code: the code.
        display: the name.
        parent: code of the parent, several separated by `|`.
        status: words such as `inactive`, `retired`, `deleted` (or true in a column `inactive`) close a code.
        end: the date after which the code is closed, as YYYY-MM-DD, YYYYMMDD or DD/MM/YYYY.
    """

    code: str = "code"
    display: str = "display"
    parent: str = "parent"
    status: str = "status"
    end: str = "end"


def unreadable(path: Path, line: int, fr: str, en: str) -> Unreadable:
    """Return the failure of a file, at a line (0: the file as a whole)."""
    place_fr, place_en = (f", ligne {line}", f", line {line}") if line else ("", "")
    return Unreadable(Text(f"{path.name}{place_fr} : {fr}", f"{path.name}{place_en}: {en}"), rule="terminology-file")


def decode(data: bytes) -> str:
    """Return a file's text: UTF-8 with or without byte order mark, else Windows-1252."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def csv_rows(path: Path, columns: Columns) -> Iterator[Row]:
    """Yield the concepts of a CSV file; columns that are not named in `columns` become properties of their name.

    Raises:
        Unreadable: no such column, or a line without a code.
    """
    text = decode(path.read_bytes())
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    numbered = columns.code.isdigit()
    header = [] if numbered else [name.strip() for name in next(lines, [])]
    place = {field: _place(getattr(columns, field), header) for field in Columns.__slots__}
    if place["code"] is None:
        found = ", ".join(header) or "—"
        raise unreadable(
            path,
            1,
            f"pas de colonne « {columns.code} » (colonnes : {found}).",
            f'no column "{columns.code}" (columns: {found}).',
        )
    used = {at for at in place.values() if at is not None}
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        yield _row(path, lines.line_num, cells, place, [] if numbered else _others(header, used))


def _place(column: str, header: Sequence[str]) -> int | None:
    if column.isdigit():
        return int(column) - 1
    lowered = [name.lower() for name in header]
    return lowered.index(column.lower()) if column.lower() in lowered else None


def _others(header: Sequence[str], used: set[int]) -> list[tuple[int, str]]:
    return [(at, name) for at, name in enumerate(header) if at not in used and name]


def _delimiter(text: str) -> str:
    first = text[: text.find("\n")] if "\n" in text else text
    return max("\t;,|", key=first.count)


def _row(path: Path, line: int, cells: list[str], place: dict[str, int | None], others: list[tuple[int, str]]) -> Row:
    def cell(field: str) -> str:
        at = place[field]
        return cells[at].strip() if at is not None and at < len(cells) else ""

    code = cell("code")
    if not code:
        raise unreadable(path, line, "le code est vide.", "the code is empty.")
    record: dict[str, Any] = {"display": cell("display")} if cell("display") else {}
    flags = INACTIVE if cell("status").casefold() in CLOSED or codesystem.is_past(_iso(cell("end"))) else 0
    for at, name in others:
        value = cells[at].strip() if at < len(cells) else ""
        if not value:
            continue
        kind, _, language = name.partition("@")
        if kind.lower() in ("display", "designation") and language:
            record.setdefault("designation", []).append({"language": language, "value": value})
        elif name.lower() == "definition":
            record["definition"] = value
        elif name.lower() == "inactive":
            flags |= INACTIVE if value.casefold() in _TRUE else 0
        elif name.lower() == "abstract":
            flags |= ABSTRACT if value.casefold() in _TRUE else 0
        else:
            record.setdefault("property", []).append({"code": name, "valueString": value})
    parents = tuple(part.strip() for part in cell("parent").split("|") if part.strip())
    return Row(code, record, parents, flags)


def _iso(date: str) -> str:
    """Return a date as YYYY-MM-DD; empty for none."""
    if "/" in date:
        return "-".join(reversed(date.split("/")))
    if len(date) == len("20261231") and date.isdigit():
        return f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return date


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number and object of each line of an NDJSON file.

    Raises:
        Unreadable: a line is not a JSON object.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = jsontext.read(line)
            except Failure as failure:
                said = failure.issues[0].text
                raise unreadable(path, number, said.fr, said.en) from None
            if not isinstance(value, dict):
                raise unreadable(path, number, "un objet JSON est attendu.", "a JSON object is expected.")
            yield number, value


def concept_rows(path: Path) -> Iterator[Row]:
    """Yield the concepts of an NDJSON file: FHIR concepts, with `parent` (a code or a list) where there is one."""
    for number, concept in json_lines(path):
        parents = concept.pop("parent", ())
        nested = {"concept": [concept]}
        if not isinstance(concept.get("code"), str) or not concept["code"]:
            raise unreadable(path, number, "le concept n'a pas de code.", "the concept has no code.")
        above = (parents,) if isinstance(parents, str) else tuple(map(str, parents))
        for row in codesystem.rows(nested):
            yield row._replace(parents=(*row.parents, *above)) if row.code == concept["code"] else row


def resources(path: Path) -> list[dict[str, Any]]:
    """Return the CodeSystems, ValueSets and ConceptMaps of a FHIR JSON file (one, a Bundle) or of NDJSON resources.

    Raises:
        Unreadable: not JSON, or none of these is in it.
    """
    if path.suffix == ".ndjson":
        found = [value for _, value in json_lines(path)]
    elif path.suffix in _TABLES:
        raise unreadable(
            path,
            0,
            "un fichier de codes demande --system, l'url du système de codes.",
            "a file of codes needs --system, the url of the code system.",
        )
    else:
        value = jsontext.read(path.read_bytes())
        found = [value] if isinstance(value, dict) else []
    if len(found) == 1 and found[0].get("resourceType") == "Bundle":
        found = [entry.get("resource") or {} for entry in found[0].get("entry") or ()]
    kept = [one for one in found if one.get("resourceType") in RESOURCES and one.get("url")]
    if not kept:
        raise unreadable(
            path,
            0,
            "ni CodeSystem, ni ValueSet, ni ConceptMap avec une url.",
            "no CodeSystem, ValueSet or ConceptMap with a url.",
        )
    return kept

"""An operator's list of medicines as CSV, such as an export of his medicines database."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

from fhirserver.prescription.rules.table_files import TableError, check

REQUIRED: Final = frozenset({"system", "code", "list"})
PLAIN: Final = ("name", "from", "to", "source")
COLUMNS: Final = (*sorted(REQUIRED), *PLAIN, "classes", "unit", "unit_system", "unit_code", "contents", "packs")


def from_csv(text: str, origin: str) -> dict[str, Any]:
    """Read medicines, one a row, columns by name, separated by comma or semicolon.

    Args:
        text: columns `system`, `code`, `list` (I, II, narcotic, none); and if wanted `name`, `classes` (by spaces),
            `unit`, `unit_system`, `unit_code`, `contents` (a number and a UCUM unit, `1000 mg`), `packs` (by spaces);
            `from`, `to` (days between which the row holds, both included) and `source`.
        origin: file name, for messages.

    Returns:
        The content of `medicines.json`.

    Raises:
        TableError: a column is missing, or a row breaks the schema; the text says where.
    """
    first = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    missing = REQUIRED - set(rows.fieldnames or ())
    if missing:
        raise TableError(f"{origin}: no column {', '.join(sorted(missing))}")
    medicines = []
    for number, row in enumerate(rows, 2):
        try:
            medicines.append(_row(row))
        except ValueError as error:
            raise TableError(f"{origin}, row {number}: {error}") from None
    data = {"unknown_list": "I", "medicines": medicines}
    check("medicines", data, origin)
    return data


def _row(row: dict[str, str | None]) -> dict[str, Any]:
    def cell(name: str) -> str:
        return (row.get(name) or "").strip()

    medicine: dict[str, Any] = {"system": cell("system"), "code": cell("code"), "list": cell("list")}
    medicine.update((name, cell(name)) for name in PLAIN if cell(name))
    if cell("classes"):
        medicine["classes"] = cell("classes").split()
    if cell("unit"):
        unit = {"unit": cell("unit"), "system": cell("unit_system"), "code": cell("unit_code")}
        medicine["unit"] = {name: text for name, text in unit.items() if text}
    if cell("contents"):
        number, _, code = cell("contents").partition(" ")
        medicine["contents"] = {
            "value": float(number.replace(",", ".")),
            "unit": code,
            "system": "http://unitsofmeasure.org",
            "code": code,
        }
    if cell("packs"):
        medicine["packs"] = [int(part) for part in cell("packs").split()]
    return medicine

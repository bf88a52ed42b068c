"""The second half of the demonstration's ordonnance: its code, its PDF, and one delivery at the pharmacy."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import jwt
import requests
from rich.console import Console
from rich.table import Table

from fhirserver.demo.people import NATIONAL_PROFESSIONAL_ID, PHARMACIST_RPPS
from fhirserver.prescription.print import code_image

Ask = Callable[..., requests.Response]
PATIENCE: Final = 10
_DISPENSES: Final = "urn:oid:1.2.250.1.999.43.1"


class MissingPrintError(RuntimeError):
    """The PDF of a prescription did not come."""


def show_code(console: Console, number: str) -> None:
    """Draw the printed code, two rows of it in one line."""
    rows = [[0, *row, 0] for row in code_image.modules(number)]
    rows = [[0] * len(rows[0]), *rows, [0] * len(rows[0])]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        console.print("  " + "".join(blocks[above, below] for above, below in zip(upper, lower, strict=True)))


def save_print(ask: Ask, task: dict[str, Any], place: Path) -> int:
    """Fetch the printed ordonnance, which is made after the push; return its size.

    Raises:
        MissingPrintError: it did not come in time.
    """
    reference = next(
        output["valueReference"]["reference"]
        for output in task["output"]
        if output["type"]["coding"][0]["code"] == "print"
    )
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = ask("GET", reference, Accept="application/pdf")
        if answer.status_code == requests.codes.ok:
            place.write_bytes(answer.content)
            return len(answer.content)
        time.sleep(0.1)
    raise MissingPrintError(reference)


def delivery(line: dict[str, Any], amount: int, now: datetime) -> dict[str, Any]:
    """Build what the pharmacy's software records of a line: so many milligrams handed over."""
    return {
        "resourceType": "MedicationDispense",
        "identifier": [{"system": _DISPENSES, "value": str(uuid.uuid4())}],
        "status": "completed",
        "medicationCodeableConcept": line["medicationCodeableConcept"],
        "subject": line["subject"],
        "performer": [{"actor": {"identifier": {"system": NATIONAL_PROFESSIONAL_ID, "value": f"8{PHARMACIST_RPPS}"}}}],
        "authorizingPrescription": [{"reference": f"MedicationRequest/{line['id']}"}],
        "quantity": {"value": amount, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
        "whenHandedOver": now.isoformat(timespec="seconds"),
    }


def show_standing(console: Console, task: dict[str, Any], titles: dict[str, str]) -> None:
    """Show what remains of each line, and from when it may be delivered again."""
    table = Table("ligne", "reste", "prochaine délivrance", "valable jusqu'au", box=None, header_style="bold")
    for entry in task["input"]:
        parts = {part["url"]: part for part in entry["extension"][0]["extension"]}
        remaining = parts.get("remaining", {}).get("valueQuantity", {})
        left = parts.get("deliveries-left", {}).get("valueUnsignedInt", "")
        table.add_row(
            titles.get(entry["valueReference"]["reference"], ""),
            f"{remaining['value']} {remaining.get('unit', '')}" if remaining else str(left),
            parts.get("next-possible-date", {}).get("valueDate", "–"),
            parts.get("validity", {}).get("valuePeriod", {}).get("end", "–"),
        )
    console.print(table)


def verified(receipt: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return what a receipt says, once its signature holds."""
    key = jwt.PyJWK(keys["keys"][0])
    content: dict[str, Any] = jwt.decode(receipt, key.key, algorithms=["ES256"])
    return content

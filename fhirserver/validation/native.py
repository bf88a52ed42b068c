"""The most frequent invariants of R4's own types, written in Python.

Each stands for exactly one expression of the specification; `tests/unit/validation/test_native.py` proves for a large
number of values that both always agree. What is not here is evaluated as FHIRPath.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fhirserver.validation.run import Path, Run

Holds = Callable[[Any, Path, Run], bool | None]


def _has(value: dict[str, Any], name: str) -> bool:
    return name in value or f"_{name}" in value


def _always(_value: Any, _path: Path, _run: Run) -> bool:
    return True


def _ext_1(value: Any, _path: Path, _run: Run) -> bool:
    has_value = any(key.startswith(("value", "_value")) for key in value)
    return ("extension" in value) != has_value


def _qty_3(value: Any, _path: Path, _run: Run) -> bool:
    return not _has(value, "code") or _has(value, "system")


def _rat_1(value: Any, _path: Path, _run: Run) -> bool:
    if "numerator" in value:
        return "denominator" in value
    return "denominator" not in value and "extension" in value


def _sqty_1(value: Any, _path: Path, _run: Run) -> bool:
    return not _has(value, "comparator")


def _att_1(value: Any, _path: Path, _run: Run) -> bool:
    return not _has(value, "data") or _has(value, "contentType")


def _cpt_2(value: Any, _path: Path, _run: Run) -> bool:
    return not _has(value, "value") or _has(value, "system")


def _dom_6(value: Any, _path: Path, _run: Run) -> bool:
    text = value.get("text")
    return isinstance(text, dict) and _has(text, "div")


NATIVE: Final[dict[tuple[str, str], Holds]] = {
    ("ext-1", "extension.exists() != value.exists()"): _ext_1,
    ("qty-3", "code.empty() or system.exists()"): _qty_3,
    (
        "rat-1",
        "(numerator.empty() xor denominator.exists()) and (numerator.exists() or extension.exists())",
    ): _rat_1,
    ("sqty-1", "comparator.empty()"): _sqty_1,
    ("att-1", "data.empty() or contentType.exists()"): _att_1,
    ("cpt-2", "value.empty() or system.exists()"): _cpt_2,
    ("dom-6", "text.`div`.exists()"): _dom_6,
}
"""By key and exact expression."""

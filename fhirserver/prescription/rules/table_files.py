"""The files of the tables: JSON, checked against the JSON Schema of its name."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema


class TableError(ValueError):
    """A table that cannot be used: not JSON, or not as its schema says."""


def check(name: str, data: object, origin: str) -> Any:
    """Check one table against its schema.

    Raises:
        TableError: with the place of the first fault.
    """
    validator = jsonschema.Draft202012Validator(_schema(name), format_checker=jsonschema.FormatChecker())
    fault = next(iter(sorted(validator.iter_errors(data), key=lambda error: list(map(str, error.absolute_path)))), None)
    if fault is not None:
        raise TableError(f"{origin}, {fault.json_path}: {fault.message}")
    return data


def checked(name: str, text: bytes, origin: str) -> Any:
    """Read one table as JSON and check it.

    Raises:
        TableError: not JSON, or as `check`.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise TableError(f"{origin}: {error}") from None
    return check(name, data, origin)


@cache
def _schema(name: str) -> dict[str, Any]:
    text = files(__package__).joinpath(f"data/schemas/{name}.schema.json").read_bytes()
    schema: dict[str, Any] = json.loads(text)
    return schema


def shipped_text(name: str) -> bytes:
    """The text of a table that the project ships."""
    return files(__package__).joinpath(f"data/{name}.json").read_bytes()

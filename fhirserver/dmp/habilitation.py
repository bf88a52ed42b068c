"""The habilitation matrix: which profession reads which type of document (arrêté of 26 October 2023).

`habilitation.json` is complete for its professions and types; a cell without a published source is an assumption, and
says so. An operator replaces the file by the setting `dmp_habilitation`. What the matrix does not list is not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

import jsonschema

_READS: Final = frozenset("+y")
_ASSUMED: Final = frozenset("yn")


class HabilitationError(ValueError):
    """A matrix that cannot be used; the message says where and why."""


class Assumption(NamedTuple):
    """A cell for which no source was found."""

    profession: str
    profession_name: str
    type: str
    type_name: str
    reads: bool


class Habilitation:
    """A matrix in force.

    Args:
        content: as the file holds it, checked against its schema.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        names = {row["code"]: row["name"] for row in content["professions"]}
        self._rows: Final = [(row["type"], row["name"], row["cells"].split()) for row in content["types"]]
        self._names: Final = names
        self._same: Final = dict(content.get("same", {}))
        self.professions: Final = tuple(names)
        self.categories: Final[dict[str, str]] = {row["type"]: row["category"] for row in content["types"]}
        self.social: Final = frozenset(content.get("social", ()))
        self.remarks: Final = tuple(content.get("assumptions", ()))
        self._granted: Final = {
            profession: frozenset(code for code, _, cells in self._rows if cells[position] in _READS)
            for position, profession in enumerate(names)
        }

    def grants(self, profession: str | None, document_type: str | None) -> bool:
        """Tell whether a profession may read a type of document."""
        return document_type in self.types(profession)

    def types(self, profession: str | None) -> frozenset[str]:
        """Return the types that a profession may read."""
        if profession is None:
            return frozenset()
        return self._granted.get(self._same.get(profession, profession), frozenset())

    def listed(self, profession: str) -> str | None:
        """Return the listed profession that reads what this one reads, often itself; None where there is none."""
        found = self._same.get(profession, profession)
        return found if found in self._granted else None

    def assumptions(self) -> Iterator[Assumption]:
        """Give the cells without a source, profession by profession."""
        for position, (profession, name) in enumerate(self._names.items()):
            for code, type_name, cells in self._rows:
                if cells[position] in _ASSUMED:
                    yield Assumption(profession, name, code, type_name, cells[position] in _READS)


def load(path: Path | str | None = None) -> Habilitation:
    """Load a matrix; none or empty: the one that comes with the server.

    Raises:
        HabilitationError: the file is not there, is no JSON, or is no complete matrix.
    """
    return _shipped() if path is None or path == "" else _read(Path(path))


@cache
def _shipped() -> Habilitation:
    return Habilitation(_checked(_resource("habilitation.json"), "habilitation.json"))


def _read(path: Path) -> Habilitation:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HabilitationError(f"{path}: {error}") from error
    return Habilitation(_checked(text, str(path)))


def _checked(text: str, name: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise HabilitationError(f"{name}: not JSON: {error}") from error
    validator = jsonschema.Draft202012Validator(json.loads(_resource("habilitation.schema.json")))
    fault = jsonschema.exceptions.best_match(validator.iter_errors(content))
    if fault is not None:
        raise HabilitationError(f"{name}: {fault.json_path}: {fault.message}")
    _consistent(content, name)
    found: dict[str, Any] = content
    return found


def _consistent(content: dict[str, Any], name: str) -> None:
    """Raise HabilitationError where a matrix has holes, or says something twice."""
    width = len(content["professions"])
    seen: set[str] = set()
    for position, row in enumerate(content["types"]):
        where = f"{name}: types[{position}] ({row['type']})"
        if len(row["cells"].split()) != width:
            raise HabilitationError(f"{where}: {len(row['cells'].split())} cells for {width} professions")
        if row["category"] not in content["categories"]:
            raise HabilitationError(f"{where}: unknown category {row['category']}")
        if row["type"] in seen:
            raise HabilitationError(f"{where}: listed twice")
        seen.add(row["type"])
    codes = {row["code"] for row in content["professions"]}
    if len(codes) != width:
        raise HabilitationError(f"{name}: a profession is listed twice")
    unknown = set(content.get("same", {}).values()) - codes
    if unknown:
        raise HabilitationError(f"{name}: same: unknown professions {', '.join(sorted(unknown))}")


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")

"""The dated tables of the rules: what is in them is data that the law changes and an operator replaces.

Shipped with the project: `data/kinds.json`, `data/limits.json`, `data/prescribers.json`, `data/executors.json`, and
`data/medicines.json`, a small demonstration set that no one should dispense by. An operator puts files of the same
names into a folder of his own; each replaces the shipped one. Every file is checked against its JSON Schema
(`data/schemas/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from fhirserver.prescription import kinds
from fhirserver.prescription.execution.quantities import Amount, read_amount
from fhirserver.prescription.kinds import KindRow
from fhirserver.prescription.lines import Line, of_line
from fhirserver.prescription.professions import Kind
from fhirserver.prescription.rules import medicines
from fhirserver.prescription.rules.table_files import checked, shipped_text

NAMES: Final = ("kinds", "limits", "prescribers", "executors", "medicines")
_KEPT: Final = 20_000
"""Answers of `Tables.rows` that are remembered: rules, kinds of medicines, and the days on which they are asked."""
_STRICTEST: Final = ("narcotic", "I", "II", "none")


@dataclass(frozen=True, slots=True)
class Medicine:
    """What the rules know of a medicine.

    Attributes:
        known: whether any of its codes is in the table.
        legal_list: `I`, `II`, `narcotic` or `none`.
        classes: names that the limits speak of, such as `hypnotic`.
        unit: what its packs count (tablet).
        contents: what one such unit contains, where the posology counts otherwise (1000 mg).
        packs: units in each pack on sale, smallest first.
        valid_from: the first day on which this is so of it; None where it always was.
        valid_to: the last such day.
    """

    known: bool = False
    legal_list: str = "none"
    classes: frozenset[str] = frozenset()
    unit: Amount | None = None
    contents: Amount | None = None
    packs: tuple[int, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def names(self) -> frozenset[str]:
        """Everything that a row of limits may name it by."""
        return self.classes | {f"list-{self.legal_list}", "medicine"}

    @property
    def is_narcotic(self) -> bool:
        """Whether the rules of narcotics hold, its presentation within three days among them."""
        return self.legal_list == "narcotic"


@dataclass(frozen=True, slots=True)
class Limit:
    """One dated row of `limits.json`, or of `executors.json` (rules `executors` and `executors-of-acts`)."""

    rule: str
    names: frozenset[str]
    value: Any
    source: str
    valid_from: date | None = None
    valid_to: date | None = None

    def holds(self, on: date) -> bool:
        """Whether it is in force that day."""
        return _within(on, self.valid_from, self.valid_to)


@dataclass(frozen=True)
class Tables:
    """All tables in force, read-only."""

    kinds: tuple[KindRow, ...]
    limits: Mapping[str, tuple[Limit, ...]]
    prescribers: Mapping[str, tuple[Mapping[str, Any], ...]]
    medicines: Mapping[tuple[str, str], Medicine]
    unknown: Medicine = field(default_factory=Medicine)
    dated: Mapping[tuple[str, str], tuple[Medicine, ...]] = field(default_factory=dict)
    """Medicines of which something holds between certain days only, or of which several rows speak."""
    _held: dict[tuple[str, frozenset[str], date], tuple[Limit, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def medicine(self, line: Line) -> Medicine:
        """What is known of a line's medicine: the strictest list and all classes of its codes and ingredients."""
        return _medicine_of(line, self)

    def names(self, line: Line) -> frozenset[str]:
        """Everything that a row may name a line by: its kind, and its medicine's list and classes."""
        return _names_of(line, self)

    def executors(self, kind: Kind, on: date, codings: Sequence[tuple[str, str]] = ()) -> frozenset[str]:
        """The professions (TRE_G15) that may execute whatever is of a kind that day, or what has one of these codes."""
        row = self.first("executors", (kind,), on)
        found = frozenset(row.value) if row else frozenset()
        for more in self.rows("executors-of-acts", (kind,), on) if codings else ():
            professions, acts = more.value
            if any(acts.fits({"system": system, "code": code}) for system, code in codings):
                found |= professions
        return found

    def prescriber(self, profession: str, on: date) -> Mapping[str, Any] | None:
        """What a profession (TRE_G15) may prescribe that day; None for one that prescribes nothing."""
        rows = self.prescribers.get(profession, ())
        return next((row for row in rows if _within(on, _day(row, "from"), _day(row, "to"))), None)

    def rows(self, rule: str, names: Iterable[str], on: date) -> tuple[Limit, ...]:
        """The rows of a rule that hold for one of these names that day, the most particular first."""
        key = (rule, frozenset(names), on)
        found = self._held.get(key)
        if found is None:
            found = tuple(
                limit for limit in self.limits.get(rule, ()) if limit.holds(on) and not key[1].isdisjoint(limit.names)
            )
            if len(self._held) >= _KEPT:
                self._held.clear()
            self._held[key] = found
        return found

    def first(self, rule: str, names: Iterable[str], on: date) -> Limit | None:
        """The first such row."""
        return next(iter(self.rows(rule, names, on)), None)

    def least(self, rule: str, names: Iterable[str], on: date) -> Limit | None:
        """Of such rows, the one with the least value: of two maxima the stricter holds."""
        return min(self.rows(rule, names, on), key=lambda limit: limit.value, default=None)


@of_line
def _medicine_of(line: Line, tables: Tables) -> Medicine:
    if not line.is_medicine:
        return Medicine()
    found = [tables.medicines[pair] for pair in line.codings if pair in tables.medicines]
    if tables.dated:
        rows = (row for pair in line.codings for row in tables.dated.get(pair, ()))
        found += [row for row in rows if line.drafted is None or _within(line.drafted, row.valid_from, row.valid_to)]
    if not found:
        return tables.unknown
    if len(found) == 1:
        return found[0]
    first = next((medicine for medicine in found if medicine.packs), found[0])
    return replace(
        first,
        legal_list=min((medicine.legal_list for medicine in found), key=_STRICTEST.index),
        classes=frozenset().union(*(medicine.classes for medicine in found)),
    )


@of_line
def _names_of(line: Line, tables: Tables) -> frozenset[str]:
    kind = frozenset({str(line.kind)})
    return kind | tables.medicine(line).names if line.is_medicine else kind


@cache
def shipped() -> Tables:
    """The tables that the project ships."""
    return _built({name: checked(name, shipped_text(name), f"{name}.json") for name in NAMES})


@lru_cache(maxsize=8)
def load(folder: Path) -> Tables:
    """Read an operator's tables; what the folder lacks is taken from the shipped ones.

    Besides the JSON files the folder may hold `medicines.csv` (see `medicines.from_csv`).

    Raises:
        TableError: a file is not JSON or CSV, or breaks its schema; the text says which and where.
    """
    data = {}
    for name in NAMES:
        own = folder / f"{name}.json"
        data[name] = checked(name, own.read_bytes() if own.exists() else shipped_text(name), own.name)
    listed = folder / "medicines.csv"
    if listed.exists():
        data["medicines"] = medicines.from_csv(listed.read_text(encoding="utf-8-sig"), listed.name)
    return _built(data)


def _built(data: Mapping[str, Any]) -> Tables:
    executors = [
        {**row, "rule": "executors-of-acts", "value": (frozenset(row["professions"]), kinds.row_of(row))}
        if "systems" in row
        else {**row, "rule": "executors", "value": row["professions"]}
        for row in ({**row, "of": [row["kind"]]} for row in data["executors"]["rows"])
    ]
    limits: dict[str, list[Limit]] = {}
    for row in (*data["limits"]["rows"], *executors):
        limits.setdefault(row["rule"], []).append(
            Limit(row["rule"], frozenset(row["of"]), row["value"], row["source"], _day(row, "from"), _day(row, "to"))
        )
    listed: dict[tuple[str, str], list[Medicine]] = {}
    for row in data["medicines"]["medicines"]:
        listed.setdefault((row["system"], row["code"]), []).append(_medicine(row))
    return Tables(
        kinds.rows(data["kinds"]),
        {rule: tuple(rows) for rule, rows in limits.items()},
        {
            profession: tuple(rows if isinstance(rows, list) else (rows,))
            for profession, rows in data["prescribers"]["professions"].items()
        },
        {pair: rows[0] for pair, rows in listed.items() if not _is_dated(rows)},
        Medicine(legal_list=data["medicines"]["unknown_list"]),
        {pair: tuple(rows) for pair, rows in listed.items() if _is_dated(rows)},
    )


def _is_dated(rows: list[Medicine]) -> bool:
    return len(rows) > 1 or rows[0].valid_from is not None or rows[0].valid_to is not None


def _medicine(row: Mapping[str, Any]) -> Medicine:
    return Medicine(
        known=True,
        legal_list=row["list"],
        classes=frozenset(row.get("classes", ())),
        unit=read_amount({"value": 1, **row["unit"]}) if "unit" in row else None,
        contents=read_amount(row.get("contents")),
        packs=tuple(sorted(row.get("packs", ()))),
        valid_from=_day(row, "from"),
        valid_to=_day(row, "to"),
    )


def _within(on: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= on) and (last is None or on <= last)


def _day(row: Mapping[str, Any], name: str) -> date | None:
    return date.fromisoformat(row[name]) if row.get(name) else None

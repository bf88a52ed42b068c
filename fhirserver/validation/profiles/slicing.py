"""Slices: each item of a sliced element is given to the first slice that it belongs to, and judged by it.

https://hl7.org/fhir/R4/profiling.html#slicing. Re-slices work the same way, within their slice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fhirserver.validation.elements.formats import json_type
from fhirserver.validation.profiles.discriminators import Condition, Item, Undecidable, conditions_of
from fhirserver.validation.profiles.properties import Bounds, Property, primitive_item
from fhirserver.validation.profiles.properties import one as one_object
from fhirserver.validation.run import Check, Path, Rule, Run, Step
from fhirserver.validation.texts import structure as texts

if TYPE_CHECKING:
    from fhirserver.validation.profiles.compiling import Compiler
    from fhirserver.validation.profiles.tree import Element


class Slice:
    """One slice, compiled.

    Attributes:
        name: its name.
        check: judges an item that belongs to it.
        conditions: what makes an item belong; None when the guide leaves that open.
        bounds: how often it may occur.
        inner: its re-slices, None for none.
    """

    __slots__ = ("bounds", "check", "conditions", "inner", "name")

    def __init__(self, compiler: Compiler, piece: Element, discriminators: list[dict[str, Any]]) -> None:
        self.name = piece.slice or ""
        most = None if piece.most == "*" else int(piece.most)
        self.bounds = Bounds(f"{piece.name.removesuffix('[x]')}:{self.name}", piece.least, most, piece.origin)
        self.check: Check = compiler.checker(piece, (piece.types or [{"code": "Element"}])[0])
        self.conditions: list[Condition] | None
        try:
            self.conditions = conditions_of(compiler.kit, piece, discriminators)
        except Undecidable:
            self.conditions = None
        self.inner = Slicing(compiler, piece) if piece.slices else None

    def takes(self, item: Item, run: Run) -> bool:
        """Return whether an item belongs to this slice."""
        if self.conditions is None:
            return False
        return all(condition.test(item, run) for condition in self.conditions)


class Slicing:
    """The slices of one element, compiled."""

    __slots__ = ("by_type", "discriminated", "name", "ordered", "origin", "rules", "slices", "undecidable")

    def __init__(self, compiler: Compiler, element: Element) -> None:
        stated = element.definition.get("slicing") or {}
        discriminators = stated.get("discriminator") or []
        self.discriminated = bool(discriminators)
        self.by_type = element.name.endswith("[x]") and all(
            one.get("type") == "type" and one.get("path") == "$this" for one in discriminators
        )
        self.rules = stated.get("rules", "open")
        self.ordered = bool(stated.get("ordered"))
        self.origin = element.origin
        self.name = element.name
        self.slices = [Slice(compiler, piece, discriminators) for piece in element.slices]
        self.undecidable = [piece for piece in self.slices if piece.conditions is None and self.discriminated]

    def of(self, item: Item, run: Run) -> Slice | None:
        """Return the slice that an item belongs to."""
        for piece in self.slices:
            if piece.takes(item, run):
                return piece
        return None

    def judge(self, members: list[tuple[Item, Slice | None]], path: Path, label: str, run: Run) -> None:
        """Judge how the items are shared out: minimum, maximum, order, closed slicing."""
        if not self.discriminated:
            return
        if self.undecidable:
            self._confess(path, label, run)
            return
        self._judge_counts(members, path, label, run)
        if self.rules == "closed":
            for item, piece in members:
                if piece is None:
                    self._no_slice(item, label, run)
        if self.ordered or self.rules == "openAtEnd":
            self._judge_order(members, label, run)

    def _judge_counts(self, members: list[tuple[Item, Slice | None]], path: Path, label: str, run: Run) -> None:
        counts: dict[str, int] = {}
        for _, piece in members:
            if piece is not None:
                counts[piece.name] = counts.get(piece.name, 0) + 1
        for piece in self.slices:
            found = counts.get(piece.name, 0)
            if found or piece.bounds.least:
                piece.bounds.judge(found, (path, label, -1), run)

    def judge_missing(self, path: Path, label: str, run: Run) -> None:
        """Judge an element that does not occur at all."""
        if not self.discriminated or self.undecidable:
            return
        for piece in self.slices:
            if piece.bounds.least:
                piece.bounds.judge(0, (path, label, -1), run)

    def _confess(self, path: Path, label: str, run: Run) -> None:
        piece = self.undecidable[0]
        key = ("slice", self.origin, piece.name)
        if run.once(key):
            text = texts.slice_undecidable(piece.name, self.origin)
            run.add(run.options.contradictions, "not-supported", (path, label, -1), "slice-undecidable", text)

    def _no_slice(self, item: Item, label: str, run: Run) -> None:
        reasons = [
            (piece.name, condition.reason(item, run))
            for piece in self.slices
            for condition in piece.conditions or ()
            if not condition.test(item, run)
        ]
        run.error("invalid", item.path, "slice-closed", texts.no_slice(label, reasons, self.origin))

    def _judge_order(self, members: list[tuple[Item, Slice | None]], label: str, run: Run) -> None:
        order = {piece.name: index for index, piece in enumerate(self.slices)}
        last, unmatched = -1, False
        for item, piece in members:
            if piece is None:
                unmatched = True
                continue
            if unmatched and self.rules == "openAtEnd":
                run.error("invalid", item.path, "slice-order", texts.open_at_end(label, self.origin))
                return
            if self.ordered and order[piece.name] < last:
                text = texts.slice_order(label, piece.name, self.slices[last].name, self.origin)
                run.error("invalid", item.path, "slice-order", text)
                return
            last = max(last, order[piece.name])


def absent(slicing: Slicing, label: str, is_there: Callable[[dict[str, Any]], bool]) -> Check | None:
    """Return the check of slices that are required, where the element does not occur; None where none is."""
    if not any(piece.bounds.least for piece in slicing.slices):
        return None

    def check(value: Any, path: Path, run: Run) -> None:
        if not is_there(value):
            slicing.judge_missing(path, label, run)

    return check


def sliced_rule(compiler: Compiler, element: Element, label: str, bounds: Bounds, slicing: Slicing) -> Rule:
    """Return the rule of a sliced element that repeats."""
    types = element.types or [{"code": "Element"}]
    rest = compiler.checker(element, types[0])
    bounded = bounds.most is not None or bounds.least > 1

    primitive = types[0]["code"][:1].islower()

    def rule(value: Any, owner: dict[str, Any], path: Path, run: Run) -> None:
        if type(value) is not list:
            run.error("structure", (path, label, -1), "json-array", texts.array_wanted(json_type(value)))
            return
        if not value:
            run.error("structure", (path, label, -1), "json-empty-array", texts.empty_array())
            return
        members: list[tuple[Item, Slice | None]] = []
        for index, one in enumerate(value):
            if one is None and primitive and f"_{label}" in owner:
                continue
            item = Item(one, None, (path, label, index))
            piece = slicing.of(item, run) if one is not None else None
            members.append((item, piece))
            (piece.check if piece else rest)(one, item.path, run)
        slicing.judge(members, path, label, run)
        _reslice(slicing, members, path, label, run)
        if bounded:
            bounds.judge(len(value), path, run)

    return rule


def _reslice(slicing: Slicing, members: list[tuple[Item, Slice | None]], path: Path, label: str, run: Run) -> None:
    for piece in slicing.slices:
        if piece.inner is None:
            continue
        own = [(item, piece.inner.of(item, run)) for item, found in members if found is piece]
        for item, inner in own:
            if inner is not None:
                inner.check(item.value, item.path, run)
        if own:
            piece.inner.judge(own, path, label, run)
            _reslice(piece.inner, own, path, label, run)


def _typed(slicing: Slicing, rest: Check, label: str, kind: str) -> Property:
    """Return a choice that is sliced by its own type alone: the property's name decides."""
    probe = Item(None, kind, (None, "", -1))
    piece = next((one for one in slicing.slices if one.takes(probe, None)), None)  # type: ignore[arg-type] # a type test asks the item alone
    check = piece.check if piece else rest
    name = slicing.name.removesuffix("[x]")
    unfulfilled = any(one is not piece and one.bounds.least for one in slicing.slices)
    if unfulfilled or (piece is None and slicing.rules == "closed") or (piece is not None and piece.bounds.most == 0):

        def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
            at = (path, label, -1)
            check(value, at, run)
            slicing.judge([(Item(value, kind, at), piece)], path, name, run)

        return Property(rule)

    return primitive_item(check, label) if isinstance(check, Step) else one_object(label, check)


def single(compiler: Compiler, element: Element, label: str, one_type: dict[str, Any], slicing: Slicing) -> Property:
    """Return a sliced element that does not repeat: mostly a choice, sliced by its type."""
    rest = compiler.checker(element, one_type)
    kind: str = one_type["code"]
    name = element.name.removesuffix("[x]")
    if slicing.by_type:
        return _typed(slicing, rest, label, kind)

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        at = (path, label, -1)
        item = Item(value, kind, at)
        piece = slicing.of(item, run)
        if piece is not None and (type(value) is dict or kind[0].islower()):
            piece.check(value, at, run)
        else:
            rest(value, at, run)
        slicing.judge([(item, piece)], path, name, run)
        _reslice(slicing, [(item, piece)], path, name, run)

    return Property(rule)

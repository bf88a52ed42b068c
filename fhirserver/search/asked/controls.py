"""Parameters that shape the answer: `_sort`, `_count`, `_include`, `_total`, `_summary`, `_elements`.

https://hl7.org/fhir/R4/search.html#return. A value that the specification does not know is refused, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.asked.criteria import Criteria
from fhirserver.search.asked.faults import fault
from fhirserver.search.asked.query import Include, SortKey

IGNORED_HERE: Final = frozenset({"_format", "_pretty", "_cursor", "_type"})
"""Read elsewhere."""

NAMES: Final = frozenset(
    {
        "_sort", "_count", "_include", "_revinclude", "_total", "_totalMethod", "_summary", "_elements", "_contained",
        "_containedType",
    }
)  # fmt: skip
_ONCE: Final = NAMES - {"_include", "_revinclude"}
_SUMMARIES: Final = ("true", "text", "data", "count", "false")
_TOTALS: Final = ("none", "estimate", "accurate")
_TOTAL_METHODS: Final = {"count": "accurate", "estimate": "estimate", "approximate": "estimate", "no": "none"}
_MAX_SORT_KEYS: Final = 5
_MAX_INCLUDES: Final = 50
_ELEMENT: Final = re.compile(r"[A-Za-z][A-Za-z0-9.]*")


class Controls:
    """Collects the parameters that shape the answer.

    Args:
        criteria: of the same query.
        types: the types searched.
        page_size: entries of a page when `_count` is not given.
        max_page_size: most entries of a page.
    """

    def __init__(self, criteria: Criteria, types: Sequence[str], page_size: int, max_page_size: int) -> None:
        self._criteria = criteria
        self._types = types
        self._max = max_page_size
        self._seen: set[str] = set()
        self.values: dict[str, Any] = {"count": page_size, "includes": [], "revincludes": []}

    def read(self, name: str, raw: str) -> bool:
        """Take one parameter; return whether it is one of these.

        Raises:
            BadRequest: its value is not one that the specification knows.
        """
        code, _, modifier = name.partition(":")
        if code not in NAMES:
            return False
        if code in _ONCE:
            if code in self._seen:
                raise fault(name, Text("donné deux fois", "given twice"))
            self._seen.add(code)
        if modifier and not (code in ("_include", "_revinclude") and modifier in ("iterate", "recurse")):
            raise fault(
                name,
                Text(f"modificateur « {modifier[:40]} » inconnu", f'unknown modifier "{modifier[:40]}"'),
                code="not-supported",
                rule="search-modifier",
            )
        getattr(self, f"_read{code}")(name, raw, modifier)
        return True

    def _read_count(self, name: str, raw: str, _: str) -> None:
        if not raw.isascii() or not raw.isdigit() or len(raw) > 9:  # noqa: PLR2004 - more digits than any page has
            raise fault(
                name, Text("un nombre entier positif ou nul est attendu", "a whole number, 0 or more, is expected")
            )
        self.values["count"] = min(int(raw), self._max)
        if int(raw) == 0:
            self.values["summary"] = "count"

    def _read_total(self, name: str, raw: str, _: str) -> None:
        self.values["total"] = _one_of(name, raw, _TOTALS)

    def _read_totalMethod(self, name: str, raw: str, _: str) -> None:  # noqa: N802 - named as the parameter
        """Aidbox's name for `_total`, which fhirpy sends to count."""
        self.values["total"] = _TOTAL_METHODS[_one_of(name, raw, tuple(_TOTAL_METHODS))]

    def _read_summary(self, name: str, raw: str, _: str) -> None:
        summary = _one_of(name, raw, _SUMMARIES)
        if self.values.get("summary") != "count":
            self.values["summary"] = summary

    def _read_elements(self, name: str, raw: str, _: str) -> None:
        names = raw.split(",")
        for element in names:
            if not _ELEMENT.fullmatch(element):
                raise fault(
                    name, Text(f"« {element[:40]} » n'est pas un nom d'élément", f'"{element[:40]}" is no element name')
                )
        self.values["elements"] = tuple(
            element.split(".")[-1] if element[0].isupper() else element for element in names
        )

    def _read_contained(self, name: str, raw: str, _: str) -> None:
        self.values["contained"] = _one_of(name, raw, ("false", "true", "both"))

    def _read_containedType(self, name: str, raw: str, _: str) -> None:  # noqa: N802 - named as the parameter
        self.values["contained_only"] = _one_of(name, raw, ("container", "contained")) == "contained"

    def _read_sort(self, name: str, raw: str, _: str) -> None:
        keys: list[SortKey] = []
        for part in raw.split(","):
            descending = part.startswith("-")
            code = part.removeprefix("-")
            if not code or "." in code or ":" in code:
                raise fault(
                    name,
                    Text(
                        f"« {part[:40]} » n'est pas le nom d'un paramètre",
                        f'"{part[:40]}" is not the name of a parameter',
                    ),
                )
            if code in ("_id", "_lastUpdated"):
                keys.append(SortKey(code, None, descending))
                continue
            found = [self._criteria.parameter(resource_type, code, code) for resource_type in self._types]
            if found[0].kind == "special" or len({parameter.kind for parameter in found}) > 1:
                raise fault(
                    name,
                    Text(f"on ne peut pas trier selon « {code[:40]} »", f'results cannot be sorted by "{code[:40]}"'),
                    code="not-supported",
                )
            keys.append(SortKey(code, found[0], descending))
        if len(keys) > _MAX_SORT_KEYS:
            raise fault(
                name, Text(f"plus de {_MAX_SORT_KEYS} clés", f"more than {_MAX_SORT_KEYS} keys"), code="too-costly"
            )
        self.values["sort"] = tuple(keys)

    def _read_include(self, name: str, raw: str, modifier: str) -> None:
        self._include(name, raw, modifier, "includes")

    def _read_revinclude(self, name: str, raw: str, modifier: str) -> None:
        self._include(name, raw, modifier, "revincludes")

    def _include(self, name: str, raw: str, modifier: str, kind: str) -> None:
        registry = self._criteria.registry
        includes = self.values[kind]
        if len(includes) >= _MAX_INCLUDES:
            raise fault(
                name,
                Text(f"plus de {_MAX_INCLUDES} inclusions", f"more than {_MAX_INCLUDES} of them"),
                code="too-costly",
            )
        parts = raw.split(":")
        if raw == "*":
            includes.append(Include("*", "*", None, bool(modifier)))
            return
        if len(parts) not in (2, 3) or not all(parts[:2]):
            raise fault(
                name, Text("attendu : `Type:paramètre[:Cible]` ou `*`", "expected: `Type:parameter[:Target]` or `*`")
            )
        source, code, target = parts[0], parts[1], (parts[2] if len(parts) > 2 else "") or None  # noqa: PLR2004
        for resource_type in (source, target):
            if resource_type is not None and resource_type not in registry.types:
                raise fault(
                    name,
                    Text(
                        f"« {resource_type[:40]} » n'est pas un type de ressource",
                        f'"{resource_type[:40]}" is no resource type',
                    ),
                )
        if code != "*":
            parameter = self._criteria.parameter(source, code, name)
            if parameter.kind != "reference":
                raise fault(name, Text(f"« {code} » n'est pas une référence", f'"{code}" is no reference'))
            if target and target not in parameter.targets:
                raise fault(name, Text(f"« {code} » ne désigne jamais {target}", f'"{code}" never refers to {target}'))
        includes.append(Include(source, code, target, bool(modifier)))


def _one_of(name: str, raw: str, known: Sequence[str]) -> str:
    if raw not in known:
        raise fault(name, Text(f"attendu : {', '.join(known)}", f"expected: {', '.join(known)}"))
    return raw

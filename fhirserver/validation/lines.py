"""The line on which an element stands in a JSON text, for `file:line` messages."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_SEGMENT: Final = re.compile(r"([^.\[\]]+(?:\([^)]*\))?)(?:\[(\d+)\])?")
_CHOICE: Final = re.compile(r"\.ofType\(([A-Za-z0-9]+)\)")


class Lines:
    """Where each value of a JSON text begins: by its path of keys and indices."""

    def __init__(self, text: str) -> None:
        self._starts: dict[tuple[str | int, ...], int] = {}
        self._read(text)

    def _read(self, text: str) -> None:
        path: list[str | int] = []
        kinds: list[str] = []
        pending: str | None = None
        line, position = 1, 0
        for match in _TOKEN.finditer(text):
            line += text.count("\n", position, match.start())
            position = match.start()
            part = match[0]
            if part in "{[":
                self._starts.setdefault(tuple(path), line)
                kinds.append(part)
                path.append(0 if part == "[" else "")
            elif part in "}]":
                if kinds:
                    kinds.pop()
                    path.pop()
            elif part == ",":
                last = path[-1] if path else None
                if kinds and isinstance(last, int):
                    path[-1] = last + 1
            elif part == ":":
                if pending is not None and path:
                    path[-1] = pending
                    self._starts[tuple(path)] = line
            else:
                pending = part[1:-1] if part[0] == '"' else None
                self._starts.setdefault(tuple(path), line)

    def of(self, expression: str | None) -> int:
        """Return the line of the element that a FHIRPath names, or of the nearest one around it; 1 for none."""
        path: list[str | int] = []
        plain = _CHOICE.sub(lambda match: match[1][0].upper() + match[1][1:], expression or "")
        best = self._starts.get((), 1)
        for name, index in [(match[1], match[2]) for match in _SEGMENT.finditer(plain)][1:]:
            path.append(name)
            if tuple(path) not in self._starts:
                break
            best = self._starts[tuple(path)]
            if index is not None:
                path.append(int(index))
                best = self._starts.get(tuple(path), best)
        return best

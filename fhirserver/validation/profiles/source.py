"""Python source made of templates and numbers: all else is passed in as constants, so that what looks alike is shared.

Nothing of what a sender writes is in the source, and of a definition's texts neither: names, sets, literals and
closures are constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

_MOST_SHARED: Final = 4_000


class Source:
    """The source of one function under way.

    Attributes:
        lines: of its body.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._constants: list[Any] = []

    def constant(self, value: Any) -> str:
        """Return the name of a constant."""
        self._constants.append(value)
        return f"c{len(self._constants) - 1}"

    def add(self, depth: int, *lines: str) -> None:
        """Add lines to the body."""
        self.lines += [f"{'    ' * depth}{line}" for line in lines]

    def made(self, arguments: str, head: Sequence[str] = ()) -> Any:
        """Return the function.

        Args:
            arguments: names, as in a `def`.
            head: lines before the body's.
        """
        body = "\n".join(f"        {line}" for line in [*head, *self.lines]) or "        pass"
        names = ", ".join(f"c{number}" for number in range(len(self._constants)))
        return _factory(f"def make({names}):\n    def made({arguments}):\n{body}\n    return made\n")(*self._constants)


@lru_cache(maxsize=_MOST_SHARED)
def _factory(source: str) -> Any:
    """Return what makes the function from its constants."""
    made: dict[str, Any] = {}
    exec(compile(source, "<plan>", "exec"), made)  # noqa: S102 - templates and numbers alone: see the module's head
    return made["make"]

"""Who executes a prescription, as a token tells him and as resources name him."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

PROFESSIONAL_SYSTEM: Final = "urn:oid:1.2.250.1.71.4.2.1"
STRUCTURE_SYSTEM: Final = "urn:oid:1.2.250.1.71.4.2.2"
_SUBJECT: Final = "subject:"


@dataclass(frozen=True, slots=True)
class Executor:
    """Who executes: a professional, a structure, or one within the other.

    Attributes:
        rpps: 11 digits.
        structure: "1" + FINESS, "3" + SIRET.
        subject: what the token calls him where it names neither.
    """

    rpps: str | None = None
    structure: str | None = None
    subject: str = ""
    name: str | None = None

    @property
    def key(self) -> str:
        """One text for him, wherever two executors are compared."""
        if self.rpps or self.structure:
            return f"{self.rpps or ''}@{self.structure or ''}"
        return f"{_SUBJECT}{self.subject}"

    @classmethod
    def of(cls, key: str, name: str | None = None) -> Executor:
        """Return whose key it is; `name`: if known."""
        if key.startswith(_SUBJECT):
            return cls(subject=key.removeprefix(_SUBJECT), name=name)
        rpps, _, structure = key.partition("@")
        return cls(rpps or None, structure or None, name=name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which he is the author of what he writes: his own, or his structure's, then his key."""
        if self.rpps:
            return (f"rpps:{self.rpps}", self.key)
        if self.structure:
            return (f"structure:{self.structure}", self.key)
        return (self.key,)

    def same(self, key: str, *, by_structure: bool) -> bool:
        """Tell whether a key is his; in a treatment that a structure holds, whoever works there is."""
        if by_structure and self.structure:
            return key.partition("@")[2] == self.structure
        return key == self.key

    def reference(self) -> dict[str, Any]:
        """Return him as a logical Reference."""
        if self.rpps:
            found: dict[str, Any] = {"identifier": {"system": PROFESSIONAL_SYSTEM, "value": f"8{self.rpps}"}}
        elif self.structure:
            found = {"identifier": {"system": STRUCTURE_SYSTEM, "value": self.structure}}
        else:
            found = {"identifier": {"value": self.subject}}
        return found | ({"display": self.name} if self.name else {})

"""What terminology answers: membership in a value set, and what is known of a code.

Both answers are three-valued. "Cannot be verified here" is an answer of its own, never an error of the sender: most
code systems of medicine are licensed or too large to travel with a guide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, Literal, NamedTuple

from fhirserver.issues import Text


class Verdict(Enum):
    """Whether a code is in a value set."""

    IN = "in"
    OUT = "out"
    UNKNOWN = "unknown"


Cause = Literal[
    "in",
    "not-in-value-set",
    "other-system",
    "no-system",
    "excluded",
    "unknown-code",
    "value-set-not-loaded",
    "value-set-unusable",
    "system-not-loaded",
    "system-incomplete",
    "version-not-loaded",
]
"""Why a verdict was reached. `other-system`: the code is in the value set, but of another system; `unknown-code`: the
system itself, complete, does not have the code; `value-set-unusable`: cyclic, too deep, or without content."""


class Membership:
    """The answer to: is this code in that value set.

    Attributes:
        verdict: IN, OUT, or UNKNOWN (cannot be decided with what is loaded).
        cause: why, as a key.
    """

    __slots__ = ("_say", "cause", "verdict")

    def __init__(self, verdict: Verdict, cause: Cause, say: Callable[[], Text]) -> None:
        self.verdict = verdict
        self.cause = cause
        self._say = say

    @property
    def reason(self) -> Text:
        """Return why, as a sentence; built when asked for, since slices ask by the thousand and print nothing."""
        return self._say()

    def __repr__(self) -> str:
        return f"Membership({self.verdict.name}, {self.cause!r})"


IN: Final = Membership(
    Verdict.IN, "in", lambda: Text("Le code est dans le jeu de valeurs.", "The code is in the value set.")
)


class CodeState(Enum):
    """What a code system says of a code."""

    KNOWN = "known"
    INACTIVE = "inactive"
    UNKNOWN = "unknown"
    UNVERIFIABLE = "unverifiable"


class Designation(NamedTuple):
    """One name of a concept.

    Attributes:
        value: the name.
        language: BCP-47 tag, or empty where the code system does not say.
        use: the Coding of `designation.use` as a dict, or None.
    """

    value: str
    language: str = ""
    use: dict[str, str] | None = None


class CodeStatus(NamedTuple):
    """What is known of one code.

    Attributes:
        state: KNOWN, INACTIVE (known, no longer to be used), UNKNOWN (the system is loaded and complete, and does not
            have it: an error), UNVERIFIABLE (system not loaded, a fragment, or too large to be here: a warning).
        reason: a sentence for every state but KNOWN.
        code: the code as the system writes it (case-insensitive systems accept others).
        display: its name in the system's own language.
        designations: all its names, the display first.
        abstract: whether it only groups others and is not meant to be chosen.
    """

    state: CodeState
    reason: Text | None = None
    code: str = ""
    display: str | None = None
    designations: tuple[Designation, ...] = ()
    abstract: bool = False

    def accepts(self, display: str) -> bool:
        """Whether a display is one of the concept's names: white space and case apart.

        True where no name is known. See https://hl7.org/fhir/R4/datatypes.html#Coding (display).
        """
        if not self.designations:
            return True
        wanted = fold(display)
        return any(fold(name.value) == wanted for name in self.designations)

    def name(self, language: str = "") -> str | None:
        """Return the concept's name in a language (BCP-47), or the nearest there is: its own display."""
        return name_in(self.designations, language) or self.display


def fold(text: str) -> str:
    """Return a text for comparison: case and runs of white space apart."""
    return " ".join(text.casefold().split())


def name_in(names: Iterable[Designation], language: str) -> str | None:
    """Return the first name in a language: its very tag, else one of the same primary language; None if none is."""
    if not language:
        return None
    wanted, primary = language.lower(), language.lower().partition("-")[0]
    near: str | None = None
    for name in names:
        tag = name.language.lower()
        if tag == wanted:
            return name.value
        if near is None and tag.partition("-")[0] == primary:
            near = name.value
    return near

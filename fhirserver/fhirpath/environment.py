"""What an evaluation may ask of the world around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from fhirserver.fhirpath.errors import fails

MAX_STEPS: Final = 1_000_000
"""Most items that all iterations of an expression compiled without a context may go through: some seconds."""

Resolve = Callable[[str], dict[str, Any] | None]
"""From the text of a reference to the resource, or None where it is not at hand."""

MemberOf = Callable[[Any, str, str], bool | None]
"""From a value (code text, Coding, CodeableConcept), its FHIR type and a value set url to an answer; None: unknown."""

Subsumes = Callable[[Any, Any], bool | None]
"""From two Codings or CodeableConcepts to whether the first one subsumes the second; None: unknown."""

ConformsTo = Callable[[dict[str, Any], str], bool | None]
"""From a resource or element and a profile url to an answer; None: no such profile."""

Trace = Callable[[str, list[Any]], None]
"""Receives the name and the values of each `trace()`."""


class Environment:
    """One evaluation's surroundings; used by one thread at a time.

    Attributes:
        resource: `%resource`, the resource that holds the focus (a contained one for what lies in it).
        root: `%rootResource`, the resource that holds `resource`, or the same.
        bundle: the Bundle around it, in which references are looked up first.
        resolve, member_of, subsumes, conforms_to, trace: services of the caller; None where it has none.
        assume_references: whether `resolve()` of what is not at hand gives a stub with the type that the reference's
            text names, so that `resolve() is Patient` can be answered (as search needs it).
        variables: further constants, by name without `%`.
        now: the clock's time for `now()`; None means the time of the first question.
        steps: most items that an expression compiled without a context may go through.
    """

    __slots__ = (
        "_clock", "_steps", "assume_references", "bundle", "conforms_to", "context", "index", "member_of", "resolve",
        "resource", "root", "steps", "subsumes", "total", "trace", "variables",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - each service is named by its caller
        self,
        resource: dict[str, Any] | None = None,
        *,
        root: dict[str, Any] | None = None,
        bundle: dict[str, Any] | None = None,
        resolve: Resolve | None = None,
        member_of: MemberOf | None = None,
        subsumes: Subsumes | None = None,
        conforms_to: ConformsTo | None = None,
        trace: Trace | None = None,
        assume_references: bool = False,
        variables: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        steps: int = MAX_STEPS,
    ) -> None:
        self.resource = resource
        self.root = root if root is not None else resource
        self.bundle = bundle
        self.resolve = resolve
        self.member_of = member_of
        self.subsumes = subsumes
        self.conforms_to = conforms_to
        self.trace = trace
        self.assume_references = assume_references
        self.variables = variables or {}
        self.context: Any = None
        self.index: int | None = None
        self.total: list[Any] = []
        self._clock = [now]
        self.steps = steps
        self._steps = [steps]

    @property
    def now(self) -> datetime:
        """The time of this evaluation: the same whenever it is asked."""
        known = self._clock[0]
        if known is None:
            known = self._clock[0] = datetime.now().astimezone()
        return known

    def begin(self) -> None:
        """Start the count of steps anew, for another evaluation."""
        self._steps[0] = self.steps

    def spend(self, steps: int) -> None:
        """Count the steps of an expression that may come from a client.

        Raises:
            EvaluationError: it took more than it may.
        """
        self._steps[0] -= steps
        if self._steps[0] < 0:
            raise fails("l'expression parcourt trop d'éléments", "the expression walks too many elements")

    def at(self, index: int, total: list[Any] | None = None) -> Environment:
        """Return these surroundings for one item of an iteration (`$index`, `$total`)."""
        nested = Environment.__new__(Environment)
        for name in Environment.__slots__:
            setattr(nested, name, getattr(self, name))
        nested.index = index
        if total is not None:
            nested.total = total
        return nested

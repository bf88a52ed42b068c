"""What can go wrong with an expression: before it runs, and while it runs."""

from __future__ import annotations

from fhirserver.issues import Text


class ExpressionError(Exception):
    """An expression that cannot be compiled.

    Attributes:
        position: offset of the fault in the expression, in characters from 0.
        text: what is wrong, in both languages.
        kind: `syntax` (not FHIRPath) or `semantic` (FHIRPath that can never make sense here).
    """

    def __init__(self, position: int, text: Text, kind: str = "semantic") -> None:
        super().__init__(f"{text.en} (at {position})")
        self.position = position
        self.text = text
        self.kind = kind


class EvaluationError(Exception):
    """An expression that compiled but has no result on these data (several items where one is due, wrong types…).

    Attributes:
        text: what is wrong, in both languages.
    """

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def fails(fr: str, en: str) -> EvaluationError:
    """Return the failure of an evaluation, ready to be raised."""
    return EvaluationError(Text(fr, en))

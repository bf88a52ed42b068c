"""The closed family of failures: each knows its HTTP status and its issues.

A failure is raised once, where it is known, and translated once, at the edge (`wire/outcomes.py`).
Statuses follow https://hl7.org/fhir/R4/http.html#Status-Codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from fhirserver.issues import Issue, IssueCode, Severity, Text


class Failure(Exception):  # noqa: N818 - the family's name; each member names its own failure
    """A request that is refused, with the reason for it.

    Attributes:
        status: the HTTP status of the answer.
        issues: what is wrong, at least one issue.
        headers: response headers that belong to the answer (`Retry-After`, `WWW-Authenticate`, `ETag`…).
    """

    status: ClassVar[int] = 500
    code: ClassVar[IssueCode] = "exception"
    severity: ClassVar[Severity] = "error"

    def __init__(  # noqa: PLR0913 - what an OperationOutcome can say
        self,
        text: Text,
        *,
        expression: str | None = None,
        rule: str | None = None,
        code: IssueCode | None = None,
        headers: dict[str, str] | None = None,
        issues: Sequence[Issue] = (),
    ) -> None:
        super().__init__(text.en)
        self.issues: tuple[Issue, ...] = tuple(issues) or (
            Issue(self.severity, code or self.code, text, expression, rule),
        )
        self.headers: dict[str, str] = headers or {}


class Unreadable(Failure):
    """400: not readable as FHIR of that type (syntax, unknown element, wrong JSON type), or a malformed request."""

    status = 400
    code = "structure"


class BadRequest(Failure):
    """400: readable, but the request makes no sense (search parameters, ids that differ, headers)."""

    status = 400
    code = "invalid"


class Unauthenticated(Failure):
    """401: no token, or one that cannot be trusted."""

    status = 401
    code = "login"


class Forbidden(Failure):
    """403: known, but not allowed."""

    status = 403
    code = "forbidden"


class NotFound(Failure):
    """404: no such resource, type or route, or none that the caller may know of."""

    status = 404
    code = "not-found"


class MethodNotAllowed(Failure):
    """405: the resource exists, the interaction is not offered on it."""

    status = 405
    code = "not-supported"


class NotAcceptable(Failure):
    """406: no format that the client accepts."""

    status = 406
    code = "not-supported"


class Conflict(Failure):
    """409: the current state of the store forbids it."""

    status = 409
    code = "conflict"


class Gone(Failure):
    """410: it was here and is deleted."""

    status = 410
    code = "deleted"


class LengthRequired(Failure):
    """411: content whose end nothing would tell, without a Content-Length."""

    status = 411
    code = "required"


class PreconditionFailed(Failure):
    """412: If-Match, If-None-Match or a conditional reference does not hold."""

    status = 412
    code: ClassVar[IssueCode] = "conflict"


class MultipleMatches(PreconditionFailed):
    """412: a conditional interaction's criteria select several resources."""

    code = "multiple-matches"


class TooLarge(Failure):
    """413: beyond a size that the server states."""

    status = 413
    code = "too-long"


class UnsupportedMediaType(Failure):
    """415: a body in a format that the server does not read."""

    status = 415
    code = "not-supported"


class RangeNotSatisfiable(Failure):
    """416: a byte range outside of the content."""

    status = 416
    code = "value"


class Unprocessable(Failure):
    """422: readable, but breaks a cardinality, binding, invariant, profile or business rule."""

    status = 422
    code = "processing"


class Locked(Failure):
    """423: held by another."""

    status = 423
    code = "lock-error"


class Throttled(Failure):
    """429: too many requests; `Retry-After` says when to come back."""

    status = 429
    code = "throttled"


class NotImplementedHere(Failure):
    """501: FHIR knows it, this server does not offer it."""

    status = 501
    code = "not-supported"


class Unavailable(Failure):
    """503: the store cannot take it now; `Retry-After` says when to come back."""

    status = 503
    code = "transient"


class InvalidResource(Failure):
    """400 when an issue says `structure` (not readable), 422 otherwise: a resource that validation refuses."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        refusing = [issue for issue in issues if issue.refuses]
        super().__init__(refusing[0].text, issues=issues)
        self.status = 400 if any(issue.code == "structure" for issue in refusing) else 422  # type: ignore[misc] # decided by each case

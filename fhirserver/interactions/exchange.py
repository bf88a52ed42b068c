"""What an interaction is asked, and what it answers: neither knows HTTP's bytes nor Flask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, Literal, NamedTuple, Protocol
from urllib.parse import parse_qsl

from fhirserver.access.caller import Caller
from fhirserver.errors import BadRequest
from fhirserver.issues import Issue, Language, Text
from fhirserver.store import Planned, Stored, Transaction

Returning = Literal["minimal", "representation", "OperationOutcome"]


class Preference(NamedTuple):
    """What a `Prefer` header asks for (RFC 7240; https://hl7.org/fhir/R4/http.html#return)."""

    returning: Returning | None = None
    lenient: bool = False
    asynchronous: bool = False


NO_PREFERENCE: Final = Preference()


@dataclass(slots=True)
class Conditions:
    """The conditions of a request, from headers or from a Bundle entry's `request`.

    Attributes:
        match: versions of `If-Match`; `("*",)` for any; empty when not sent.
        none_match: the same of `If-None-Match`.
        modified_since: of `If-Modified-Since`.
        none_exist: the query of `If-None-Exist`.
        unmodified_since: of `If-Unmodified-Since`, which holds for writes.
    """

    match: tuple[str, ...] = ()
    none_match: tuple[str, ...] = ()
    modified_since: datetime | None = None
    none_exist: str | None = None
    unmodified_since: datetime | None = None


@dataclass(slots=True)
class Content:
    """A body that has not been read as a resource.

    Attributes:
        media: its Content-Type, as sent.
        read: gives all of it, up to the size limit (TooLarge).
        open: gives a stream of it (TooLarge while reading).
        about: the reference of `X-Security-Context`: by which resource access to it is decided.
    """

    media: str
    read: Callable[[], bytes]
    open: Callable[[], BinaryIO]
    about: str | None = None


class Course(Protocol):
    """What a request that is answered later commits beside its writes: a kill neither loses nor doubles them.

    Attributes:
        last: whether this is the last attempt: what the store cannot take now is answered so.
    """

    @property
    def last(self) -> bool: ...  # noqa: D102 - see the class

    def seal(self, transaction: Transaction, answer: Answer) -> None:
        """Commit with the writes that they are done, and what they are answered with."""

    def entry(self, position: int) -> Course:
        """Return the same for one entry of a batch, which commits alone."""

    def done(self) -> Answer | None:
        """Return what an earlier attempt at this entry was answered; None: there was none, or it committed nothing.

        Raises:
            JobGone: who asked has withdrawn the request.
        """


@dataclass(slots=True)
class Request:
    """One interaction asked for, alone or as an entry of a Bundle.

    Attributes:
        method: GET, POST, PUT, PATCH or DELETE; HEAD comes as GET.
        path: segments below the FHIR base, percent-decoded.
        query: raw query string.
        caller: who asks.
        base: the FHIR base url as the client sees it, without a slash at its end.
        parse: gives the body as a resource; raises Unreadable, UnsupportedMediaType.
        content: the body as bytes; None when there is none to be had (Bundle entries).
        wants_resource: whether the client asked for a FHIR format by name: decides how Binary leaves.
        ranges: the `Range` header.
        origin: where from: address, request id.
        unit: the transaction that this request is part of.
        in_bundle: whether it is done together with others (entries of a transaction Bundle, deletions by criteria), so
            that whoever does them checks what concerns all of them.
        reserved: the id that a create has to take.
        checked: what validation found already; None: the body is still to be validated.
        marks: what a guard has the write keep beside who, why and from where.
        memory: what guards know of the caller for the length of the request, by a name of their own.
        notes: what reading the body found (warnings).
        trail: audit records of what was read, written before the answer leaves.
        rehearsal: whether only that is decided which can be before the work: readable, and allowed.
        course: of a request that is answered later.
    """

    method: str
    path: tuple[str, ...]
    query: str
    caller: Caller
    base: str
    parse: Callable[[], dict[str, Any]]
    language: Language = "fr"
    conditions: Conditions = field(default_factory=Conditions)
    prefer: Preference = NO_PREFERENCE
    content: Content | None = None
    wants_resource: bool = True
    ranges: str | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
    unit: Transaction | None = None
    in_bundle: bool = False
    reserved: str | None = None
    checked: tuple[Issue, ...] | None = None
    marks: Mapping[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    notes: list[Issue] = field(default_factory=list)
    trail: list[dict[str, Any]] = field(default_factory=list)
    rehearsal: bool = False
    course: Course | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """Return the query parameters in their order.

        Raises:
            BadRequest: not UTF-8, or too many of them.
        """
        if not self.query:
            return []
        return query_pairs(self.query)

    def within(self, transaction: Transaction) -> Request:
        """Return the same request as part of a transaction."""
        return replace(self, unit=transaction)

    def without_conditions(self) -> Request:
        """Return the same request, its conditions having been held."""
        return replace(self, conditions=Conditions())

    def record(self, action: str, resource_type: str | None, identity: str | None = None, **more: Any) -> None:
        """Note an access for the audit, which is written before the answer leaves."""
        self.trail.append(self.told(action, resource_type, identity, **more))

    def told(self, action: str, resource_type: str | None, identity: str | None = None, **more: Any) -> dict[str, Any]:
        """Return a record of an access for the audit."""
        return {
            "action": action,
            "type": resource_type,
            "id": identity,
            "when": datetime.now(UTC),
            "who": self.caller.who(),
            "why": self.caller.purpose,
            "where": dict(self.origin),
            **more,
        }

    def provenance(self) -> dict[str, Any]:
        """Return who, why and from where: the audit that a write carries in its own document."""
        return {"who": self.caller.who(), "why": self.caller.purpose, "where": dict(self.origin), **self.marks}


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Read a query string or a form body; raises BadRequest."""
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except UnicodeDecodeError:
        text = Text("Les paramètres ne sont pas de l'UTF-8 valide.", "The parameters are not valid UTF-8.")
    except ValueError:
        text = Text("Plus de 1000 paramètres de requête.", "More than 1000 query parameters.")
    raise BadRequest(text, rule="query")


@dataclass(slots=True)
class Answer:
    """What an interaction answers.

    Attributes:
        status: HTTP status.
        planned: what a transaction will write; becomes `stored` with its commit.
        stored: a version that is the answer's subject: gives ETag, Last-Modified, and the body.
        resource: a resource built for this answer (Bundle, OperationOutcome, CapabilityStatement).
        raw: content to send as it is, with its `media` type, for Binary.
        json: a resource as ready JSON bytes.
        location: where the written version is, below the base: `Patient/1/_history/2`.
        issues: warnings and notes, for `Prefer: return=OperationOutcome`.
        written: whether `Prefer: return` applies.
        headers: further response headers.
    """

    status: int = 200
    stored: Stored | None = None
    resource: dict[str, Any] | None = None
    json: bytes | None = None
    raw: bytes | Iterator[bytes] | None = None
    media: str | None = None
    location: str | None = None
    issues: tuple[Issue, ...] = ()
    written: bool = False
    planned: Planned | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def settle(self) -> Answer:
        """Take over what was planned, once it is committed."""
        if self.planned is not None:
            self.stored = self.planned.stored
        return self

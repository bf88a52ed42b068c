"""From HTTP to an interaction and back: the one view behind every FHIR route.

Reads headers, format and caller; has the router perform the interaction; has the audit acknowledged; writes the
answer. Every failure leaves as an OperationOutcome.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import parse_qsl

from flask import Response, request

from fhirserver import jsontext
from fhirserver.access.tokens import Verifier
from fhirserver.errors import BadRequest, Failure, MethodNotAllowed, Unauthenticated
from fhirserver.interactions.exchange import NO_PREFERENCE, Answer, Conditions, Content, Preference, Request
from fhirserver.interactions.router import Router
from fhirserver.interactions.shown.etags import tags
from fhirserver.interactions.shown.outcomes import INTERNAL, outcome
from fhirserver.issues import Issue, Language, Text
from fhirserver.settings import Settings
from fhirserver.wire import body, headers
from fhirserver.wire.formats import Format, Formats, ranges_of
from fhirserver.wire.response import Ready
from fhirserver.wire.safety import confine
from fhirserver.wire.throttle import Throttle
from fhirserver.wire.turns import Working

BASE: Final = "/fhir"

_log: Final = logging.getLogger("fhirserver")
_NO_CONDITIONS: Final = Conditions()
_OPEN: Final = {("GET", ("metadata",))}
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_FHIR_MEDIA: Final = ("application/fhir+json", "application/fhir+xml")
_HOST: Final = re.compile(r"[A-Za-z0-9._~-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


@dataclass(slots=True)
class Representation:
    """How an answer is to be written."""

    format: Format
    pretty: bool


class Gateway:
    """Answers FHIR requests.

    Attributes:
        settings, formats: in force.
        working: the turns at working.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it connects
        self,
        settings: Settings,
        formats: Formats,
        verifier: Verifier,
        router: Router,
        audit: Callable[..., object],
        away: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.formats = formats
        self._verifier = verifier
        self._router = router
        self._audit = audit
        self._throttle = Throttle(settings.rate_limit)
        self.working = Working(max(settings.threads, 1), away)

    def view(self, path: str = "") -> Response:
        """Answer the current request; `path` is what follows the FHIR base."""
        environ = request.environ
        language = self.language(environ)
        request_id = _request_id(environ)
        representation = Representation(self.formats.default, pretty=False)
        try:
            representation = self._representation(environ, path)
            response = self._perform(environ, path, language, request_id, representation)
        except Failure as failure:
            if environ["REQUEST_METHOD"] == "OPTIONS" and isinstance(failure, MethodNotAllowed):
                response = Response(status=204, headers={"Allow": f"{failure.headers['Allow']}, OPTIONS"})
            else:
                if isinstance(failure, Unauthenticated) and "HTTP_AUTHORIZATION" in environ:
                    told = failure.issues[0].text.en
                    _log.warning("request %s from %s refused: %r", request_id, self._address(environ), told)
                response = self.refuse(failure, language, representation)
        except Exception:  # noqa: BLE001 - nothing of it leaves; it is logged
            _log.exception("request %s failed: %s %s", request_id, environ["REQUEST_METHOD"], environ["PATH_INFO"])
            response = self.outcome_response(500, [INTERNAL], language, representation)
        response.headers["X-Request-Id"] = request_id
        response.headers["Vary"] = "Accept, Accept-Language, Prefer"
        # without this, a browser shows for some time what it had, though it was changed meanwhile
        response.headers.setdefault("Cache-Control", "private, no-cache")
        theirs = environ.get("HTTP_X_REQUEST_ID")
        if theirs and theirs != request_id:
            response.headers["X-Correlation-Id"] = theirs[:200]
        return response

    def language(self, environ: dict[str, Any]) -> Language:
        """Return the language of messages."""
        given = environ.get("HTTP_ACCEPT_LANGUAGE")
        return headers.language(given, self.settings.language) if given else self.settings.language

    def refuse(self, failure: Failure, language: Language, representation: Representation | None = None) -> Response:
        """Return the answer that tells a failure."""
        response = self.outcome_response(failure.status, failure.issues, language, representation)
        response.headers.update(failure.headers)
        return response

    def _perform(
        self, environ: dict[str, Any], path: str, language: Language, request_id: str, representation: Representation
    ) -> Response:
        method = environ["REQUEST_METHOD"]
        segments = tuple(path.rstrip("/").split("/")) if path.strip("/") else ()
        effective = "GET" if method == "HEAD" else method
        if (effective, segments) in _OPEN:
            return self._statement(environ, language, representation)
        caller = self._verifier.caller(environ.get("HTTP_AUTHORIZATION"))
        self._throttle.take(caller.client)
        prefer = environ.get("HTTP_PREFER")
        limit = self.settings.max_body
        asked = Request(
            method=effective,
            path=segments,
            query=_query(environ),
            caller=caller,
            base=self.base(environ),
            parse=lambda: self._parse(environ, asked),
            language=language,
            conditions=_conditions(environ),
            prefer=headers.preference(prefer) if prefer else NO_PREFERENCE,
            content=Content(
                environ.get("CONTENT_TYPE", ""),
                lambda: body.read(environ, limit),
                lambda: body.stream(environ, limit),
                environ.get("HTTP_X_SECURITY_CONTEXT"),
            ),
            wants_resource=self._wants_resource(environ),
            # no validator of ours is strong enough for If-Range: who sends one gets the whole (RFC 9110, 13.1.5)
            ranges=None if "HTTP_IF_RANGE" in environ else environ.get("HTTP_RANGE"),
            origin={"address": self._address(environ), "request": request_id},
        )
        if method in _WITH_BODY:
            body.take(environ, limit)
            if segments[-1:] == ("_search",):
                self._form_decides(body.read(environ, limit), representation)
        self.working.begin(environ.get("REMOTE_ADDR", ""), f"{caller.issuer} {caller.client} {caller.subject}")
        try:
            answer = self._router.perform(asked)
            return self._write(answer, asked.prefer, language, representation, environ)
        finally:
            # no answer leaves before the record of what it tells is acknowledged
            try:
                if asked.trail:
                    self._audit(asked.trail)
            finally:
                self.working.end()

    def _statement(self, environ: dict[str, Any], language: Language, representation: Representation) -> Response:
        """Answer the CapabilityStatement, with an ETag that changes with it."""
        answer = self._router.capabilities(
            self.base(environ), parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
        )
        form = f"{representation.format.content_type} {representation.pretty} ".encode()
        tag = blake2b(form + (answer.json or b""), digest_size=12).hexdigest()
        answer.headers["ETag"] = f'W/"{tag}"'
        if tag in _conditions(environ).none_match:
            answer = Answer(304, headers=answer.headers)
        return self._write(answer, NO_PREFERENCE, language, representation, environ)

    def base(self, environ: dict[str, Any]) -> str:
        """Return the FHIR base url as the client sees it."""
        if self.settings.public_url:
            return self.settings.public_url.rstrip("/") + BASE
        scheme, host = environ["wsgi.url_scheme"], environ.get("HTTP_HOST", "")
        if self.settings.trust_proxy:
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip() or scheme
            host = environ.get("HTTP_X_FORWARDED_HOST", "").split(",")[0].strip() or host
        if not host and environ.get("SERVER_PROTOCOL") in ("HTTP/1.0", "HTTP/1"):
            host = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        if scheme not in ("http", "https") or not _HOST.fullmatch(host):
            # https://www.rfc-editor.org/rfc/rfc9112#section-3.2
            raise BadRequest(
                Text("En-tête Host absent ou illisible.", "Host header missing or unreadable."), rule="host"
            )
        return f"{scheme}://{host}{BASE}"

    def _address(self, environ: dict[str, Any]) -> str:
        """Return the client's address: what the proxy that is trusted has seen, the last one that is named."""
        given = environ.get("HTTP_X_FORWARDED_FOR", "") if self.settings.trust_proxy else ""
        return given.rpartition(",")[2].strip() or str(environ.get("REMOTE_ADDR", ""))

    def _representation(self, environ: dict[str, Any], path: str) -> Representation:
        query = environ["QUERY_STRING"]
        chosen = pretty = None
        if "_format" in query or "_pretty" in query:
            given = dict(parse_qsl(query, keep_blank_values=True))
            chosen, pretty = given.get("_format"), given.get("_pretty")
        accept = environ.get("HTTP_ACCEPT")
        if path.startswith("Binary/") and chosen is None and accept and not _names_fhir(accept):
            return Representation(self.formats.default, pretty=False)
        return Representation(self.formats.accepted(accept, chosen), pretty == "true")

    def _form_decides(self, form: bytes, representation: Representation) -> None:
        """Let `_format` and `_pretty` of a form decide, as they do in a query string."""
        if b"_format" not in form and b"_pretty" not in form:
            return
        given = dict(parse_qsl(form.decode("utf-8", "replace"), keep_blank_values=True))
        if "_format" in given:
            representation.format = self.formats.accepted(None, given["_format"])
        representation.pretty = given.get("_pretty", str(representation.pretty).lower()) == "true"

    def _wants_resource(self, environ: dict[str, Any]) -> bool:
        if "_format" in environ["QUERY_STRING"]:
            return True
        return _names_fhir(environ.get("HTTP_ACCEPT", ""))

    def _parse(self, environ: dict[str, Any], asked: Request) -> dict[str, Any]:
        format_ = self.formats.sent(environ.get("CONTENT_TYPE", ""))
        data = body.read(environ, self.settings.max_body)
        if not data:
            raise BadRequest(
                Text(
                    "Le corps de la requête est vide ; une ressource y est attendue.",
                    "The body is empty; a resource is expected.",
                ),
                rule="empty-body",
            )
        resource, asked.notes = format_.read(data)
        return resource

    def _write(
        self,
        answer: Answer,
        prefer: Preference,
        language: Language,
        representation: Representation,
        environ: dict[str, Any],
    ) -> Response:
        stored = answer.stored
        head: dict[str, str] = dict(answer.headers)
        if stored is not None:
            head.setdefault("ETag", stored.etag)
            head.setdefault("Last-Modified", headers.http_date(stored.updated))
        if answer.location is not None:
            head["Location"] = f"{self.base(environ)}/{answer.location}"
        if answer.raw is not None:
            return confine(
                Response(answer.raw, answer.status, head, content_type=answer.media, direct_passthrough=True)
            )
        data = self._data(answer, prefer, language, representation)
        status = 200 if answer.status == 204 and data else answer.status  # noqa: PLR2004 - no content, unless there is
        response = Ready(data, status, head, content_type=representation.format.content_type)
        if not data:
            response.headers.pop("Content-Type")
        return response

    def _data(self, answer: Answer, prefer: Preference, language: Language, representation: Representation) -> bytes:
        if answer.written:
            if prefer.returning == "minimal":
                return b""
            if prefer.returning == "OperationOutcome":
                return representation.format.write(outcome(answer.issues, language), representation.pretty)
        as_stored = representation.format.name == "json" and not representation.pretty
        ready = answer.json
        if answer.resource is not None:
            # stored resources stand in it as bytes: they go out as they are, or are read for another form
            ready = jsontext.write(answer.resource)
        if ready is None and answer.stored is not None and answer.status not in (204, 304):
            ready = answer.stored.body
        if not ready:
            return b""
        if as_stored:
            return ready
        return representation.format.write(jsontext.read(ready), representation.pretty)

    def outcome_response(
        self, status: int, issues: Iterable[Issue], language: Language, representation: Representation | None = None
    ) -> Response:
        """Return an OperationOutcome with a status."""
        representation = representation or Representation(self.formats.default, pretty=False)
        data = representation.format.write(outcome(issues, language), representation.pretty)
        response = Response(data, status, content_type=representation.format.content_type)
        response.headers["Content-Language"] = language
        return response


def _query(environ: dict[str, Any]) -> str:
    """Return the query string: what is unescaped in it is UTF-8, of which WSGI makes each byte a letter (PEP 3333)."""
    query: str = environ["QUERY_STRING"]
    return query if query.isascii() else query.encode("latin-1").decode("utf-8", "replace")


def _conditions(environ: dict[str, Any]) -> Conditions:
    match = environ.get("HTTP_IF_MATCH")
    none_match = environ.get("HTTP_IF_NONE_MATCH")
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    none_exist = environ.get("HTTP_IF_NONE_EXIST")
    unmodified = environ.get("HTTP_IF_UNMODIFIED_SINCE")
    if match is None and none_match is None and since is None and none_exist is None and unmodified is None:
        return _NO_CONDITIONS
    return Conditions(
        tags(match, "If-Match") if match is not None else (),
        tags(none_match, "If-None-Match") if none_match is not None else (),
        headers.moment(since) if since is not None else None,
        none_exist.removeprefix("?") if none_exist is not None else None,
        headers.moment(unmodified) if unmodified is not None else None,
    )


def _names_fhir(accept: str) -> bool:
    """Tell whether a FHIR type is named and wanted most: for Binary, anything else asks for the content itself."""
    ranges = ranges_of(accept)
    wanted = max((each.quality for each in ranges if each.media in _FHIR_MEDIA), default=0.0)
    return wanted > 0 and wanted >= max(each.quality for each in ranges)


def _request_id(environ: dict[str, Any]) -> str:
    given = environ.get("HTTP_X_REQUEST_ID", "")
    if 0 < len(given) <= 64 and given.isascii() and given.replace("-", "").isalnum():  # noqa: PLR2004 - the length FHIR gives an id
        return str(given)
    return uuid.uuid4().hex

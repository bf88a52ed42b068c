"""The browser's way into the API: asks for JSON with the cookie's token, and shows the answer as a page.

A page is what a client gets that names `text/html` in Accept and prefers it, or says `_format=html`; `*/*` gets JSON.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from flask import Blueprint, Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from fhirserver import jsontext
from fhirserver.access.tokens import Verifier
from fhirserver.dmp.content.media import XML, ZIP
from fhirserver.errors import Failure
from fhirserver.issues import Language
from fhirserver.pages import reading, session
from fhirserver.pages.assets import asset
from fhirserver.pages.documents import ADDRESS, Documents
from fhirserver.pages.facts import Facts
from fhirserver.pages.markup import Highlighter
from fhirserver.wire import body
from fhirserver.wire.formats import JSON, ranges_of
from fhirserver.wire.gateway import BASE, Gateway

Answered = TypeVar("Answered", bound=AnyResponse)

LANGUAGE_COOKIE: Final = "fhirserver-language"
MAX_FORM: Final = 20_000
MAIN: Final = (
    "Patient",
    "MedicationRequest",
    "MedicationDispense",
    "Task",
    "DocumentReference",
    "Binary",
    "Observation",
)
"""Types that the page of the API offers first."""
CONTENT_SECURITY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
DOCS_SECURITY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Swagger UI styles its elements itself, draws with data urls, and calls the API."""
_HTML: Final = ("text/html", "application/xhtml+xml")
_BINARY: Final = f"{BASE}/Binary/"
_CURRENT_BINARY: Final = re.compile(rf"{_BINARY}([^/]+)")
_READABLE: Final = XML | ZIP
"""What a browser would only save: it is led to a page that shows it."""
_FORMAT: Final = ("html", "text/html")
_MARK: Final = "fhirserver.page"
_HERE: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*")
"""An address of this server, without a host: what a sign-in may lead back to."""


class Browser:
    """Pages over the API of one gateway."""

    def __init__(self, gateway: Gateway, verifier: Verifier, facts: Facts) -> None:
        self._gateway = gateway
        self._verifier = verifier
        self._facts = facts
        self._media = frozenset(media for each in gateway.formats.all for media in each.aliases)

    def enter(self) -> None:
        """Before a request: let a browser's cookie speak, and have the API answer JSON where a page is wanted."""
        if "HTTP_COOKIE" in request.environ:
            session.present(request, self._gateway.base(request.environ))
        environ = request.environ
        if request.method not in ("GET", "HEAD") or not wants_page(environ, self._media):
            return
        environ[_MARK] = True
        chosen = request.cookies.get(LANGUAGE_COOKIE)
        if chosen in ("fr", "en"):
            environ["HTTP_ACCEPT_LANGUAGE"] = chosen
        if request.path.startswith(_BINARY):
            return
        environ["HTTP_ACCEPT"] = JSON.media
        environ["QUERY_STRING"] = _without_format(environ["QUERY_STRING"])
        for condition in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"):
            # a page tells more than the resource (who is signed in): it is never the one that the browser has
            environ.pop(condition, None)

    def leave(self, response: Response) -> AnyResponse:
        """After a request: show a FHIR answer as a page where one is wanted."""
        if _MARK not in request.environ:
            return response
        response.headers.add("Vary", "Accept, Accept-Language, Cookie")
        binary = _CURRENT_BINARY.fullmatch(request.path)
        if binary and response.status_code == 200 and response.mimetype in _READABLE:  # noqa: PLR2004 - read
            response.close()
            return guard(redirect(f"{ADDRESS}/{binary[1]}", 303))
        if response.mimetype != JSON.media or response.direct_passthrough:
            return response
        resource = jsontext.read(response.get_data())
        response.set_data(self._page(resource, response.status_code))
        response.headers["Content-Type"] = "text/html; charset=utf-8"
        response.headers["Cache-Control"] = "no-store"
        response.headers.remove("ETag")
        return guard(response)

    def home(self) -> Response:
        """Answer `GET /`."""
        return self.answer("home.html", facts=self._facts)

    def docs(self) -> Response:
        """Answer `GET /docs`: the description of the API, to read and to try."""
        kind = request.args.get("type", "")
        described = kind if kind in self._facts.types else ""
        response = self.answer("docs.html", types=sorted(self._facts.types), main=MAIN, described=described)
        response.headers["Content-Security-Policy"] = DOCS_SECURITY
        return response

    def sign_in(self) -> AnyResponse:
        """Take a token from the form of a page; lead back to where it was asked for."""
        base = self._gateway.base(request.environ)
        given = dict(parse_qsl(body.read(request.environ, MAX_FORM).decode("utf-8", "replace")))
        target = _here(given.get("next", ""))
        try:
            session.own_page(request, base)
            token = given.get("token", "").strip()
            self._verifier.caller(f"Bearer {token}" if token else None)
            response = guard(redirect(target, 303))
            session.keep(response, token, base)
        except Failure as failure:
            language = self._gateway.language(request.environ)
            told = failure.issues[0].text
            refusal = told.fr if language == "fr" else told.en
            return self.answer("signin.html", failure.status, refusal=refusal, next=target)
        return response

    def sign_out(self) -> AnyResponse:
        """Forget the token."""
        base = self._gateway.base(request.environ)
        session.own_page(request, base)
        response = guard(redirect("/", 303))
        session.forget(response, base)
        return response

    def language(self, chosen: str) -> AnyResponse:
        """Remember a language; lead back."""
        response = guard(redirect(_here(request.args.get("next", "")), 303))
        response.set_cookie(LANGUAGE_COOKIE, chosen, path="/", max_age=365 * 86400, httponly=True, samesite="Strict")
        return response

    def _page(self, resource: dict[str, Any], status: int) -> str:
        base = self._gateway.base(request.environ)
        highlighter = Highlighter(base, self._facts.types)
        opened = reading.document(resource, base)
        kind, target = resource.get("resourceType"), _target()
        return self._render(
            "resource.html",
            resource=resource,
            status=status,
            title=reading.title(resource),
            address=highlighter.link("reference", reading.title(resource)),
            rows=reading.rows(resource, highlighter) if kind == "Bundle" else (),
            pages=reading.pages(resource, highlighter) if kind == "Bundle" else (),
            findings=reading.findings(resource) if kind == "OperationOutcome" else (),
            document=f"{ADDRESS}/{opened}" if opened else None,
            lines=highlighter.write(resource),
            as_json=reading.with_format(target, "json"),
            as_xml=reading.with_format(target, "xml"),
            path=request.path,
        )

    def refusal(self, resource: dict[str, Any], status: int) -> Response:
        """Answer an OperationOutcome as a page."""
        response = Response(self._page(resource, status), status, {"Cache-Control": "no-store"}, mimetype="text/html")
        return guard(response)

    def answer(self, template: str, status: int = 200, **values: Any) -> Response:
        """Answer a page of a template."""
        response = Response(
            self._render(template, **values), status, {"Cache-Control": "no-store"}, content_type="text/html"
        )
        response.headers["Vary"] = "Accept-Language, Cookie"
        return guard(response)

    def _render(self, template: str, **values: Any) -> str:
        language: Language = self._gateway.language(request.environ)
        base = self._gateway.base(request.environ)
        return render_template(
            template,
            language=language,
            t=lambda fr, en: fr if language == "fr" else en,
            base=base,
            caller=session.who(self._verifier, request, base),
            here=_target(),
            version=self._facts.version,
            **values,
        )


def add(app: Flask, gateway: Gateway, verifier: Verifier, facts: Facts) -> None:
    """Add the pages to an application."""
    browser = Browser(gateway, verifier, facts)
    app.before_request(browser.enter)
    app.after_request(browser.leave)
    pages = Blueprint("pages", __name__, template_folder="templates")
    pages.add_url_rule("/", "home", browser.home)
    pages.add_url_rule("/docs", "docs", browser.docs)
    pages.add_url_rule("/sign-in", "sign-in", browser.sign_in, methods=["POST"])
    pages.add_url_rule("/sign-out", "sign-out", browser.sign_out, methods=["POST"])
    pages.add_url_rule("/language/<any(fr, en):chosen>", "language", browser.language)
    pages.add_url_rule("/assets/<name>", "asset", asset)
    documents = Documents(gateway, browser.answer, browser.refusal)
    for rule in (f"{ADDRESS}/<identity>", f"{ADDRESS}/<identity>/<int:part>"):
        pages.add_url_rule(rule, "document", documents.view)
        pages.add_url_rule(f"{rule}/content", "document-content", documents.content)
    pages.add_url_rule(f"{ADDRESS}/<identity>/original", "document-original", documents.original)
    app.register_blueprint(pages)


def guard(response: Answered) -> Answered:
    """Forbid whatever a page has no need of."""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def wants_page(environ: dict[str, Any], fhir_media: Collection[str]) -> bool:
    """Tell whether HTML is named and preferred to the formats of FHIR."""
    query = environ["QUERY_STRING"]
    if "_format" in query:
        return dict(parse_qsl(query)).get("_format", "").lower() in _FORMAT
    accept = environ.get("HTTP_ACCEPT")
    if not accept or "html" not in accept.lower():
        return False
    html = fhir = 0.0
    for wanted in ranges_of(accept):
        if wanted.media in _HTML:
            html = max(html, wanted.quality)
        elif wanted.media in fhir_media:
            fhir = max(fhir, wanted.quality)
    return html > fhir


def _without_format(query: str) -> str:
    return "&".join(part for part in query.split("&") if not part.startswith("_format="))


def _target() -> str:
    """Return the address asked for, without its host."""
    query = request.environ["QUERY_STRING"]
    return f"{request.path}?{query}" if query else request.path


def _here(target: str) -> str:
    return target if _HERE.fullmatch(target) else "/"

"""Documents to read in a browser: a CDA or an XDM archive as a page, anything else as it is.

`/document/[id]` is the content of Binary/[id], read through the API like any other: who may read it, reads it here.
`…/[n]` is the n-th document of an archive; `…/content` what a level 1 CDA carries; `…/original` the stored bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from flask import Response, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from fhirserver import jsontext
from fhirserver.dmp.cda import archive, rendering
from fhirserver.dmp.cda.archive import Described, UnusableArchive
from fhirserver.dmp.cda.reading import UnsafeXml
from fhirserver.dmp.content.media import XML, ZIP, bare
from fhirserver.errors import NotFound
from fhirserver.issues import Language, Text
from fhirserver.wire.gateway import BASE, Gateway
from fhirserver.wire.safety import confine

ADDRESS: Final = "/document"
MOST: Final = 64 * 1024 * 1024
"""Bytes that are shown as a page, or unpacked for one."""
_MEDIA: Final = re.compile(r"[a-z0-9.+_-]{1,60}/[a-z0-9.+_-]{1,100}", re.ASCII)
"""A media type as a document names it: anything else is none."""
_UNCONDITIONAL: Final = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE")

Page = Callable[..., Response]


@dataclass(frozen=True, slots=True)
class _Content:
    media: str
    data: bytes

    @property
    def is_cda(self) -> bool:
        return self.media in XML


class Documents:
    """Pages of documents, over the API of one gateway.

    Args:
        gateway: answers the reads.
        page: makes a page of a template's name, a status, and values.
        refusal: makes a page of an OperationOutcome and its status.
    """

    def __init__(self, gateway: Gateway, page: Page, refusal: Page) -> None:
        self._gateway = gateway
        self._page = page
        self._refusal = refusal

    def view(self, identity: str, part: int | None = None) -> AnyResponse:
        """Answer a document as a page, or lead to where the browser shows it itself."""
        found = self._read(identity)
        if not isinstance(found, _Content):
            return found
        here = f"{ADDRESS}/{identity}"
        if part is not None:
            found, here = self._part(found, part), f"{here}/{part}"
        try:
            if found.is_cda:
                return self._cda(found, here, original=part is None)
            if found.media in ZIP and part is None:
                return self._archive(found, here)
        except (UnsafeXml, UnusableArchive, ValueError):
            # not what its type says, stored before such were refused: the bytes themselves, then
            return _sent(found)
        return redirect(f"{BASE}/Binary/{identity}", 303) if part is None else _sent(found)

    def content(self, identity: str, part: int | None = None) -> AnyResponse:
        """Answer the file that a level 1 CDA carries."""
        found = self._read(identity)
        if not isinstance(found, _Content):
            return found
        if part is not None:
            found = self._part(found, part)
        try:
            inside = rendering.enclosed(found.data) if found.is_cda else None
        except UnsafeXml:
            inside = None
        if inside is None:
            raise _nothing()
        return _sent(_Content(bare(inside.media), inside.content))

    def original(self, identity: str) -> AnyResponse:
        """Answer the stored bytes, to be kept."""
        found = self._read(identity)
        if not isinstance(found, _Content):
            return found
        response = _sent(found)
        response.headers["Content-Disposition"] = "attachment"
        return response

    def _read(self, identity: str) -> _Content | Response:
        """Read a Binary as the browser's user; what is refused is a page that says so."""
        environ = request.environ
        environ["HTTP_ACCEPT"], environ["QUERY_STRING"] = "*/*", ""
        for condition in _UNCONDITIONAL:
            environ.pop(condition, None)
        answer = self._gateway.view(f"Binary/{identity}")
        answer.direct_passthrough = False
        if answer.status_code != 200:  # noqa: PLR2004 - read
            return self._refusal(jsontext.read(answer.get_data()), answer.status_code)
        if (answer.content_length or 0) > MOST:
            raise _nothing()
        return _Content(bare(answer.content_type), answer.get_data())

    def _language(self) -> Language:
        return self._gateway.language(request.environ)

    def _cda(self, found: _Content, here: str, *, original: bool) -> Response:
        inside = rendering.enclosed(found.data)
        return self._page(
            "document.html",
            title=rendering.title(found.data) or "CDA",
            article=Markup(rendering.article(found.data, self._language())),  # noqa: S704 - written escaped
            carried=inside.media if inside is not None and inside.media != "text/plain" else None,
            address=here,
            original=original,
        )

    def _archive(self, found: _Content, here: str) -> Response:
        rows = list(_rows(archive.read(found.data, MOST), here, self._language()))
        return self._page("archive.html", rows=rows, address=here)

    def _part(self, found: _Content, part: int) -> _Content:
        """Return the n-th document of an archive, from 1; raises NotFound."""
        try:
            described = archive.read(found.data, MOST) if found.media in ZIP else []
        except UnusableArchive:
            described = []
        if not 0 < part <= len(described):
            raise _nothing()
        one = described[part - 1]
        return _Content(bare(one.media), archive.member(found.data, one.path, MOST))


def _rows(described: list[Described], here: str, language: Language) -> Iterator[dict[str, str]]:
    for position, one in enumerate(described, 1):
        header = one.header
        name = one.path.rpartition("/")[2]
        author = next(iter(header.authors), None) if header is not None else None
        yield {
            "address": f"{here}/{position}",
            "title": (header.title if header is not None else None) or name,
            "name": name,
            "media": one.media or "",
            "date": rendering.moment(header.effective, language) if header is not None and header.effective else "",
            "author": rendering.person(author) if author is not None else "",
        }


def _sent(found: _Content) -> Response:
    media = found.media if _MEDIA.fullmatch(found.media) else "application/octet-stream"
    return confine(Response(found.data, 200, {"Cache-Control": "no-store"}, content_type=media))


def _nothing() -> NotFound:
    return NotFound(Text("Aucun document à lire ici.", "No document to read here."), rule="unknown-document")

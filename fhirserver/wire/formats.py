"""Which format travels: FHIR's JSON, and whatever else is registered, chosen as RFC 9110 and FHIR say.

https://hl7.org/fhir/R4/http.html#mime-type: `_format` overrides Accept; `application/json` and the like are taken
as FHIR; what nobody can answer gets 406, a body that nobody can read 415.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fhirserver import jsontext
from fhirserver.errors import NotAcceptable, Unreadable, UnsupportedMediaType
from fhirserver.issues import Issue, Text
from fhirserver.wire.headers import weight
from fhirserver.wire.xml.formatting import XmlCodec

_VERSIONS: Final = ("4.0", "4.0.1")
_GENERIC: Final = ("application/json", "text/json", "application/xml", "text/xml")
"""https://hl7.org/fhir/R4/http.html#mime-type: who names one of these is answered under it."""


@dataclass(frozen=True, slots=True)
class Format:
    """One representation of resources.

    Attributes:
        name: its short name in `_format`.
        media: the media type that we answer with.
        aliases: other media types that mean the same.
        read: bytes to a resource, and warnings; raises Unreadable.
        write: a resource to bytes; the second argument asks for indentation.
    """

    name: str
    media: str
    aliases: frozenset[str]
    read: Callable[[bytes], tuple[dict[str, Any], list[Issue]]]
    write: Callable[[dict[str, Any], bool], bytes]

    @property
    def content_type(self) -> str:
        """The Content-Type of an answer."""
        return f"{self.media}; charset=utf-8"


def _read_json(data: bytes) -> tuple[dict[str, Any], list[Issue]]:
    resource = jsontext.read(data)
    if not isinstance(resource, dict):
        raise Unreadable(
            Text(
                "Une ressource FHIR est un objet JSON ({…}).",
                "A FHIR resource is a JSON object ({…}).",
            ),
            rule="json-object",
        )
    return resource, []


JSON: Final = Format(
    "json",
    "application/fhir+json",
    frozenset({"application/fhir+json", "application/json", "application/json+fhir", "text/json"}),
    _read_json,
    lambda resource, pretty: jsontext.write(resource, pretty=pretty),
)


def xml(codec: XmlCodec) -> Format:
    """Return FHIR XML."""
    return Format(
        "xml",
        "application/fhir+xml",
        frozenset({"application/fhir+xml", "application/xml", "text/xml", "application/xml+fhir"}),
        codec.read,
        lambda resource, pretty: codec.write(resource, pretty=pretty),
    )


class Range(NamedTuple):
    """One media range of an Accept header."""

    media: str
    quality: float
    precision: int
    version: str | None


class Formats:
    """The formats in force, and the choice among them."""

    def __init__(self, formats: Sequence[Format] = (JSON,)) -> None:
        self.all = tuple(formats)
        self.default = self.all[0]
        self._by_media = {media: format_ for format_ in formats for media in (format_.name, *format_.aliases)}
        self.accepted = lru_cache(maxsize=512)(self._accepted)
        self.sent = lru_cache(maxsize=512)(self._sent)

    def _accepted(self, accept: str | None, chosen: str | None) -> Format:
        """Return the format to answer in, by the `_format` parameter, else by the Accept header.

        Raises:
            NotAcceptable: none that the client accepts.
        """
        if chosen is not None:
            # a plus sign in a query is a space for most decoders: `application/fhir+json` often comes as this
            media, _, parameters = chosen.strip().replace("fhir ", "fhir+").partition(";")
            format_ = self._by_media.get(media.strip().lower())
            if format_ is None or _version(parameters) not in (None, *_VERSIONS):
                raise self._refusal(f"_format={chosen[:80]}")
            return format_
        if accept is None or not accept.strip() or accept.strip() == "*/*":
            return self.default
        ranges = ranges_of(accept)
        best: tuple[tuple[float, int], Format] | None = None
        for format_ in self.all:
            wish = self._quality(format_, ranges)
            if wish[0] > 0 and (best is None or wish > best[0]):
                best = (wish, format_)
        if best is None:
            raise self._refusal(f"Accept: {accept[:80]}")
        return _as_named(best[1], ranges)

    def _quality(self, format_: Format, ranges: Sequence[Range]) -> tuple[float, int]:
        """Return how much a client wants a format, and how precisely: the most precise range that covers it decides."""
        quality, precision = 0.0, -1
        for wanted in ranges:
            covers = (
                wanted.media in format_.aliases
                or wanted.media == "*/*"
                or (wanted.media.endswith("/*") and format_.media.startswith(wanted.media[:-1]))
            )
            if not covers or wanted.version not in (None, *_VERSIONS):
                continue
            if wanted.precision > precision or (wanted.precision == precision and wanted.quality > quality):
                quality, precision = wanted.quality, wanted.precision
        return quality, precision

    def _sent(self, content_type: str) -> Format:
        """Return the format of a body by its Content-Type; without one, JSON.

        Raises:
            UnsupportedMediaType: a type or charset that nobody here reads.
        """
        media, _, parameters = content_type.partition(";")
        media = media.strip().lower()
        format_ = self._by_media.get(media) if "/" in media else None
        if not media:
            format_ = self.default
        if format_ is None or _version(parameters) not in (None, *_VERSIONS):
            offered = ", ".join(each.media for each in self.all)
            raise UnsupportedMediaType(
                Text(
                    f"Content-Type « {content_type[:80]} » non lu ici ; envoyez {offered}.",
                    f'Content-Type "{content_type[:80]}" is not read here; send {offered}.',
                ),
                rule="content-type",
                headers={"Accept": offered},
            )
        charset = _parameter(parameters, "charset")
        if charset not in (None, "utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType(
                Text(
                    f"Jeu de caractères « {charset[:40]} » refusé : FHIR s'écrit en UTF-8.",
                    f'Charset "{charset[:40]}" refused: FHIR is written in UTF-8.',
                ),
                rule="charset",
            )
        return format_

    def _refusal(self, what: str) -> NotAcceptable:
        offered = ", ".join(each.media for each in self.all)
        return NotAcceptable(
            Text(
                f"Aucun format de réponse ne convient à {what}. Formats offerts : {offered}.",
                f"No answer format suits {what}. Formats offered: {offered}.",
            ),
            rule="accept",
        )


def _as_named(format_: Format, ranges: Sequence[Range]) -> Format:
    """Return a format under the generic media type that a client names for it, if it does not name FHIR's own."""
    named = {wanted.media: wanted.quality for wanted in ranges if wanted.quality > 0}
    generic = [media for media in named if media in format_.aliases and media in _GENERIC]
    if format_.media in named or not generic:
        return format_
    return replace(format_, media=max(generic, key=lambda media: named[media]))


def ranges_of(accept: str) -> list[Range]:
    """Read an Accept header; what is unreadable in it is skipped."""
    ranges = []
    for part in accept.split(","):
        media, _, parameters = part.strip().partition(";")
        media = media.strip().lower()
        if "/" not in media:
            continue
        precision = 0 if media == "*/*" else 1 if media.endswith("/*") else 2
        ranges.append(Range(media, weight(parameters), precision, _version(parameters)))
    return ranges


def _version(parameters: str) -> str | None:
    return _parameter(parameters, "fhirversion")


def _parameter(parameters: str, wanted: str) -> str | None:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == wanted:
            return value.strip().strip('"').lower()
    return None

"""HTTP header values, read and written (https://hl7.org/fhir/R4/http.html, RFC 9110, RFC 7240)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

from fhirserver.interactions.exchange import Preference, Returning
from fhirserver.issues import Language


def http_date(moment: datetime) -> str:
    """Return an HTTP date (RFC 9110, 5.6.7)."""
    return _written(int(moment.timestamp()))


@lru_cache(maxsize=1024)
def _written(second: int) -> str:
    return formatdate(second, usegmt=True)


def moment(value: str) -> datetime | None:
    """Return the date of an `If-Modified-Since` header; None when it is none, which RFC 9110 says to ignore."""
    try:
        parsed = parsedate_to_datetime(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@lru_cache(maxsize=256)
def preference(value: str) -> Preference:
    """Read a `Prefer` header; what it does not know is ignored, and of several alike the first holds (RFC 7240)."""
    returning: Returning | None = None
    lenient = asynchronous = False
    seen: set[str] = set()
    for part in value.replace(";", ",").split(","):
        name, _, given = part.strip().partition("=")
        name, given = name.rstrip().lower(), given.strip().strip('"')
        if name in seen:
            continue
        seen.add(name)
        if name == "return":
            if given == "minimal":
                returning = "minimal"
            elif given == "representation":
                returning = "representation"
            elif given.lower() == "operationoutcome":
                returning = "OperationOutcome"
        elif name == "handling":
            lenient = given.lower() == "lenient"
        elif name == "respond-async":
            asynchronous = True
    return Preference(returning, lenient, asynchronous)


@lru_cache(maxsize=256)
def language(value: str | None, default: Language) -> Language:
    """Choose French or English by `Accept-Language`."""
    best: tuple[float, Language] | None = None
    for part in (value or "").split(","):
        name, _, parameters = part.strip().partition(";")
        known: Language | None = {"fr": "fr", "en": "en"}.get(name.strip().lower()[:2])  # type: ignore[assignment] # a literal's narrowing
        quality = weight(parameters)
        if known and quality > 0 and (best is None or quality > best[0]):
            best = (quality, known)
    return best[1] if best else default


def weight(parameters: str) -> float:
    """Return the `q` among a media range's parameters, 1 without one, 0 when unreadable."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0

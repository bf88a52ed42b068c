"""Every code of a value set, in the order of its definition: https://hl7.org/fhir/R4/valueset.html#expansion."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fhirserver.errors import Unprocessable
from fhirserver.terminology.codesystem import CodeSystem, designations
from fhirserver.terminology.compose import Include, Matcher, say_endless, unknown
from fhirserver.terminology.filters import UnusableError, select
from fhirserver.terminology.stored import includes_of_expansion
from fhirserver.terminology.table import ABSTRACT, INACTIVE
from fhirserver.terminology.verdicts import Designation, Membership, Verdict, name_in

if TYPE_CHECKING:
    from fhirserver.terminology.service import Terminology


_LATIN: Final = re.compile("[\x00-\x7f\u0300-\u036f]*")
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")


class Entry(NamedTuple):
    """One code of an expansion.

    Attributes:
        system: its code system.
        version: the code system's version, or empty.
        code: the code.
        names: its names, the display first.
        inactive: no longer in use.
        abstract: groups others, not meant to be chosen.
    """

    system: str
    version: str
    code: str
    names: tuple[Designation, ...]
    inactive: bool = False
    abstract: bool = False

    def name(self, language: str = "") -> str | None:
        """Return the name in a language, else the display."""
        return name_in(self.names, language) or (self.names[0].value if self.names else None)


class Expansion(NamedTuple):
    """All codes of a value set; `unclosed`: a code system is here in part only, so there may be more."""

    entries: list[Entry]
    unclosed: bool


def words(text: str) -> list[str]:
    """Return the words of a text filter, without case and accents."""
    return folded(text).split()


def folded(text: str) -> str:
    """Return a text without case and accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    if _LATIN.fullmatch(decomposed):
        # accents are all that is dropped here: five times as fast, and a nomenclature has tens of thousands of names
        return decomposed.encode("ascii", "ignore").decode()
    return _ACCENTS.sub("", decomposed)


def expansion(terminology: Terminology, resource: dict[str, Any], wanted: Sequence[str] = ()) -> Expansion:
    """Return every code of a value set, each once.

    Args:
        terminology: where code systems and value sets are.
        resource: the value set.
        wanted: folded words; codes in whose code and names one of them does not occur may be left out, which saves
            reading most of a large code system.

    Raises:
        Unprocessable: a part cannot be enumerated with what is loaded; says which and why.
    """
    matcher = terminology.compile(resource)
    if matcher.broken:
        raise _refusal(matcher.broken)
    compose = resource.get("compose") or {}
    stored = includes_of_expansion(resource)
    definitions = compose.get("include") or stored
    walk = _Walk(terminology, matcher, wanted)
    if stored and any(part.opaque for part in matcher.includes):
        definitions = stored
    found: dict[tuple[str, str], Entry] = {}
    for definition in definitions:
        part = Include(terminology, definition, [terminology.matcher(one) for one in definition.get("valueSet") or ()])
        for entry in walk.part(part, definition):
            found.setdefault((entry.system, entry.code), entry)
    active_only = compose.get("inactive") is False
    kept = [one for one in found.values() if not (active_only and one.inactive) and walk.keeps(one)]
    return Expansion(kept, walk.unclosed)


class _Walk:
    """One enumeration: remembers whether it met a code system that is here in part only."""

    def __init__(self, terminology: Terminology, matcher: Matcher, wanted: Sequence[str]) -> None:
        self._terminology = terminology
        self._matcher = matcher
        self._wanted = wanted
        self.unclosed = False

    def part(self, part: Include, definition: dict[str, Any]) -> Iterator[Entry]:
        """Yield the codes of one include."""
        if part.system is None:
            yield from self._imported(part, definition)
            return
        for entry in self._own(part, definition):
            if not part.imports or _decided(part.decide(entry.system, entry.code, None)):
                yield entry

    def keeps(self, entry: Entry) -> bool:
        """Whether no exclude takes a code out again."""
        return not any(_decided(part.decide(entry.system, entry.code, None)) for part in self._matcher.excludes)

    def _imported(self, part: Include, definition: dict[str, Any]) -> Iterator[Entry]:
        first, *_ = definition["valueSet"]
        resource = self._terminology.value_set(first)
        if resource is None:
            raise _refusal(part.imports[0].broken)
        imported = expansion(self._terminology, resource, self._wanted)
        self.unclosed = self.unclosed or imported.unclosed
        for entry in imported.entries:
            if len(part.imports) == 1 or _decided(part.decide(entry.system, entry.code, None)):
                yield entry

    def _own(self, part: Include, definition: dict[str, Any]) -> Iterator[Entry]:
        source = part.source
        if definition.get("concept"):
            for concept in definition["concept"]:
                if isinstance(concept.get("code"), str):
                    yield self._listed(part, source if isinstance(source, CodeSystem) else None, concept)
            return
        if not isinstance(source, CodeSystem) or part.opaque:
            raise _refusal(part.doubt or unknown("system-incomplete", lambda: say_endless(str(part.system))))
        self.unclosed = self.unclosed or not source.complete
        try:
            positions = sorted(select(source, definition.get("filter") or ()))
        except UnusableError as error:
            raise Unprocessable(error.text, code="not-supported") from None
        supplements = self._terminology.supplements(source.url)
        for position in positions:
            if self._wanted and not supplements:
                text = folded(source.table.text(position))
                if not all(word in text for word in self._wanted):
                    continue
            yield _entry(source, position, supplements)

    def _listed(self, part: Include, source: CodeSystem | None, concept: dict[str, Any]) -> Entry:
        names = tuple(designations(concept))
        position = source.table.find(concept["code"]) if source else None
        if source is None or position is None:
            return Entry(str(part.system), part.version, concept["code"], names)
        own = _entry(source, position, self._terminology.supplements(source.url))
        # a display of the value set itself comes before the code system's
        return own._replace(names=(*names, *(name for name in own.names if name not in names)))


def _entry(source: CodeSystem, position: int, supplements: list[CodeSystem]) -> Entry:
    table = source.table
    code, flags = table.code(position), table.flags(position)
    names = list(designations(table.record(position), source.language))
    for supplement in supplements:
        names += supplement.status(code).designations
    return Entry(source.url, source.version, code, tuple(names), bool(flags & INACTIVE), bool(flags & ABSTRACT))


def _decided(answer: Membership | None) -> bool:
    if answer is not None and answer.verdict is Verdict.UNKNOWN:
        raise _refusal(answer)
    return answer is not None and answer.verdict is Verdict.IN


def _refusal(why: Membership | None) -> Unprocessable:
    assert why is not None
    return Unprocessable(why.reason, code="not-supported")

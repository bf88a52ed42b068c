"""One code system: what it says of a code, and its hierarchy. See https://hl7.org/fhir/R4/codesystem.html."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.terminology.table import ABSTRACT, EDGE_ONLY, INACTIVE, CodeTable, Row, pack
from fhirserver.terminology.verdicts import CodeState, CodeStatus, Designation

CLOSED: Final = frozenset({"inactive", "retired", "withdrawn", "disabled", "obsolete"})
"""Values of a concept's property `status` after which it is no longer to be used; `deprecated` still may be."""

CONCEPT_PROPERTIES: Final = "http://hl7.org/fhir/concept-properties#"


class CodeSystem:
    """A code system whose concepts are here, all of them or a part.

    Attributes:
        url: canonical url.
        version: business version, or empty.
        content: `complete`, `fragment`, `example` or `supplement`
            (https://hl7.org/fhir/R4/valueset-codesystem-content-mode.html).
        table: the concepts.
        folds: whether codes are compared without case: the system says so, or says nothing, and then R4 asks to accept
            any case (CodeSystem.caseSensitive).
    """

    def __init__(self, table: CodeTable) -> None:
        meta = table.meta
        self.table = table
        self.meta: dict[str, Any] = meta
        self.url: str = meta["url"]
        self.version: str = meta.get("version") or ""
        self.content: str = meta.get("content") or "complete"
        self.language: str = meta.get("language") or ""
        self.folds = table.folds
        self.complete = self.content == "complete"

    @property
    def name(self) -> str:
        """What people call it."""
        return self.meta.get("title") or self.meta.get("name") or self.url

    def key(self, code: str) -> str:
        """Return the code as it is compared."""
        return code.casefold() if self.folds else code

    def codes(self) -> Iterator[str]:
        """Yield every code, in order of declaration."""
        return (self.table.code(position) for position in range(len(self.table)))

    def status(self, code: str) -> CodeStatus:
        """Return what this system says of a code."""
        position = self.table.find(code)
        if position is None:
            return self._absent(code)
        record = self.table.record(position)
        flags = self.table.flags(position)
        display = record.get("display")
        names = tuple(designations(record, self.language))
        exact = self.table.code(position)
        state, reason = CodeState.KNOWN, None
        if flags & INACTIVE:
            state = CodeState.INACTIVE
            reason = Text(
                f"Le code « {code} » de {self.url} n'est plus en usage ; choisissez un code actif.",
                f'The code "{code}" of {self.url} is no longer in use; choose an active code.',
            )
        return CodeStatus(state, reason, exact, display, names, bool(flags & ABSTRACT))

    def _absent(self, code: str) -> CodeStatus:
        if self.complete:
            return CodeStatus(
                CodeState.UNKNOWN,
                Text(
                    f"Le code « {code} » n'existe pas dans {self.named_fr()} ; vérifiez le code et sa casse.",
                    f'The code "{code}" does not exist in {self.named_en()}; check the code and its case.',
                ),
            )
        return CodeStatus(
            CodeState.UNVERIFIABLE,
            Text(
                f"Le code « {code} » n'a pas pu être vérifié : le serveur n'a qu'une partie de {self.named_fr()}.",
                f'The code "{code}" could not be verified: the server has only a part of {self.named_en()}.',
            ),
        )

    def named_fr(self) -> str:
        """Return url and version, for a French sentence."""
        return f"{self.url} (version {self.version})" if self.version else self.url

    named_en = named_fr


def designations(record: dict[str, Any], language: str = "") -> Iterator[Designation]:
    """Yield the names of a concept, its display first; `language` is the code system's own."""
    if record.get("display"):
        yield Designation(record["display"], language)
    for name in record.get("designation") or ():
        if name.get("value"):
            yield Designation(name["value"], name.get("language") or "", name.get("use"))


def from_resource(resource: dict[str, Any]) -> CodeSystem:
    """Build a code system from a FHIR CodeSystem."""
    return CodeSystem(CodeTable(packed(resource)))


def packed(resource: dict[str, Any]) -> bytes:
    """Return the code table of a FHIR CodeSystem."""
    meta = {key: value for key, value in resource.items() if key not in ("concept", "text")}
    return pack(meta, rows(resource), folds=resource.get("caseSensitive") is not True)


def rows(resource: dict[str, Any]) -> Iterator[Row]:
    """Yield the concepts of a FHIR CodeSystem, parents before children.

    Nesting, the properties `parent`, `subsumedBy` and `child` (by code or by their standard uri) all make the
    hierarchy.
    """
    standard = {
        declared.get("code"): str(declared.get("uri", "")).removeprefix(CONCEPT_PROPERTIES)
        for declared in resource.get("property") or ()
        if str(declared.get("uri", "")).startswith(CONCEPT_PROPERTIES)
    }
    waiting: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        (concept, ()) for concept in reversed(resource.get("concept") or ())
    ]
    while waiting:
        concept, above = waiting.pop()
        code = concept.get("code")
        if not isinstance(code, str) or not code:
            continue
        parents, children, flags = list(above), [], 0
        for property_ in concept.get("property") or ():
            name = standard.get(property_.get("code")) or property_.get("code")
            value = property_value(property_)
            if name in ("parent", "subsumedBy"):
                parents.append(str(value))
            elif name == "child":
                children.append(str(value))
            else:
                flags |= _flag(name, value)
        record = {key: value for key, value in concept.items() if key not in ("code", "concept")}
        yield Row(code, record, tuple(parents), flags)
        # a child named by property may be declared elsewhere: only its edge is added, its row is its own
        yield from (Row(child, {}, (code,), EDGE_ONLY) for child in children)
        waiting.extend((child, (code,)) for child in reversed(concept.get("concept") or ()))


def property_value(property_: dict[str, Any]) -> Any:
    """Return the value of `CodeSystem.concept.property`, whatever its type; a Coding by its code."""
    for key, value in property_.items():
        if key.startswith("value"):
            return value.get("code") if isinstance(value, dict) else value
    return None


def is_past(date: str) -> bool:
    """Whether a date (or dateTime, ISO 8601, at least the day) lies before today."""
    return len(date) >= len("2026-12-31") and date[:10] < datetime.now(UTC).date().isoformat()


def _flag(name: str | None, value: Any) -> int:
    if name in ("notSelectable", "abstract") and value in (True, "true"):
        return ABSTRACT
    if name == "inactive" and value in (True, "true"):
        return INACTIVE
    if name == "status" and str(value).casefold() in CLOSED:
        return INACTIVE
    # the French nomenclature (NOS) closes a code by the date of its end
    if name in ("dateFin", "retirementDate") and is_past(str(value)):
        return INACTIVE
    return 0

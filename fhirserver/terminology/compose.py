"""A value set, compiled: for a code, is it in. See https://hl7.org/fhir/R4/valueset.html#compositions.

Membership never enumerates more than it must: listed codes and filtered concepts become sets, a whole code system is
asked itself, and what cannot be known here stays unknown. Answers combine as in three-valued logic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from fhirserver.issues import Text
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.computed import Grammar
from fhirserver.terminology.filters import UnusableError, select
from fhirserver.terminology.table import INACTIVE
from fhirserver.terminology.verdicts import IN, Cause, Membership, Verdict

FEW: Final = 5_000
"""Up to so many codes of a whole code system are copied into a set, for the fastest answer."""

SHOWN: Final = 12
"""A value set of up to so many codes is spelled out in a message."""


class Sources(Protocol):
    """Where code systems and other value sets come from."""

    def system(self, url: str, version: str = "") -> CodeSystem | Grammar | None:
        """Return a code system; the one in force where that version is not loaded."""

    def matcher(self, canonical: str) -> Matcher:
        """Return a compiled value set."""


def outside(cause: Cause, say: Callable[[], Text]) -> Membership:
    """Return the answer: not in."""
    return Membership(Verdict.OUT, cause, say)


def unknown(cause: Cause, say: Callable[[], Text]) -> Membership:
    """Return the answer: cannot be decided here."""
    return Membership(Verdict.UNKNOWN, cause, say)


class Matcher:
    """A compiled value set; immutable, safe to share between threads.

    Attributes:
        canonical: url and version.
        includes: its parts; a code is in if any of them has it...
        excludes: ...and none of these.
        broken: why it cannot be used at all, if so.
        weight: value sets that are asked for one answer, itself and every import as often as it is imported.
    """

    def __init__(
        self,
        canonical: str,
        includes: Sequence[Include] = (),
        excludes: Sequence[Include] = (),
        *,
        broken: Membership | None = None,
    ) -> None:
        self.canonical = canonical
        self.includes = tuple(includes)
        self.excludes = tuple(excludes)
        self.broken = broken
        self.weight: int = 1 + sum(one.weight for part in (*self.includes, *self.excludes) for one in part.imports)
        sure: dict[str, set[str]] = {}
        if not self.excludes:
            for part in self.includes:
                if part.system and part.spelled and not part.imports:
                    sure.setdefault(part.system, set()).update(part.spelled)
        self._sure: dict[str | None, frozenset[str]] = {system: frozenset(codes) for system, codes in sure.items()}
        self._sure[None] = frozenset().union(*sure.values())

    def decide(self, system: str | None, code: str, version: str | None = None) -> Membership:
        """Return whether a code is in; without a system, whether any system's code of that spelling is."""
        sure = self._sure.get(system)
        if sure is not None and code in sure and version is None:
            return IN
        if self.broken:
            return self.broken
        if system is not None:
            answer = self._decide(system, code, version)
        else:
            undecided = [one.broken for part in self.includes if not part.system for one in part.imports]
            answer = _any([*undecided, *(self._decide(one, code, version) for one in self.systems())])
        return answer or outside("not-in-value-set", lambda: self._say_out(system, code))

    def systems(self) -> list[str]:
        """Return the code systems that this value set draws on, its imports' too, in order."""
        found: dict[str, None] = {}
        for part in self.includes:
            if part.system:
                found[part.system] = None
            else:
                for imported in part.imports:
                    found.update(dict.fromkeys(imported.systems()))
        return list(found)

    def _decide(self, system: str, code: str, version: str | None) -> Membership | None:
        answer = _any([part.decide(system, code, version) for part in self.includes])
        if answer is None or answer.verdict is Verdict.OUT:
            return self._explain(system, code, answer)
        for part in self.excludes:
            excluded = part.decide(system, code, version)
            if excluded is not None and excluded.verdict is Verdict.IN:
                return outside("excluded", lambda: self._say_out(system, code))
            if excluded is not None and excluded.verdict is Verdict.UNKNOWN:
                answer = excluded
        return answer

    def _explain(self, system: str, code: str, answer: Membership | None) -> Membership:
        if answer is not None and answer.cause == "unknown-code":
            return answer
        if answer is None:
            owners = [part.system for part in self.includes if part.system and code in part.spelled]
            if owners:
                return outside("other-system", lambda: self._say_other_system(system, code, str(owners[0])))
        return outside("not-in-value-set", lambda: self._say_out(system, code))

    def _say_other_system(self, system: str, code: str, owner: str) -> Text:
        return Text(
            f"Le jeu de valeurs {self.canonical} a le code « {code} » du système {owner}, et non {system}.",
            f'The value set {self.canonical} has the code "{code}" of the system {owner}, not {system}.',
        )

    def _say_out(self, system: str | None, code: str) -> Text:
        spelled = [one for part in self.includes for one in sorted(part.spelled)]
        whole = all(part.spelled and not part.imports for part in self.includes) and not self.excludes
        fr = en = ""
        if whole and len(spelled) <= SHOWN:
            fr, en = f" Codes admis : {', '.join(spelled)}.", f" Allowed codes: {', '.join(spelled)}."
        of = f"{system}|{code}" if system else code
        return Text(
            f"Le code « {of} » n'est pas dans le jeu de valeurs {self.canonical}.{fr}",
            f'The code "{of}" is not in the value set {self.canonical}.{en}',
        )


class Include:
    """One `include` or `exclude`, compiled.

    Attributes:
        system: its code system; None where it only imports.
        version: the version it asks for, or empty.
        spelled: the codes that are surely in it, as the system writes them.
        imports: value sets that must have the code too.
        source: its code system, if that is here.
        doubt: why a code that is not found may still be in, if so.

    With `active_only` (`compose.inactive` is false) it has no code that its code system says is no longer in use.
    """

    def __init__(
        self, sources: Sources, definition: dict[str, Any], imports: Sequence[Matcher], *, active_only: bool = False
    ) -> None:
        self._active_only = active_only
        self.system: str | None = definition.get("system")
        self.version: str = definition.get("version") or ""
        self.imports = tuple(imports)
        self.spelled: frozenset[str] = frozenset()
        self._keys: frozenset[str] = frozenset()
        self.source: CodeSystem | Grammar | None = None
        self.doubt: Membership | None = None
        self._whole = False
        if self.system:
            self.source = sources.system(self.system, self.version)
            self._compile(definition)

    @property
    def opaque(self) -> bool:
        """Whether its codes cannot be listed: its system is not here, has no end, or a filter cannot be evaluated."""
        if self.doubt is not None and self.doubt.cause in ("system-not-loaded", "value-set-unusable"):
            return True
        return self._whole and isinstance(self.source, Grammar)

    def _compile(self, definition: dict[str, Any]) -> None:
        source = self.source
        if definition.get("concept"):
            listed = (concept.get("code") for concept in definition["concept"])
            self._take(code for code in listed if isinstance(code, str))
        elif definition.get("filter"):
            self.doubt = self._why_uncertain()
            if isinstance(source, CodeSystem):
                try:
                    chosen = select(source, definition["filter"])
                    self._take(source.table.code(position) for position in chosen)
                except UnusableError as error:
                    text = error.text
                    self.doubt = self.doubt or unknown("value-set-unusable", lambda: text)
        else:
            self._whole = True
            self.doubt = self._why_uncertain()
            if isinstance(source, CodeSystem) and len(source.table) <= FEW:
                self._take(source.codes())

    def _take(self, codes: Iterable[str]) -> None:
        self.spelled = frozenset(code for code in codes if not self._closed(code))
        if isinstance(self.source, CodeSystem) and self.source.folds:
            self._keys = frozenset(map(str.casefold, self.spelled))
        else:
            self._keys = self.spelled

    def _closed(self, code: str) -> bool:
        """Return whether a code is left out because it is no longer in use."""
        if not self._active_only or not isinstance(self.source, CodeSystem):
            return False
        position = self.source.table.find(code)
        return position is not None and bool(self.source.table.flags(position) & INACTIVE)

    def _why_uncertain(self) -> Membership | None:
        """Return why a code that is not found may still be in; None where it surely is not."""
        source, system = self.source, self.system
        if source is None or (isinstance(source, CodeSystem) and source.content == "not-present"):
            return unknown("system-not-loaded", lambda: say_not_loaded(system or ""))
        if isinstance(source, Grammar):
            return None if self._whole else unknown("system-incomplete", lambda: say_not_loaded(system or ""))
        if not source.complete:
            return unknown("system-incomplete", lambda: say_incomplete(source))
        if self.version and source.version and not _same_version(source.version, self.version):
            return unknown("version-not-loaded", lambda: say_version(source, self.version))
        return None

    def decide(self, system: str, code: str, version: str | None) -> Membership | None:
        """Return whether a code is in this part; None where this part does not speak of its system."""
        if self.system is None:
            return _all([imported.decide(system, code, version) for imported in self.imports])
        if system != self.system:
            return None
        if version and self.version and not _same_version(version, self.version):
            return None
        answer = self._own(code)
        if answer is IN and self.imports:
            return _all([imported.decide(system, code, version) for imported in self.imports])
        return answer

    def _own(self, code: str) -> Membership | None:
        folds = isinstance(self.source, CodeSystem) and self.source.folds
        if (code.casefold() if folds else code) in self._keys:
            return IN
        if self._whole and isinstance(self.source, CodeSystem):
            if self._closed(code):
                return outside("not-in-value-set", lambda: Text("", ""))
            if self.source.table.find(code) is not None:
                return IN
            return self.doubt or _unknown_code(self.source, code)
        if self._whole and isinstance(self.source, Grammar):
            return IN if self.source.accepts(code) else _unknown_code(self.source, code)
        return self.doubt or outside("not-in-value-set", lambda: Text("", ""))


def _unknown_code(source: CodeSystem | Grammar, code: str) -> Membership:
    return outside("unknown-code", lambda: source.status(code).reason or Text("", ""))


def _same_version(one: str, other: str) -> bool:
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")


def _any(answers: Sequence[Membership | None]) -> Membership | None:
    """Return the best of these: IN, else UNKNOWN, else OUT; None where nobody answered."""
    best: Membership | None = None
    for answer in answers:
        if answer is None:
            continue
        if answer.verdict is Verdict.IN:
            return answer
        if best is None or (best.verdict is Verdict.OUT and answer.verdict is Verdict.UNKNOWN):
            best = answer
    return best


def _all(answers: Sequence[Membership]) -> Membership | None:
    """Return the worst of these: OUT, else UNKNOWN, else IN; None where nobody answered."""
    worst: Membership | None = None
    for answer in answers:
        if answer.verdict is Verdict.OUT:
            return answer
        if worst is None or answer.verdict is Verdict.UNKNOWN:
            worst = answer
    return worst


def say_not_loaded(system: str) -> Text:
    """Say that a code system is not here."""
    return Text(
        f"Le système de codes {system} n'est pas chargé sur ce serveur : le code ne peut pas y être vérifié.",
        f"The code system {system} is not loaded on this server: the code cannot be verified here.",
    )


def say_incomplete(source: CodeSystem) -> Text:
    """Say that only a part of a code system is here."""
    return Text(
        f"Le serveur n'a qu'une partie ({source.content}) de {source.named_fr()} : le code ne peut pas être vérifié.",
        f"The server has only a part ({source.content}) of {source.named_en()}: the code cannot be verified.",
    )


def say_version(source: CodeSystem, version: str) -> Text:
    """Say that another version of the code system is here."""
    return Text(
        f"Le jeu de valeurs demande la version {version} de {source.url} ; le serveur a la {source.version}.",
        f"The value set asks for version {version} of {source.url}; the server has {source.version}.",
    )


def say_endless(system: str) -> Text:
    """Say that a code system is a grammar."""
    return Text(
        f"Les codes de {system} suivent une grammaire : ils ne peuvent pas être énumérés.",
        f"The codes of {system} follow a grammar: they cannot be enumerated.",
    )

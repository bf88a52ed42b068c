"""One validation under way: where we are, what has been found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.issues import Issue, IssueCode, Severity, Text
from fhirserver.terminology import Verdict
from fhirserver.validation.texts import rules as rule_texts

if TYPE_CHECKING:
    from fhirserver.validation.kit import Kit, Profile
    from fhirserver.validation.resources.resolution import Target

Judge = Callable[["Run", dict[str, Any], "Path", Sequence[str]], None]
"""Judges a resource by its type, its claims and some profiles (`resources.judge_resource`)."""

Path = tuple[Any, str, int]
"""Where a value stands: the owner's path (None at the root), the element's name, and its index (-1: not in a list).
Paths are rendered only when something is found."""

Check = Callable[[Any, Path, "Run"], None]
"""Judges one value of one type."""

Rule = Callable[[Any, dict[str, Any], Path, "Run"], None]
"""Judges what stands under one JSON property: its value, the object that holds it, and that object's path."""

Silent = Callable[[Any, "Run"], bool]
"""True only for a value of which a check would say nothing; it changes nothing but what may be remembered for speed."""


class Step:
    """A check, with what tells cheaply that it would say nothing.

    Attributes:
        check: judges a value.
        silent: the quick test; None where there is none.
        depth: the option without which the check does nothing; empty for a check that always works.
    """

    __slots__ = ("check", "depth", "silent")

    def __init__(
        self, check: Check, silent: Silent | None = None, depth: Literal["", "invariants", "terminology"] = ""
    ) -> None:
        self.check = check
        self.silent = silent
        self.depth: Final = depth

    def __call__(self, value: Any, path: Path, run: Run) -> None:
        """Judge a value."""
        self.check(value, path, run)


def render(path: Path) -> str:
    """Return the FHIRPath expression of a path, such as `Patient.name[0].family`."""
    parts: list[str] = []
    step: Path | None = path
    while step is not None:
        step, name, index = step
        parts.append(name if index < 0 else f"{name}[{index}]")
    parts.reverse()
    return ".".join(parts)


@dataclass(frozen=True, slots=True)
class Options:
    """How deep to look, and what to make of what is not known here.

    Attributes:
        invariants: evaluate the FHIRPath invariants.
        terminology: look codes up in value sets and code systems that are not plain lists of the base.
        claims: judge by what `meta.profile` claims; otherwise by the base types and what is asked for alone.
        unknown_profiles: severity of a profile in `meta.profile` that is not loaded.
        unknown_asked: severity of a profile asked for, by parameter or policy, that is not loaded, where the resource
            claims none either; otherwise it is a warning.
        contradictions: severity of a slice that its own profile makes impossible to evaluate.
        targets: severity of a resource at hand that does not meet the profile which a reference asks of it.
        content: check the stated size and hash of attachments against their content.
        vital_signs: severity of an Observation that is of a vital sign and misses R4's profile for it, which it need
            not claim; None: not looked at.
        questionnaires: judge a QuestionnaireResponse by its Questionnaire, where that is known.
        references: check what references inside of the resource or Bundle lead to.
    """

    invariants: bool = True
    terminology: bool = True
    claims: bool = True
    unknown_profiles: Severity = "error"
    unknown_asked: Severity = "error"
    contradictions: Severity = "warning"
    targets: Severity = "warning"
    content: bool = True
    references: bool = True
    questionnaires: bool = True
    vital_signs: Severity | None = "error"


STRUCTURE_ONLY = Options(
    invariants=False, terminology=False, content=False, references=False, questionnaires=False, vital_signs=None
)
"""The first depth: elements, types, formats, cardinality, slices, local code lists."""


class Scope(NamedTuple):
    """The resource that is being walked, and what surrounds it.

    Attributes:
        resource: the resource itself.
        path: where it stands.
        kind: how its parent holds it: as the root, as a contained resource, or in a Bundle or Parameters.
        parent: the scope of the resource that holds it, None for the root.
    """

    resource: dict[str, Any]
    path: Path
    kind: Literal["root", "contained", "entry", "inside"]
    parent: Scope | None


_HOLDERS: Final = frozenset({"Bundle", "Parameters"})


class Run:
    """The state of one validation; used by one thread.

    Attributes:
        kit: what rules may use.
        options: how deep to look.
        scope: the resource that is being walked.
        issues: what has been found.
        faults: how many of them refuse the resource.
        invariants: whether to evaluate invariants.
        terminology: whether to look codes up.
        lone: whether no reference but `#id` can lead to anything at hand.
        memory: what rules remember until the end of the run.
        writes: how many plans may still be written as source in this run.
        kept: what memory knows by its identity, and which must therefore live as long.
    """

    __slots__ = (
        "_environment", "_environment_of", "_judge", "faults", "invariants", "issues", "kept", "kit", "lone", "memory",
        "options", "scope", "terminology", "writes",
    )  # fmt: skip

    def __init__(self, kit: Kit, options: Options, scope: Scope, judge: Judge) -> None:
        self.kit = kit
        self.options = options
        self.scope = scope
        self.issues: list[Issue] = []
        self.faults = 0
        self.invariants = options.invariants
        self.terminology = options.terminology
        self.memory: dict[Any, Any] = {}
        self.writes = kit.writes
        self.kept: list[Any] = []
        self._judge = judge
        self._environment = Environment()
        self._environment_of: Scope | None = None
        self.lone = scope.path[1] not in _HOLDERS

    def note(self, issue: Issue) -> None:
        """Note a finding that has been put into words already."""
        self.faults += issue.refuses
        self.issues.append(issue)

    def add(self, severity: Severity, code: IssueCode, path: Path, rule: str, text: Text) -> None:
        """Note a finding."""
        if severity in ("error", "fatal"):
            self.faults += 1
        self.issues.append(Issue(severity, code, text, render(path), rule))

    def error(self, code: IssueCode, path: Path, rule: str, text: Text) -> None:
        """Note a finding that refuses the resource."""
        self.faults += 1
        self.issues.append(Issue("error", code, text, render(path), rule))

    def warn(self, code: IssueCode, path: Path, rule: str, text: Text) -> None:
        """Note a finding that does not refuse the resource."""
        self.issues.append(Issue("warning", code, text, render(path), rule))

    def once(self, key: Any) -> bool:
        """Return True the first time a key is asked in this run."""
        if key in self.memory:
            return False
        self.memory[key] = True
        return True

    @contextmanager
    def within(
        self, resource: dict[str, Any], path: Path, kind: Literal["contained", "entry", "inside"]
    ) -> Iterator[None]:
        """Walk a resource inside of the present one."""
        outer = self.scope
        self.scope = Scope(resource, path, kind, outer)
        try:
            yield
        finally:
            self.scope = outer

    def judge_resource(self, resource: dict[str, Any], path: Path, profiles: Sequence[str] = ()) -> None:
        """Judge a resource whose scope has been entered."""
        self._judge(self, resource, path, profiles)

    def resolve(self, value: dict[str, Any]) -> Target | None:
        """Return what a Reference leads to, None where that is not at hand."""
        reference = value.get("reference")
        if type(reference) is not str or not reference:
            return None
        from fhirserver.validation.resources.resolution import resolve  # noqa: PLC0415 - it needs Scope, which is here

        return resolve(self, reference)

    def environment(self) -> Environment:
        """Return the surroundings of an invariant at the present place."""
        scope = self.scope
        if self._environment_of is not scope:
            root = scope.parent.resource if scope.kind == "contained" and scope.parent else scope.resource
            self._environment = Environment(
                scope.resource,
                root=root,
                bundle=self._bundle(),
                resolve=self._resolve_text,
                member_of=self._member_of,
                conforms_to=self._conforms_to,
            )
            self._environment_of = scope
        return self._environment

    def _bundle(self) -> dict[str, Any] | None:
        scope: Scope | None = self.scope
        while scope is not None:
            if scope.resource.get("resourceType") == "Bundle":
                return scope.resource
            scope = scope.parent
        return None

    def _resolve_text(self, reference: str) -> dict[str, Any] | None:
        target = self.resolve({"reference": reference})
        return target.resource if target else None

    def _member_of(self, value: Any, _type_name: str, value_set: str) -> bool | None:
        ask = self.kit.terminology.member
        if type(value) is str:
            answers = [ask(value_set, None, value).verdict]
        elif type(value) is dict:
            codings = value["coding"] if type(value.get("coding")) is list else [value]
            answers = [
                ask(value_set, one.get("system") or "", one["code"]).verdict
                for one in codings
                if type(one) is dict and type(one.get("code")) is str
            ]
        else:
            return None
        if Verdict.IN in answers:
            return True
        if Verdict.UNKNOWN in answers:
            raise fails(
                f"memberOf() : l'appartenance à {value_set[:200]} ne peut être vérifiée ici",
                f"memberOf(): whether it belongs to {value_set[:200]} cannot be verified here",
            )
        return False

    def _conforms_to(self, value: dict[str, Any], canonical: str) -> bool | None:
        if self.kit.profile(canonical) is None:
            return None
        return self.conforms(value, canonical, self.scope.path)

    def conforms(self, value: Any, canonical: str, path: Path) -> bool:
        """Return whether a value meets a profile; asked once for each value and profile."""
        return not any(issue.refuses for issue in self._against(value, canonical, path))

    def why_not(self, value: Any, canonical: str, path: Path) -> Text | None:
        """Return the first reason why a value does not meet a profile."""
        for issue in self._against(value, canonical, path):
            if issue.refuses:
                where = f"{issue.expression} : "
                return Text(where + issue.text.fr, where + issue.text.en)
        return None

    def _against(self, value: Any, canonical: str, path: Path) -> Sequence[Issue]:
        key = ("against", id(value), canonical)
        known: Sequence[Issue] | None = self.memory.get(key)
        if known is not None:
            return known
        self.memory[key] = ()  # a value that is being judged is taken to conform: references may go round in circles
        profile = self.kit.profile(canonical)
        if profile is None:
            return ()
        known = self._judge_against(value, profile, path)
        self.memory[key] = known
        self.kept.append(value)
        return known

    def _judge_against(self, value: Any, profile: Profile, path: Path) -> Sequence[Issue]:
        if type(value) is not dict:
            return self.probe(profile.check, value, path)
        kind = value.get("resourceType")
        if kind is None:
            return self.probe(profile.check, value, path)
        if profile.type not in (kind, "Resource", "DomainResource"):
            text = rule_texts.profile_wrong_type(profile.url, profile.type, str(kind))
            return [Issue("error", "invalid", text, render(path), "profile-type")]
        outer = self.scope
        if outer.resource is not value:
            self.scope = self._scope_of(value, path)
        try:
            return self.probe(profile.check, value, path)
        finally:
            self.scope = outer

    def _scope_of(self, value: dict[str, Any], path: Path) -> Scope:
        """Return the scope of a resource that stands in, around or beside the present one."""
        scope: Scope | None = self.scope
        while scope is not None:
            if scope.resource is value:
                return scope
            scope = scope.parent
        if path[1] == "contained":
            holder = self.scope.parent if self.scope.kind == "contained" else self.scope
            return Scope(value, path, "contained", holder)
        scope = self.scope
        while scope is not None and scope.resource.get("resourceType") != "Bundle":
            scope = scope.parent
        return Scope(value, path, "entry", scope or self.scope)

    def probe(self, check: Check, value: Any, path: Path) -> list[Issue]:
        """Return what a check finds, without noting it."""
        issues, faults = self.issues, self.faults
        self.issues, self.faults = [], 0
        try:
            check(value, path, self)
            return self.issues
        finally:
            self.issues, self.faults = issues, faults

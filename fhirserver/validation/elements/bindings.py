"""Bindings of coded elements to value sets (https://hl7.org/fhir/R4/terminologies.html#strength).

A code that a loaded, complete code system does not have is an error at any strength. What cannot be verified here is
a warning that says why, never an error.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

from fhirserver.issues import IssueCode, Severity, Text
from fhirserver.terminology import CodeState, Membership, Verdict
from fhirserver.validation.elements.formats import is_absolute
from fhirserver.validation.kit import Kit
from fhirserver.validation.profiles.tree import Element
from fhirserver.validation.run import Path, Run, Silent, Step
from fhirserver.validation.texts import codes as texts

_MAX: Final = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_SEVERITY: Final[dict[str, Severity]] = {"required": "error", "extensible": "warning", "preferred": "information"}
_ADDITIONAL: Final = frozenset(
    {
        "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.binding.additional",
        "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
    }
)
_PURPOSES: Final = {"required": "required", "maximum": "required", "extensible": "extensible", "preferred": "preferred"}
_SHORT_FORMATS: Final = frozenset({"xml", "json", "ttl"})
"""Names of formats that CapabilityStatement.format takes beside media types (http://hl7.org/fhir/R4/http.html#mime-type)."""

_PLAIN: Final = frozenset({"code", "string", "uri", "url", "canonical", "id", "markdown"})
_QUANTITIES: Final = frozenset({"Quantity", "Age", "Count", "Distance", "Duration"})
"""Of these, the reference validator looks at the unit of a Quantity alone: a wrong one is a warning in the others."""
_REMEMBERED: Final = 2_000


class Binding(NamedTuple):
    """What an element's codes are bound to.

    Attributes:
        value_set: canonical url.
        strength: required, extensible, preferred or example.
        most: canonical url of the value set beyond which an extensible or preferred binding does not go, or None.
        origin: profile and element.
    """

    value_set: str
    strength: str
    most: str | None
    origin: str


class Finding(NamedTuple):
    """What is wrong with a coded value, wherever it stands.

    Attributes:
        severity: of the issue.
        code: of the issue.
        below: element names from the value down to the one at fault, with their index.
        rule: of the issue.
        text: of the issue.
    """

    severity: Severity
    code: IssueCode
    below: tuple[tuple[str, int], ...]
    rule: str
    text: Text


Findings = tuple[Finding, ...]
UNVERIFIED: Final = "code-unverified"
_NEW: Final[Findings] = (Finding("error", "exception", (), "", Text("", "")),)
"""Stands for what has not been asked yet."""


def binding_of(element: Element) -> Binding | None:
    """Return an element's binding; None where it has none."""
    stated = element.definition.get("binding") or {}
    value_set = stated.get("valueSet")
    if not value_set:
        return None
    most = next((e.get("valueCanonical") for e in stated.get("extension", ()) if e.get("url") == _MAX), None)
    return Binding(value_set, stated.get("strength", "example"), most, element.origin)


def additional_bindings(element: Element) -> list[Binding]:
    """Return the bindings that a profile adds to the element's own (`additionalBinding` of later FHIR versions)."""
    found: list[Binding] = []
    for extension in (element.definition.get("binding") or {}).get("extension", ()):
        if extension.get("url") not in _ADDITIONAL:
            continue
        parts = {one.get("url"): one for one in extension.get("extension", ())}
        purpose = parts.get("purpose", {}).get("valueCode")
        value_set = parts.get("valueSet", {}).get("valueCanonical")
        strength = _PURPOSES.get(purpose)
        if strength and value_set and "usage" not in parts:
            found.append(Binding(value_set, strength, None, element.origin))
    return found


def binding_steps(kit: Kit, element: Element, type_name: str) -> list[Step]:
    """Return the checks of an element's codes; none where its type has no codes or its bindings ask for nothing."""
    bindings = [binding_of(element), *additional_bindings(element)]
    steps = [_step(kit, element, binding, type_name) for binding in bindings]
    return [step for step in steps if step is not None]


def _step(kit: Kit, element: Element, binding: Binding | None, type_name: str) -> Step | None:
    if type_name in _PLAIN:
        return _plain(kit, binding, element) if binding and binding.strength != "example" else None
    if type_name == "Coding":
        # within a CodeableConcept another coding may say the same: there a relative system is a warning
        inner = (element.definition.get("base") or {}).get("path") == "CodeableConcept.coding"
        return _coding(kit, binding, "warning" if inner else "error")
    if type_name == "CodeableConcept":
        return _concept(kit, binding)
    return _quantity(kit, binding, type_name) if type_name in _QUANTITIES else None


def _remembered(ask: Callable[..., Findings], key_of: Callable[[Any], Hashable]) -> Step:
    """Return a check whose findings depend on a key alone; senders repeat the same few codes, so they are kept."""
    known: dict[Hashable, Findings] = {}

    def check(value: Any, path: Path, run: Run) -> None:
        if not run.terminology:
            return
        key = key_of(value)
        try:
            found = known.get(key)
        except TypeError:
            return  # an array or object where a code belongs: its format says so
        if found is None:
            found = ask(key)
            if len(known) >= _REMEMBERED:
                known.clear()
            known[key] = found
        for finding in found:
            if finding.rule == UNVERIFIED and not run.once((UNVERIFIED, value.get("system"))):
                continue  # one word on a system is enough
            at = path
            for name, index in finding.below:
                at = (at, name, index)
            run.add(finding.severity, finding.code, at, finding.rule, finding.text)

    return Step(check, _known_to_be_right(known, key_of), "terminology")


def _known_to_be_right(known: dict[Hashable, Findings], key_of: Callable[[Any], Hashable]) -> Silent:
    """Return the test for codes of which nothing was found, or nothing but what this run has said already."""

    def silent(value: Any, run: Run) -> bool:
        try:
            found = known.get(key_of(value), _NEW)
        except TypeError:
            return False
        if not found:
            return True
        return all(one.rule == UNVERIFIED for one in found) and (UNVERIFIED, value.get("system")) in run.memory

    return silent


def _plain(kit: Kit, binding: Binding, element: Element) -> Step:
    """Return the check of a code, string or uri, whose system the value set implies."""
    member = kit.terminology.member
    also = _SHORT_FORMATS if element.path == "CapabilityStatement.format" else frozenset()
    required = binding.strength == "required"

    def check(value: Any, path: Path, run: Run) -> None:
        if not run.terminology and not required:
            return
        answer = member(binding.value_set, None, value)
        if (
            answer.verdict is not Verdict.IN
            and value not in also
            and (run.terminology or answer.verdict is Verdict.OUT)
        ):
            for finding in (*_verdict(answer, value, binding), *_beyond(kit, None, value, value, binding)):
                run.add(finding.severity, finding.code, path, finding.rule, finding.text)

    return Step(check)


def _beyond(kit: Kit, system: str | None, code: str, shown: str, binding: Binding) -> Findings:
    """Judge a code that is not in its value set by the one beyond which the binding does not go."""
    if binding.most is None:
        return ()
    answer = kit.terminology.member(binding.most, system, code)
    if answer.verdict is not Verdict.OUT:
        return ()
    return _verdict(answer, shown, Binding(binding.most, "required", None, binding.origin))


def _verdict(answer: Membership, shown: str, binding: Binding) -> Findings:
    """Return what a membership means under a binding."""
    if answer.verdict is Verdict.OUT:
        text = texts.not_in(shown, binding.value_set, binding.strength, answer.reason, binding.origin)
        return (Finding(_SEVERITY[binding.strength], "code-invalid", (), "binding", text),)
    if answer.verdict is Verdict.UNKNOWN:
        return (Finding("warning", "not-supported", (), "binding-unverified", texts.unverified(shown, answer.reason)),)
    return ()


def _shown(system: Any, code: str) -> str:
    return f"{system}|{code}" if type(system) is str and system else code


def _own_system(kit: Kit, system: str, code: str, display: Any) -> tuple[bool, Findings]:
    """Judge a code within its own system: whether the system may have it, and what is wrong."""
    status = kit.terminology.code(system, code)
    if status.state is CodeState.UNKNOWN:
        text = status.reason or texts.unknown_code(system, code)
        return False, (Finding("error", "code-invalid", (), "code-unknown", text),)
    if status.state is CodeState.UNVERIFIABLE and kit.terminology.resource("ValueSet", system) is not None:
        return False, (Finding("error", "code-invalid", (), "system-value-set", texts.system_value_set(system)),)
    found: list[Finding] = []
    if status.state is CodeState.INACTIVE:
        text = status.reason or texts.inactive_code(system, code)
        found.append(Finding("warning", "code-invalid", (), "code-inactive", text))
    if status.abstract:
        found.append(Finding("warning", "code-invalid", (), "code-abstract", texts.abstract_code(system, code)))
    verified = status.state is not CodeState.UNVERIFIABLE
    if type(display) is str and verified and not status.accepts(display):
        text = texts.wrong_display(display, status.display or "", code)
        found.append(Finding("warning", "value", (("display", -1),), "display", text))
    return True, tuple(found)


def _unverified(kit: Kit, system: str, code: str) -> Findings:
    """Return the word that a code cannot be verified here, where its system is not at hand as a whole."""
    status = kit.terminology.code(system, code)
    if status.state is not CodeState.UNVERIFIABLE or status.reason is None:
        return ()
    text = texts.unverified(_shown(system, code), status.reason)
    return (Finding("warning", "not-supported", (), UNVERIFIED, text),)


def _relative(system: str, severity: Severity) -> Finding:
    return Finding(severity, "value", (("system", -1),), "system-relative", texts.relative_system(system))


def _coding(kit: Kit, binding: Binding | None, relative: Severity) -> Step:
    bound = binding if binding and binding.strength != "example" else None

    def ask(key: tuple[Any, Any, Any]) -> Findings:
        system, code, display = key
        if type(code) is not str or not code:
            return ()
        found: list[Finding] = []
        if type(system) is str and system:
            if not is_absolute(system):
                found.append(_relative(system, relative))
            may_have, own = _own_system(kit, system, code, display)
            found.extend(own)
            if not may_have:
                return tuple(found)
        elif system is None:
            found.append(Finding("warning", "code-invalid", (), "system-missing", texts.system_missing(code)))
        if bound is not None:
            given = system if type(system) is str else None
            answer = kit.terminology.member(bound.value_set, given, code)
            if answer.verdict is Verdict.IN:
                return tuple(found)
            shown = _shown(system, code)
            found += (*_verdict(answer, shown, bound), *_beyond(kit, given, code, shown, bound))
        if not found and type(system) is str and system:
            found.extend(_unverified(kit, system, code))
        return tuple(found)

    return _remembered(ask, lambda value: (value.get("system"), value.get("code"), value.get("display")))


def _concept(kit: Kit, binding: Binding | None) -> Step | None:
    """Return the check of a CodeableConcept against its binding; its codings judge themselves."""
    if binding is None or (binding.strength == "example" and binding.most is None):
        return None

    def ask(key: tuple[Any, ...]) -> Findings:
        if not key:
            if binding.strength != "required":
                return ()
            return (Finding("error", "required", (), "binding", texts.no_code(binding.value_set, binding.origin)),)
        found = _without_code(kit, key)
        if binding.strength != "example":
            found += _one_in(kit, key, binding, binding.value_set)
        if binding.most is not None:
            most = Binding(binding.most, "required", None, binding.origin)
            found += tuple(one for one in _one_in(kit, key, most, binding.most) if one.code == "code-invalid")
        return found

    return _remembered(ask, _codings)


def _codings(value: Any) -> tuple[Any, ...]:
    """Return system and code of each coding; empty where there is none, nor an extension that may stand for it."""
    codings = value.get("coding")
    if type(codings) is not list:
        return (("extension", None),) if "extension" in value else ()
    return tuple((one.get("system"), one.get("code")) for one in codings if type(one) is dict)


def _without_code(kit: Kit, codings: tuple[Any, ...]) -> Findings:
    found = [
        Finding("error", "required", (("coding", index),), "code-missing", texts.code_missing(system))
        for index, (system, code) in enumerate(codings)
        if code is None and type(system) is str and _complete(kit, system)
    ]
    return tuple(found)


def _one_in(kit: Kit, codings: tuple[Any, ...], binding: Binding, value_set: str) -> Findings:
    """Judge the codings of one concept together: one of them in the value set is enough."""
    answers = [
        (_shown(system, code), kit.terminology.member(value_set, system if type(system) is str else "", code))
        for system, code in codings
        if type(code) is str
    ]
    if any(answer.verdict is Verdict.IN for _, answer in answers):
        return ()
    undecided = next(((shown, answer) for shown, answer in answers if answer.verdict is Verdict.UNKNOWN), None)
    if undecided:
        return _verdict(undecided[1], undecided[0], binding)
    if answers:
        return _verdict(answers[0][1], answers[0][0], binding)
    if binding.strength == "required" and codings[0][0] != "extension":
        return (Finding("error", "required", (), "binding", texts.no_code(value_set, binding.origin)),)
    return ()


def _complete(kit: Kit, system: str) -> bool:
    """Return whether a code system is loaded with all its codes."""
    return getattr(kit.terminology.system(system), "content", None) == "complete"


def _quantity(kit: Kit, binding: Binding | None, type_name: str) -> Step:
    """Return the check of a Quantity's code, or of one of its special kinds."""
    bound = binding if binding and binding.strength != "example" else None

    def ask(key: tuple[Any, Any]) -> Findings:
        system, code = key
        if type(code) is not str or not code:
            return ()
        found: Findings = ()
        given = system if type(system) is str and system else None
        if given is not None:
            if not is_absolute(given):
                return (_relative(given, "error"),)
            may_have, found = _own_system(kit, given, code, None)
            if not may_have:
                return found if type_name == "Quantity" else tuple(one._replace(severity="warning") for one in found)
        if bound is not None:
            shown = _shown(system, code)
            answer = kit.terminology.member(bound.value_set, given, code)
            if answer.verdict is Verdict.IN:
                return found
            found += (*_verdict(answer, shown, bound), *_beyond(kit, given, code, shown, bound))
        return found or (_unverified(kit, given, code) if given is not None else ())

    return _remembered(ask, lambda value: (value.get("system"), value.get("code")))

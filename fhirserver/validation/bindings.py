"""Bindings of coded elements to value sets (https://hl7.org/fhir/R4/terminologies.html#strength).

A code that a loaded, complete code system does not have is an error at any strength. What cannot be verified here is
a warning that says why, never an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from fhirserver.issues import Severity, Text
from fhirserver.terminology import CodeState, Membership, Verdict
from fhirserver.validation.formats import is_absolute
from fhirserver.validation.kit import Kit
from fhirserver.validation.run import Check, Path, Run
from fhirserver.validation.texts import codes as texts
from fhirserver.validation.tree import Element

_MAX: Final = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_SEVERITY: Final[dict[str, Severity]] = {"required": "error", "extensible": "warning", "preferred": "information"}
_ADDITIONAL: Final = frozenset(
    {
        "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.binding.additional",
        "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
    }
)
_PURPOSES: Final = {"required": "required", "maximum": "required", "extensible": "extensible", "preferred": "preferred"}
_PLAIN: Final = frozenset({"code", "string", "uri", "url", "canonical", "id", "markdown"})
_REMEMBERED: Final = 4_000
_UCUM: Final = "http://unitsofmeasure.org"


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


def binding_of(element: Element) -> Binding | None:
    """Return an element's binding; None where it has none."""
    stated = element.definition.get("binding") or {}
    value_set = stated.get("valueSet")
    if not value_set:
        return None
    most = next((e.get("valueCanonical") for e in stated.get("extension", ()) if e.get("url") == _MAX), None)
    return Binding(value_set, stated.get("strength", "example"), most, element.origin)


def additional_bindings(element: Element) -> list[Binding]:
    """Return the bindings that a profile adds to the element's own (later FHIR versions' ElementDefinition.binding.additional)."""
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


def binding_steps(kit: Kit, element: Element, type_name: str) -> list[Check]:
    """Return the checks of an element's codes; none where its type has no codes or its bindings ask for nothing."""
    bindings = [binding_of(element), *additional_bindings(element)]
    steps = [_step(kit, element, binding, type_name) for binding in bindings]
    return [step for step in steps if step is not None]


def _step(kit: Kit, element: Element, binding: Binding | None, type_name: str) -> Check | None:
    if type_name in _PLAIN:
        return _plain(kit, binding) if binding and binding.strength != "example" else None
    makers: dict[str, Callable[[Kit, Binding | None], Check]] = {
        "CodeableConcept": _concept,
        "Quantity": _quantity,
    }
    if type_name == "Coding":
        # within a CodeableConcept another coding may say the same: there a relative system is a warning
        inner = (element.definition.get("base") or {}).get("path") == "CodeableConcept.coding"
        return _coding(kit, binding, "warning" if inner else "error")
    maker = makers.get(type_name)
    return maker(kit, binding) if maker else None


def _remember(ask: Callable[[Any, str], Membership]) -> Callable[[Any, str], Membership]:
    """Return the same question with its latest answers kept, since senders repeat the same few codes."""
    answers: dict[tuple[Any, str], Membership] = {}

    def remembered(system: Any, code: str) -> Membership:
        key = (system, code)
        answer = answers.get(key)
        if answer is None:
            if len(answers) >= _REMEMBERED:
                answers.clear()
            answer = answers[key] = ask(system, code)
        return answer

    return remembered


def _member(kit: Kit, value_set: str) -> Callable[[Any, str], Membership]:
    return _remember(lambda system, code: kit.terminology.member(value_set, system, code))


def _plain(kit: Kit, binding: Binding) -> Check:
    """Return the check of a code, string or uri, whose system the value set implies."""
    member = _member(kit, binding.value_set)
    severity = _SEVERITY[binding.strength]
    required = binding.strength == "required"

    def check(value: Any, path: Path, run: Run) -> None:
        if not run.terminology and not required:
            return
        answer = member(None, value)
        if answer.verdict is Verdict.IN:
            return
        if answer.verdict is Verdict.OUT:
            run.add(
                severity,
                "code-invalid",
                path,
                "binding",
                texts.not_in(value, binding.value_set, binding.strength, answer.reason, binding.origin),
            )
        elif run.terminology:
            run.warn("not-supported", path, "binding-unverified", texts.unverified(value, answer.reason))

    return check


def _judge_code(kit: Kit, coding: dict[str, Any], path: Path, run: Run, *, display: bool = True) -> bool | None:
    """Judge a code within its own system: False when the system does not have it, None when that cannot be known."""
    system, code = coding.get("system"), coding.get("code")
    if type(system) is not str or type(code) is not str or not code:
        return None
    status = kit.terminology.code(system, code)
    if status.state is CodeState.UNKNOWN:
        run.error("code-invalid", path, "code-unknown", texts.unknown_code(system, code, status.reason))
        return False
    if status.state is CodeState.INACTIVE:
        run.warn("code-invalid", path, "code-inactive", texts.inactive_code(system, code, status.reason))
    shown = coding.get("display")
    if display and type(shown) is str and status.state is not CodeState.UNVERIFIABLE and not status.accepts(shown):
        run.warn("value", (path, "display", -1), "display", texts.wrong_display(shown, status.display or "", code))
    return None if status.state is CodeState.UNVERIFIABLE else True


def _coding(kit: Kit, binding: Binding | None, relative: Severity) -> Check:
    member = _member(kit, binding.value_set) if binding and binding.strength != "example" else None

    def check(value: Any, path: Path, run: Run) -> None:
        if not run.terminology:
            return
        system, code = value.get("system"), value.get("code")
        if type(code) is not str:
            return
        if type(system) is str and system and not is_absolute(system):
            run.add(relative, "value", (path, "system", -1), "system-relative", texts.relative_system(system))
        known = _judge_code(kit, value, path, run)
        if member is None or binding is None or known is False:
            return
        answer = member(system if type(system) is str else None, code)
        _report(answer, f"{system}|{code}", binding, path, run, single=True)

    return check


def _report(answer: Membership, shown: str, binding: Binding, path: Path, run: Run, *, single: bool) -> None:
    if answer.verdict is Verdict.OUT:
        severity = _SEVERITY[binding.strength]
        run.add(
            severity,
            "code-invalid",
            path,
            "binding",
            texts.not_in(shown, binding.value_set, binding.strength, answer.reason, binding.origin),
        )
    elif answer.verdict is Verdict.UNKNOWN and single:
        run.warn("not-supported", path, "binding-unverified", texts.unverified(shown, answer.reason))


def _concept(kit: Kit, binding: Binding | None) -> Check:
    strength = binding.strength if binding else "example"
    member = _member(kit, binding.value_set) if binding and strength != "example" else None
    within = _member(kit, binding.most) if binding and binding.most else None

    def check(value: Any, path: Path, run: Run) -> None:
        if not run.terminology:
            return
        codings = value.get("coding")
        if type(codings) is not list or not codings:
            if strength == "required" and binding and "extension" not in value:
                run.error("required", path, "binding", texts.no_code(binding.value_set, binding.origin))
            return
        answers: list[tuple[str, Membership]] = []
        beyond: list[tuple[str, Membership]] = []
        index = 0
        for coding in codings:
            if type(coding) is dict:
                system, code = coding.get("system"), coding.get("code")
                shown = f"{system}|{code}"
                if type(code) is str:
                    _judge_code(kit, coding, (path, "coding", index), run)
                    given = system if type(system) is str else None
                    if member is not None:
                        answers.append((shown, member(given, code) if given else _no_system(member, code)))
                    if within is not None:
                        beyond.append((shown, within(given, code) if given else _no_system(within, code)))
                elif member is not None and type(system) is str and _complete(kit, system):
                    run.error("required", (path, "coding", index), "code-missing", texts.code_missing(system))
            index += 1
        if binding is None:
            return
        if member is not None:
            _decide(answers, binding, path, run, required=strength == "required")
        if within is not None and beyond and all(answer.verdict is Verdict.OUT for _, answer in beyond):
            shown, answer = beyond[0]
            run.error(
                "code-invalid",
                path,
                "binding-max",
                texts.not_in(shown, binding.most or "", "required", answer.reason, binding.origin),
            )

    return check


def _no_system(member: Callable[[Any, str], Membership], code: str) -> Membership:
    """Return the answer for a Coding without a system: nothing can be in a value set without one."""
    answer = member("", code)
    return answer


def _decide(answers: list[tuple[str, Membership]], binding: Binding, path: Path, run: Run, *, required: bool) -> None:
    """Judge a CodeableConcept: one coding in the value set is enough."""
    if any(answer.verdict is Verdict.IN for _, answer in answers):
        return
    for shown, answer in answers:
        if answer.verdict is Verdict.UNKNOWN:
            run.warn("not-supported", path, "binding-unverified", texts.unverified(shown, answer.reason))
            return
    if answers:
        shown, answer = answers[0]
        _report(answer, shown, binding, path, run, single=False)
    elif required:
        run.error("required", path, "binding", texts.no_code(binding.value_set, binding.origin))


def _complete(kit: Kit, system: str) -> bool:
    """Return whether a code system is loaded with all its codes."""
    source = kit.terminology.system(system)
    return getattr(source, "content", None) == "complete"


def _quantity(kit: Kit, binding: Binding | None) -> Check:
    member = _member(kit, binding.value_set) if binding and binding.strength != "example" else None

    def check(value: Any, path: Path, run: Run) -> None:
        if not run.terminology:
            return
        system, code = value.get("system"), value.get("code")
        if type(code) is not str or not code:
            return
        if type(system) is str and system and not is_absolute(system):
            run.error("value", (path, "system", -1), "system-relative", texts.relative_system(system))
            return
        known = _judge_code(kit, value, path, run, display=False)
        if member is not None and binding is not None and known is not False:
            answer = member(system if type(system) is str else None, code)
            _report(answer, f"{system}|{code}", binding, path, run, single=True)

    return check

"""CodeSystem/$validate-code and ValueSet/$validate-code: is this code right.

https://hl7.org/fhir/R4/codesystem-operation-validate-code.html,
https://hl7.org/fhir/R4/valueset-operation-validate-code.html. A code that cannot be judged with what is loaded is
refused with the reason: neither true nor false would be honest.
"""

from __future__ import annotations

from typing import Any, Final

from fhirserver.errors import NotFound, Unprocessable
from fhirserver.issues import Language, Text
from fhirserver.operations.inputs import Inputs, answer, missing, out
from fhirserver.operations.terminology.lookup import require_system
from fhirserver.terminology import CodeState, CodeStatus, Terminology, Verdict
from fhirserver.terminology.codesystem import from_resource

_SHARED: Final = {"url", "code", "display", "coding", "codeableConcept", "abstract", "displayLanguage"}
CODE_SYSTEM_PARAMETERS: Final = frozenset({*_SHARED, "codeSystem", "version"})
VALUE_SET_PARAMETERS: Final = frozenset({*_SHARED, "valueSet", "valueSetVersion", "system", "systemVersion"})


_Judged = tuple[bool | None, Text | None, str | None]
"""Whether the code is right (None: cannot be judged), why not, and its display."""


def in_code_system(
    terminology: Terminology, parameters: dict[str, Any], *, url: str | None = None, language: Language = "fr"
) -> dict[str, Any]:
    """Return whether a code exists in a code system.

    Args:
        terminology: where to look.
        parameters: of the call.
        url: of the code system, when asked of an instance.
        language: of the message.

    Raises:
        BadRequest: a parameter is missing.
        NotFound: the code system is not loaded.
        Unprocessable: only a part of it is, and not that code.
    """
    inputs = Inputs(parameters, CODE_SYSTEM_PARAMETERS)
    posted = inputs.resource("codeSystem", "CodeSystem")
    stated = url or inputs.text("url") or (posted or {}).get("url")
    codings = _codings(inputs, stated, inputs.text("version"))
    judged: list[_Judged] = []
    for coding in codings:
        if stated and coding.get("system") != stated:
            judged.append((False, _say_elsewhere(coding, stated), None))
            continue
        system = coding.get("system")
        if not system:
            raise missing("url")
        source = from_resource(posted) if posted else require_system(terminology, system, coding.get("version") or "")
        status = terminology.status(source, coding["code"])
        if status.state is CodeState.UNVERIFIABLE:
            judged.append((None, status.reason, None))
        else:
            judged.append(_judge(inputs, coding, status))
    return _answer(judged, language)


def in_value_set(
    terminology: Terminology,
    parameters: dict[str, Any],
    *,
    value_set: dict[str, Any] | None = None,
    language: Language = "fr",
) -> dict[str, Any]:
    """Return whether a code is in a value set.

    Args:
        terminology: where to look.
        parameters: of the call.
        value_set: when asked of an instance.
        language: of the message.

    Raises:
        BadRequest: a parameter is missing.
        NotFound: the value set is not loaded.
        Unprocessable: the value set cannot be evaluated, or the code not be judged, with what is loaded.
    """
    inputs = Inputs(parameters, VALUE_SET_PARAMETERS)
    chosen = value_set or inputs.resource("valueSet", "ValueSet") or named_value_set(terminology, inputs)
    matcher = terminology.compile(chosen)
    system = inputs.text("system")
    if "code" in inputs and not system:
        raise missing("system")
    judged: list[_Judged] = []
    for coding in _codings(inputs, system, inputs.text("systemVersion")):
        if not coding.get("system"):
            judged.append((False, _say_no_system(coding["code"]), None))
            continue
        membership = matcher.decide(coding.get("system"), coding["code"], coding.get("version"))
        if membership.verdict is Verdict.UNKNOWN:
            judged.append((None, membership.reason, None))
        elif membership.verdict is Verdict.OUT:
            judged.append((False, membership.reason, None))
        else:
            judged.append(_judge(inputs, coding, terminology.code(coding["system"], coding["code"])))
    return _answer(judged, language)


def named_value_set(terminology: Terminology, inputs: Inputs) -> dict[str, Any]:
    """Return the value set that `url` and `valueSetVersion` name.

    Raises:
        BadRequest: no `url`.
        NotFound: not loaded, or not in that version.
    """
    url = inputs.text("url")
    if url is None:
        raise missing("url", "valueSet")
    version = inputs.text("valueSetVersion") or url.partition("|")[2]
    found = terminology.value_set(url)
    if found is None or (version and found.get("version") != version):
        wanted = f"{url.partition('|')[0]}|{version}" if version else url
        raise NotFound(
            Text(
                f"Le jeu de valeurs {wanted} n'est pas chargé sur ce serveur.",
                f"The value set {wanted} is not loaded on this server.",
            )
        )
    return found


def _codings(inputs: Inputs, system: str | None, version: str | None) -> list[dict[str, Any]]:
    """Return what is asked about, from `code`, `coding` or `codeableConcept`."""
    inputs.require_one_way("code", "coding", "codeableConcept")
    code, coding, concept = inputs.text("code"), inputs.coding("coding"), inputs.concept("codeableConcept")
    if code is not None:
        return [{"system": system, "code": code, "version": version, "display": inputs.text("display")}]
    if coding is not None:
        return [coding]
    if concept:
        return concept
    raise missing("code", "coding", "codeableConcept")


def _judge(inputs: Inputs, coding: dict[str, Any], status: CodeStatus) -> _Judged:
    """Judge a code that the value set has, or that the code system is asked about."""
    best = status.name(inputs.text("displayLanguage") or "")
    if status.state is CodeState.UNKNOWN:
        return False, status.reason, None
    if status.abstract and not inputs.flag("abstract"):
        return False, _say_abstract(coding["code"]), best
    display = coding.get("display")
    if display and not status.accepts(display):
        return False, _say_display(display, coding["code"], best), best
    return True, status.reason if status.state is CodeState.INACTIVE else None, best


def _answer(judged: list[_Judged], language: Language) -> dict[str, Any]:
    right = [one for one in judged if one[0]]
    unsure = [one for one in judged if one[0] is None]
    if not right and unsure:
        reason = unsure[0][1]
        assert reason is not None
        raise Unprocessable(reason, code="not-supported")
    chosen = right or judged
    said = [reason.say(language) for _, reason, _ in chosen if reason]
    display = next((one[2] for one in chosen if one[2]), None)
    return answer(out("result", bool(right)), out("message", " ".join(said) or None), out("display", display))


def _say_elsewhere(coding: dict[str, Any], stated: str) -> Text:
    return Text(
        f"Le code « {coding['code']} » est du système {coding.get('system')}, et non de {stated}.",
        f'The code "{coding["code"]}" is of the system {coding.get("system")}, not of {stated}.',
    )


def _say_no_system(code: str) -> Text:
    return Text(
        f"Le code « {code} » est donné sans son système (system) : il ne désigne rien.",
        f'The code "{code}" is given without its system: it means nothing.',
    )


def _say_abstract(code: str) -> Text:
    return Text(
        f"Le code « {code} » est abstrait : il regroupe d'autres codes et ne se choisit pas.",
        f'The code "{code}" is abstract: it groups other codes and is not meant to be chosen.',
    )


def _say_display(display: str, code: str, best: str | None) -> Text:
    return Text(
        f"Le libellé « {display} » n'est pas celui du code « {code} » : « {best} » est attendu.",
        f'The display "{display}" is not that of the code "{code}": "{best}" is expected.',
    )

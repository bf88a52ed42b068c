"""Questionnaires and their responses.

https://hl7.org/fhir/R4/questionnaire.html and https://hl7.org/fhir/R4/questionnaireresponse.html: a response has the
items of its Questionnaire, in its order, with answers of the type asked for. What is required must be there once the
response is completed or amended, and where `enableWhen` asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from fhirserver.terminology import Membership, Verdict
from fhirserver.terminology.compose import Matcher
from fhirserver.validation.run import Path, Run
from fhirserver.validation.texts import codes as code_texts
from fhirserver.validation.texts import questionnaires as texts

_OCCURS: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-"
_FINAL: Final = frozenset({"completed", "amended"})
_ANSWERS: Final[dict[str, tuple[str, ...]]] = {
    "boolean": ("Boolean",),
    "decimal": ("Decimal", "Integer"),
    "integer": ("Integer",),
    "date": ("Date",),
    "dateTime": ("DateTime",),
    "time": ("Time",),
    "string": ("String",),
    "text": ("String",),
    "url": ("Uri",),
    "choice": ("Coding", "String", "Integer", "Date", "Time", "Reference"),
    "open-choice": ("Coding", "String", "Integer", "Date", "Time", "Reference"),
    "attachment": ("Attachment",),
    "reference": ("Reference",),
    "quantity": ("Quantity",),
}
"""The types of answer (suffix of `value[x]`) for each type of item."""


class Asked(NamedTuple):
    """Where a response is compared with its Questionnaire.

    Attributes:
        questionnaire: what it is compared with.
        final: whether the response claims to be complete.
        answers: all answers given, by linkId.
        value_sets: those contained in the Questionnaire that were asked, compiled, by reference.
    """

    questionnaire: dict[str, Any]
    final: bool
    answers: dict[str, list[dict[str, Any]]]
    value_sets: dict[str, Matcher | None]


def questionnaire_rules(value: Any, path: Path, run: Run) -> None:
    """Judge a Questionnaire: `enableWhen` asks for items that exist, and not for its own."""
    known = {link for _, item in _walk(value, path) if (link := _link(item))}
    for at, item in _walk(value, path):
        for index, condition in enumerate(_list(item.get("enableWhen"))):
            question = condition.get("question") if type(condition) is dict else None
            if type(question) is str and (question not in known or question == _link(item)):
                run.error("not-found", (at, "enableWhen", index), "enable-when", texts.question_unknown(question))


def response_rules(value: Any, path: Path, run: Run) -> None:
    """Judge a QuestionnaireResponse by its Questionnaire, where that is contained or loaded."""
    canonical = value.get("questionnaire")
    if type(canonical) is not str or not run.options.questionnaires:
        return
    questionnaire = _find(canonical, run)
    if questionnaire is None:
        at = (path, "questionnaire", -1)
        run.warn("not-found", at, "questionnaire", texts.questionnaire_unknown(canonical))
        return
    answers: dict[str, list[dict[str, Any]]] = {}
    for _, item in _walk(value, path):
        link = _link(item)
        if link:
            answers.setdefault(link, []).extend(one for one in _list(item.get("answer")) if type(one) is dict)
    _level(questionnaire, value, path, run, Asked(questionnaire, value.get("status") in _FINAL, answers, {}))


def _find(canonical: str, run: Run) -> dict[str, Any] | None:
    if canonical.startswith("#"):
        target = run.resolve({"reference": canonical})
        return target.resource if target else None
    return run.kit.definitions.find("Questionnaire", canonical)


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _link(item: dict[str, Any]) -> str | None:
    link = item.get("linkId")
    return link if type(link) is str else None


def _walk(holder: dict[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every item below a Questionnaire, a response, an item or an answer, in order."""
    for index, item in enumerate(_list(holder.get("item"))):
        if type(item) is dict:
            at = (path, "item", index)
            yield at, item
            yield from _walk(item, at)
            for number, answer in enumerate(_list(item.get("answer"))):
                if type(answer) is dict:
                    yield from _walk(answer, (at, "answer", number))


def _level(asking: dict[str, Any], holder: dict[str, Any], path: Path, run: Run, asked: Asked) -> None:
    """Compare the items of one level of the response with those of the Questionnaire."""
    questions = [one for one in _list(asking.get("item")) if type(one) is dict]
    order = {_link(one): number for number, one in enumerate(questions)}
    given: dict[str | None, list[tuple[Path, dict[str, Any]]]] = {}
    last = -1
    for index, item in enumerate(_list(holder.get("item"))):
        if type(item) is not dict:
            continue
        at, link = (path, "item", index), _link(item)
        if link not in order:
            run.error("not-found", at, "questionnaire-item", texts.item_unknown(str(link)))
            continue
        if order[link] < last:
            run.error("invalid", at, "questionnaire-order", texts.item_order(str(link)))
        last = max(last, order[link])
        given.setdefault(link, []).append((at, item))
    for question in questions:
        _question(question, given.get(_link(question), []), path, run, asked)


def _question(
    question: dict[str, Any], items: list[tuple[Path, dict[str, Any]]], path: Path, run: Run, asked: Asked
) -> None:
    link, kind = _link(question) or "", question.get("type")
    enabled = _enabled(question, asked)
    if not items:
        if question.get("required") is True and enabled and asked.final:
            run.error(
                "required", path, "questionnaire-required", texts.item_missing(link, str(question.get("text", "")))
            )
        return
    if not enabled:
        for at, _ in items:
            run.error("business-rule", at, "questionnaire-enabled", texts.item_disabled(link))
    if len(items) > 1 and not (kind == "group" and question.get("repeats") is True):
        run.error("invalid", items[1][0], "questionnaire-repeats", texts.item_twice(link))
    elif kind == "group":
        _occurs(question, len(items), items[0][0], run, needed=enabled and asked.final)
    for at, item in items:
        _filled(question, item, at, run, asked, needed=enabled and question.get("required") is True and asked.final)


def _filled(  # noqa: PLR0913 - one item against its question
    question: dict[str, Any], item: dict[str, Any], path: Path, run: Run, asked: Asked, *, needed: bool
) -> None:
    """Judge one item of the response: whether it has answers, how many, and what they are."""
    link, kind = _link(question) or "", question.get("type")
    answers = [one for one in _list(item.get("answer")) if type(one) is dict]
    if kind in ("group", "display"):
        if answers:
            run.error("invalid", path, "questionnaire-answer", texts.answer_unwanted(link, str(kind)))
        _level(question, item, path, run, asked)
        return
    if not answers and needed:
        run.error("required", path, "questionnaire-required", texts.item_missing(link, str(question.get("text", ""))))
    if len(answers) > 1 and question.get("repeats") is not True:
        run.error("invalid", path, "questionnaire-repeats", texts.answer_twice(link))
    elif answers:
        _occurs(question, len(answers), path, run, needed=asked.final)
    for index, answer in enumerate(answers):
        _answer(question, answer, (path, "answer", index), run, asked)
        _level(question, answer, (path, "answer", index), run, asked)


def _occurs(question: dict[str, Any], found: int, path: Path, run: Run, *, needed: bool) -> None:
    """Judge how often an item is there, or answered, by the extensions minOccurs and maxOccurs of its question."""
    stated = {
        extension.get("url"): extension.get("valueInteger")
        for extension in _list(question.get("extension"))
        if type(extension) is dict and type(extension.get("url")) is str
    }
    least, most = stated.get(f"{_OCCURS}minOccurs"), stated.get(f"{_OCCURS}maxOccurs")
    if (type(least) is int and found < least and needed) or (type(most) is int and found > most):
        text = texts.occurs(_link(question) or "", found, least, most)
        run.error("invalid", path, "questionnaire-occurs", text)


def _answer(question: dict[str, Any], answer: dict[str, Any], path: Path, run: Run, asked: Asked) -> None:
    """Judge the type and the value of one answer."""
    key = next((one for one in answer if one.startswith("value")), None)
    if key is None:
        return
    kind, suffix = str(question.get("type")), key[5:]
    allowed = _ANSWERS.get(kind, ())
    if allowed and suffix not in allowed:
        run.error("value", path, "questionnaire-type", texts.answer_type(suffix, kind, allowed))
        return
    value = answer[key]
    longest = question.get("maxLength")
    if type(longest) is int and type(value) is str and len(value) > longest:
        run.error("too-long", path, "questionnaire-length", texts.answer_long(len(value), longest))
    if kind == "choice" or (kind == "open-choice" and suffix != "String"):
        _option(question, key, value, path, run, asked)


def _option(  # noqa: PLR0913, PLR0917 - one answer against its question
    question: dict[str, Any], key: str, value: Any, path: Path, run: Run, asked: Asked
) -> None:
    options = [one for one in _list(question.get("answerOption")) if type(one) is dict]
    if options:
        if not any(key in one and _same(one[key], value) for one in options):
            run.error("code-invalid", path, "questionnaire-option", texts.answer_option(value))
        return
    value_set = question.get("answerValueSet")
    code = value.get("code") if type(value) is dict else None
    if type(value_set) is not str or type(code) is not str or not run.terminology:
        return
    answer = _member(asked, value_set, value.get("system"), code, run)
    if answer is None:
        return
    if answer.verdict is Verdict.OUT:
        run.error("code-invalid", path, "questionnaire-option", answer.reason)
    elif answer.verdict is Verdict.UNKNOWN:
        run.warn("not-supported", path, "questionnaire-option", code_texts.unverified(code, answer.reason))


def _member(asked: Asked, value_set: str, system: Any, code: str, run: Run) -> Membership | None:
    """Return whether a code is in a value set, which may be contained in the Questionnaire; None where it is not."""
    terminology, given = run.kit.terminology, system if type(system) is str else ""
    if not value_set.startswith("#"):
        return terminology.member(value_set, given, code)
    if value_set not in asked.value_sets:
        held = (one for one in _list(asked.questionnaire.get("contained")) if type(one) is dict)
        found = next((one for one in held if one.get("id") == value_set[1:]), {})
        is_known = found.get("resourceType") == "ValueSet"
        asked.value_sets[value_set] = terminology.compile(found) if is_known else None
    matcher = asked.value_sets[value_set]
    return matcher.decide(given, code) if matcher is not None else None


def _same(option: Any, value: Any) -> bool:
    if type(option) is dict and type(value) is dict:
        if "reference" in option:
            return bool(option.get("reference") == value.get("reference"))
        return option.get("code") == value.get("code") and option.get("system") == value.get("system")
    return bool(option == value)


# enableWhen


def _enabled(question: dict[str, Any], asked: Asked) -> bool:
    conditions = [one for one in _list(question.get("enableWhen")) if type(one) is dict]
    if not conditions:
        return True
    results = [_holds(one, asked.answers.get(str(one.get("question")), [])) for one in conditions]
    return any(results) if question.get("enableBehavior") == "any" else all(results)


def _holds(condition: dict[str, Any], answers: list[dict[str, Any]]) -> bool:
    operator = condition.get("operator")
    wanted = next((value for key, value in condition.items() if key.startswith("answer")), None)
    values = [value for answer in answers for key, value in answer.items() if key.startswith("value")]
    if operator == "exists":
        return bool(values) is (wanted is True)
    if operator == "!=":
        return bool(values) and not any(_same(wanted, value) for value in values)
    if operator == "=":
        return any(_same(wanted, value) for value in values)
    return any(_ordered(str(operator), value, wanted) for value in values)


def _ordered(operator: str, value: Any, wanted: Any) -> bool:
    if type(value) is dict and type(wanted) is dict:
        value, wanted = value.get("value"), wanted.get("value")
    comparable = all(isinstance(one, (int, Decimal)) for one in (value, wanted)) or (
        type(value) is str and type(wanted) is str
    )
    if not comparable:
        return False
    results = {">": value > wanted, "<": value < wanted, ">=": value >= wanted, "<=": value <= wanted}
    return bool(results.get(operator, False))

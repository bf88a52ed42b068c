"""Questionnaires and their responses.

https://hl7.org/fhir/R4/questionnaire.html and https://hl7.org/fhir/R4/questionnaireresponse.html: a response has the
items of its Questionnaire, in its order, with answers of the type asked for. What is required must be there once the
response is completed or amended, and where `enableWhen` asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from fhirserver.terminology import Verdict
from fhirserver.validation.run import Path, Run
from fhirserver.validation.texts import questionnaires as texts

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
        final: whether the response claims to be complete.
        answers: all answers given, by linkId.
    """

    final: bool
    answers: dict[str, list[dict[str, Any]]]


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
    _level(questionnaire, value, path, run, Asked(value.get("status") in _FINAL, answers))


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
    for index, answer in enumerate(answers):
        _answer(question, answer, (path, "answer", index), run)
        _level(question, answer, (path, "answer", index), run, asked)


def _answer(question: dict[str, Any], answer: dict[str, Any], path: Path, run: Run) -> None:
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
        _option(question, key, value, path, run)


def _option(question: dict[str, Any], key: str, value: Any, path: Path, run: Run) -> None:
    options = [one for one in _list(question.get("answerOption")) if type(one) is dict]
    if options:
        if not any(key in one and _same(one[key], value) for one in options):
            run.error("code-invalid", path, "questionnaire-option", texts.answer_option(value))
        return
    value_set = question.get("answerValueSet")
    if type(value_set) is str and not value_set.startswith("#") and type(value) is dict and run.terminology:
        code = value.get("code")
        if type(code) is str:
            answer = run.kit.terminology.member(value_set, value.get("system") or "", code)
            if answer.verdict is Verdict.OUT:
                run.error("code-invalid", path, "questionnaire-option", answer.reason)


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

"""What `fhirserver validate` prints: lines for people, JSON and JUnit for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from fhirserver import jsontext
from fhirserver.issues import Issue, Language
from fhirserver.validation.lines import Lines


@dataclass(frozen=True, slots=True)
class Judged:
    """One resource of one file, judged.

    Attributes:
        place: file, and for a file of many resources the line of this one.
        text: its JSON text.
        issues: what was found.
        offset: lines of the file before the text.
    """

    place: str
    text: str
    issues: Sequence[Issue]
    offset: int = 0

    @property
    def refused(self) -> bool:
        """Whether an issue refuses it."""
        return any(issue.refuses for issue in self.issues)


def spoken(judged: Judged, language: Language) -> Iterator[str]:
    """Yield one line for each issue: `file:line: severity: expression: text [rule]`."""
    if not judged.issues:
        return
    lines = Lines(judged.text)
    for issue in judged.issues:
        line = judged.offset + lines.of(issue.expression)
        where = f"{issue.expression}: " if issue.expression else ""
        rule = f" [{issue.rule}]" if issue.rule else ""
        yield f"{judged.place}:{line}: {issue.severity}: {where}{issue.text.say(language)}{rule}"


def as_json(all_judged: Sequence[Judged], language: Language) -> bytes:
    """Return all findings as JSON: one object a resource."""
    return jsontext.write([_object(judged, language) for judged in all_judged], pretty=True)


def _object(judged: Judged, language: Language) -> dict[str, Any]:
    lines = Lines(judged.text)
    return {
        "file": judged.place,
        "valid": not judged.refused,
        "issues": [
            {
                "severity": issue.severity,
                "code": issue.code,
                "line": judged.offset + lines.of(issue.expression),
                "expression": issue.expression,
                "rule": issue.rule,
                "text": issue.text.say(language),
            }
            for issue in judged.issues
        ],
    }


def as_junit(all_judged: Sequence[Judged], language: Language) -> bytes:
    """Return all findings as a JUnit report: one test case a resource, one failure for all that refuses it."""
    refused = sum(judged.refused for judged in all_judged)
    suite = etree.Element("testsuite", name="fhirserver validate", tests=str(len(all_judged)), failures=str(refused))
    for judged in all_judged:
        case = etree.SubElement(suite, "testcase", classname="fhirserver.validate", name=judged.place)
        text = "\n".join(_legal(line) for line in spoken(judged, language))
        if judged.refused:
            failure = etree.SubElement(case, "failure", message=f"{sum(one.refuses for one in judged.issues)} error(s)")
            failure.text = text
        elif text:
            etree.SubElement(case, "system-out").text = text
    return etree.tostring(suite, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _legal(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(one if one >= " " or one in "\t\n" else "�" for one in text)

"""Every function of FHIRPath 2.0 and of FHIR R4, each with cases of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.fhirpath import EvaluationError
from fhirserver.fhirpath.functions import FUNCTIONS

Ask = Callable[..., list[Any]]

EXISTENCE = [
    ("name.empty()", [False]),
    ("photo.empty()", [True]),
    ("name.exists()", [True]),
    ("name.exists(use = 'usual')", [True]),
    ("name.exists(use = 'old')", [False]),
    ("birthDate.exists()", [True]),
    ("address.postalCode.exists()", [True]),
    ("deceased.exists()", [True]),
    ("multipleBirth.exists()", [False]),
    ("name.all(given.exists())", [True]),
    ("name.all(family.exists())", [False]),
    ("photo.all(url.exists())", [True]),
    ("name.select(family.exists()).allTrue()", [False]),
    ("name.select(family.exists()).anyTrue()", [True]),
    ("name.select(photo.exists()).allFalse()", [True]),
    ("name.select(family.exists()).anyFalse()", [True]),
    ("{}.allTrue()", [True]),
    ("{}.anyTrue()", [False]),
    ("{}.allFalse()", [True]),
    ("{}.anyFalse()", [False]),
    ("('a' | 'b').subsetOf('a' | 'b' | 'c')", [True]),
    ("('a' | 'd').subsetOf('a' | 'b' | 'c')", [False]),
    ("('a' | 'b').supersetOf('a')", [True]),
    ("('a').supersetOf('a' | 'b')", [False]),
    ("name.given.count()", [3]),
    ("photo.count()", [0]),
    ("('a').combine('a').distinct()", ["a"]),
    ("(1).combine(1.0).combine(true).distinct().count()", [2]),
    ("('a').combine('a').isDistinct()", [False]),
    ("name.isDistinct()", [True]),
    ("active.not()", [False]),
    ("photo.exists().not()", [True]),
    ("{}.not()", []),
]
FILTERING = [
    ("name.where(use = 'official').family", ["Dupont"]),
    ("name.where(use = 'old').family", []),
    ("name.where($index = 1).given", ["Nan"]),
    ("name.given.where($this.startsWith('M'))", ["Marie"]),
    ("birthDate.where($this > @1970-01-01)", ["1979-03-12"]),
    ("name.select(given.first())", ["Anne", "Nan"]),
    ("name.select(given)", ["Anne", "Marie", "Nan"]),
    ("name.given.select($index)", [0, 1, 2]),
    ("deceased.ofType(boolean)", [False]),
    ("deceased.ofType(dateTime)", []),
    ("extension.value.ofType(Quantity).unit", ["mg"]),
    ("(1 | 'a' | 2.5).ofType(Integer)", [1]),
    ("(1 | 'a' | true).ofType(System.String)", ["a"]),
    ("contained.ofType(Practitioner).name.family", ["Roche"]),
    ("name.repeat(given)", ["Anne", "Marie", "Nan"]),
]
SUBSETTING = [
    ("name.given[1]", ["Marie"]),
    ("name.given[7]", []),
    ("name[0].given", ["Anne", "Marie"]),
    ("name.given.first()", ["Anne"]),
    ("name.given.last()", ["Nan"]),
    ("name.given.tail()", ["Marie", "Nan"]),
    ("name.given.skip(2)", ["Nan"]),
    ("name.given.skip(-1)", ["Anne", "Marie", "Nan"]),
    ("name.given.take(2)", ["Anne", "Marie"]),
    ("name.given.take(0)", []),
    ("name.family.single()", ["Dupont"]),
    ("photo.single()", []),
    ("name.given.intersect('Nan' | 'Zoé')", ["Nan"]),
    ("name.given.exclude('Nan')", ["Anne", "Marie"]),
    ("name.given.sort()", ["Anne", "Marie", "Nan"]),
    ("name.given.sort(-$this)", ["Nan", "Marie", "Anne"]),
    ("name.sort(-use).use", ["usual", "official"]),
]
COMBINING = [
    ("name.family.union('Dupont')", ["Dupont"]),
    ("name.family.combine('Dupont')", ["Dupont", "Dupont"]),
    ("name.family | name.given", ["Dupont", "Anne", "Marie", "Nan"]),
    ("(1 | 1.0 | 2).count()", [2]),
    ("iif(active, 'yes', 'no')", ["yes"]),
    ("iif(photo.exists(), 'yes', 'no')", ["no"]),
    ("iif(photo.exists(), 'yes')", []),
    ("iif({}, 'yes', 'no')", ["no"]),
    ("gender.iif($this = 'female', 'F', 'M')", ["F"]),
    ("(1 | 2 | 3).aggregate($total + $this, 0)", [6]),
    ("(3 | 1 | 2).aggregate(iif($total.empty() or $this < $total, $this, $total))", [1]),
    ("('a' | 'b').aggregate($total & $this, '')", ["ab"]),
    ("name.given.trace('given').count()", [3]),
]
STRINGS = [
    ("'abc'.indexOf('c')", [2]),
    ("'abc'.indexOf('z')", [-1]),
    ("'abcabc'.lastIndexOf('b')", [4]),
    ("'abc'.substring(1)", ["bc"]),
    ("'abc'.substring(1, 1)", ["b"]),
    ("'abc'.substring(1, {})", ["bc"]),
    ("'abc'.substring({})", []),
    ("'abc'.substring(3)", []),
    ("'abc'.startsWith('ab')", [True]),
    ("'abc'.endsWith('bc')", [True]),
    ("'abc'.contains('d')", [False]),
    ("'été'.upper()", ["ÉTÉ"]),
    ("'ÉTÉ'.lower()", ["été"]),
    ("'aXbX'.replace('X', '-')", ["a-b-"]),
    ("'a1b22'.replaceMatches('[0-9]+', '#')", ["a#b#"]),
    ("'Dupont Anne'.replaceMatches('(\\\\w+) (\\\\w+)', '$2 $1')", ["Anne Dupont"]),
    ("'a\\\\b'.replaceMatches('b', 'c\\\\')", ["a\\c\\"]),
    ("'2790351'.matches('^[12][0-9]+$')", [True]),
    ("'x2'.matches('[0-9]')", [True]),
    ("'x2'.matchesFull('[0-9]')", [False]),
    ("'abc'.length()", [3]),
    ("'abc'.toChars()", ["a", "b", "c"]),
    ("'a,b'.split(',')", ["a", "b"]),
    ("name.given.join('+')", ["Anne+Marie+Nan"]),
    ("photo.url.join(',')", []),
    ("' a '.trim()", ["a"]),
    ("'é'.encode('base64')", ["w6k="]),
    ("'w6k='.decode('base64')", ["é"]),
    ("'??>'.encode('urlbase64')", ["Pz8-"]),
    ("'4142'.decode('hex')", ["AB"]),
    ("'zz'.decode('hex')", []),
    ("'a'.encode('rot13')", []),
    ("'<a>'.escape('html')", ["&lt;a&gt;"]),
    ("'&lt;a&gt;'.unescape('html')", ["<a>"]),
    ("'a\"b'.escape('json')", ['a\\"b']),
    ("'a\\\\nb'.unescape('json')", ["a\nb"]),
    ("{}.startsWith('a')", []),
    ("'abc'.startsWith({})", []),
]
MATH = [
    ("(-5).abs()", [5]),
    ("(-5.5 'mg').abs()", ["5.5 'mg'"]),
    ("1.1.ceiling()", [2]),
    ("(-1.1).floor()", [-2]),
    ("(-1.9).truncate()", [-1]),
    ("2.5.round()", ["3"]),
    ("3.14159.round(2)", ["3.14"]),
    ("16.sqrt()", ["4"]),
    ("(-1).sqrt()", []),
    ("0.exp()", ["1"]),
    ("1.ln()", ["0"]),
    ("0.ln()", []),
    ("8.log(2) = 3", [True]),
    ("2.power(10)", [1024]),
    ("2.power(-1)", ["0.5"]),
    ("(-1).power(0.5)", []),
    ("10.power(1000000000)", []),
    ("2147483647 + 1", []),
]
CONVERSION = [
    ("'true'.toBoolean()", [True]),
    ("'N'.toBoolean()", [False]),
    ("2.toBoolean()", []),
    ("'x'.convertsToBoolean()", [False]),
    ("'-12'.toInteger()", [-12]),
    ("'99999999999'.toInteger()", []),
    ("true.toInteger()", [1]),
    ("'1.5'.convertsToInteger()", [False]),
    ("'1.50'.toDecimal()", ["1.50"]),
    ("1.toDecimal()", ["1"]),
    ("'x'.convertsToDecimal()", [False]),
    ("1.50.toString()", ["1.50"]),
    ("1.convertsToString()", [True]),
    ("active.toString()", ["true"]),
    ("birthDate.toString()", ["1979-03-12"]),
    ("1 'mg'.toString()", ["1 'mg'"]),
    ("2 days.toString()", ["2 days"]),
    ("'4 days'.toQuantity()", ["4 days"]),
    ("'1.5 \\'mg\\''.toQuantity()", ["1.5 'mg'"]),
    ("'1.5 mg'.toQuantity()", []),
    ("2.toQuantity()", ["2 '1'"]),
    ("'1'.convertsToQuantity()", [True]),
    ("(4 'g').toQuantity('mg')", ["4000 'mg'"]),
    ("(4 'g').toQuantity('mL')", []),
    ("'2020-02-30'.toDate()", []),
    ("'2020-02'.toDate()", ["2020-02"]),
    ("'2020-13'.convertsToDate()", [False]),
    ("@2020-02-29T10:00:00Z.toDate()", ["2020-02-29"]),
    ("birthDate.toDateTime()", ["1979-03-12"]),
    ("'2020-02-29T10:00:00Z'.convertsToDateTime()", [True]),
    ("'10:30'.toTime()", ["10:30"]),
    ("'25:00'.convertsToTime()", [False]),
]
FHIR = [
    ("birthDate.extension('http://example.org/time').value", ["1979-03-12T10:00:00Z"]),
    ("extension('http://example.org/one').value.unit", ["mg"]),
    ("extension('http://example.org/none')", []),
    ("hasExtension('http://example.org/one')", [True]),
    ("birthDate.hasValue()", [True]),
    ("address.postalCode.hasValue()", [False]),
    ("name.hasValue()", [False]),
    ("gender.getValue()", ["female"]),
    ("address.postalCode.getValue()", []),
    ("name.first().getValue()", []),
    ("managingOrganization.resolve().name", ["Hôpital"]),
    ("generalPractitioner.resolve().name.family", ["Roche"]),
    ("managingOrganization.resolve() is Organization", [True]),
    ("conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", [True]),
    ("conformsTo('http://hl7.org/fhir/StructureDefinition/Observation')", [False]),
    ("gender.type().name", ["code"]),
    ("gender.type().namespace", ["FHIR"]),
    ("1.type().name", ["Integer"]),
    ("contact.type()", []),
    ("name.first().children().count()", [5]),
    ("birthDate.children().count()", [2]),
    ("name.descendants().count()", [8]),
    ("name.first().checkModifiers('http://example.org/known').family", ["Dupont"]),
    ("today() = now().toDate()", [True]),
    ("timeOfDay() >= @T00:00", [True]),
    ("now() ~ now()", [True]),
]
BOUNDARIES = [
    ("1.5.lowBoundary()", ["1.45000000"]),
    ("1.5.highBoundary(2)", ["1.55"]),
    ("1.5.highBoundary(40)", []),
    ("birthDate.lowBoundary(6)", ["1979-03"]),
    ("@2024-02.highBoundary()", ["2024-02-29"]),
    ("@2024-02T.highBoundary(8)", ["2024-02-29"]),
    ("@T10.lowBoundary()", ["10:00:00.000"]),
    ("(1.5 'mg').lowBoundary(2)", ["1.45 'mg'"]),
    ("1.500.precision()", [3]),
    ("@2024-02.precision()", [6]),
    ("@T10:30.precision()", [4]),
    ("(1 'mg').comparable(1 'kg')", [True]),
    ("(1 'mg').comparable(1 'mL')", [False]),
]
CASES = [
    *EXISTENCE, *FILTERING, *SUBSETTING, *COMBINING, *STRINGS, *MATH, *CONVERSION, *FHIR, *BOUNDARIES,
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_a_function_gives_what_its_definition_says(ask: Ask, expression: str, expected: list[Any]) -> None:
    assert ask(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "name.single()",
        "(true | 'a').allTrue()",
        "name.given.startsWith('A')",
        "1.startsWith('1')",
        "'a'.substring('b')",
        "'a'.length() & 'b'",
        "name.given.take('1')",
        "name.given['0']",
        "'a'.matches('(')",
        "'a'.abs()",
        "(1 'mg').sqrt()",
        "true.lowBoundary()",
        "name.lowBoundary()",
        "(1 | 2).iif(true, 1, 2)",
        "(1 | 2).not()",
        "1.round(-1)",
        "conformsTo('http://example.org/unknown')",
        "gender.memberOf('http://example.org/vs')",
        "%unknown",
        "'a'.comparable(1 'mg')",
    ],
)
def test_a_function_fails_on_what_it_cannot_take(ask: Ask, expression: str) -> None:
    with pytest.raises(EvaluationError):
        ask(expression)


def test_every_function_has_a_case() -> None:
    used = " ".join(expression for expression, _ in CASES)
    elsewhere = {"is", "as", "memberOf", "subsumes", "subsumedBy", "htmlChecks", "elementDefinition", "slice"}
    assert [name for name in FUNCTIONS if f"{name}(" not in used and name not in elsewhere] == []


def test_a_modifier_extension_that_is_not_named_fails(ask: Ask) -> None:
    resource = {"resourceType": "Patient", "modifierExtension": [{"url": "http://example.org/x", "valueBoolean": True}]}
    assert ask("checkModifiers('http://example.org/x').exists()", resource) == [True]
    with pytest.raises(EvaluationError, match=r"example\.org/x"):
        ask("checkModifiers('http://example.org/other')", resource)

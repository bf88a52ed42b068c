"""Narratives: what may be shown to people."""

from __future__ import annotations

import pytest

from fhirserver.validation import Validator

from .conftest import errors

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def patient(div: str) -> dict[str, object]:
    return {"resourceType": "Patient", "text": {"status": "generated", "div": div}}


@pytest.mark.parametrize(
    "inner",
    [
        "<p>Bonjour</p>",
        '<a href="https://a.example">a</a>',
        '<a href="#x">a</a><p id="x">b</p>',
        '<table border="1"><tr><td colspan="2">1</td></tr></table>',
        '<img src="data:image/png;base64,AAAA" alt="x"/>',
        '<img src="https://a.example/i.png"/>',
        "a &amp; b &#233;",
        "<!-- a comment --><b>x</b>",
    ],
)
def test_harmless_xhtml_is_accepted(plain: Validator, inner: str) -> None:
    assert errors(plain.validate(patient(f"<div {XHTML}>{inner}</div>"))) == []


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>x",
        '<p onclick="x()">x</p>',
        '<a href="javascript:x()">x</a>',
        '<a href=" JavaScript:x()">x</a>',
        '<img src="data:text/html,x"/>',
        "<form><input/></form>x",
        '<iframe src="https://a"></iframe>x',
        '<object data="x"></object>x',
        '<svg xmlns="http://www.w3.org/2000/svg"><script>x</script></svg>x',
        "<style>p{}</style>x",
        '<link href="x"/>x',
        "<?xml-stylesheet href='x'?>x",
        '<a href="#nowhere">x</a>',
        "   ",
        "",
    ],
)
def test_dangerous_or_empty_xhtml_is_refused(plain: Validator, inner: str) -> None:
    found = plain.validate(patient(f"<div {XHTML}>{inner}</div>"))
    assert {where for where, _ in errors(found)} == {"Patient.text.div"}


@pytest.mark.parametrize(
    "div",
    [
        "<div>no namespace</div>",
        f"<p {XHTML}>x</p>",
        f"<div {XHTML}>not closed",
        f"<div {XHTML}>&nbsp;</div>",
        f'<!DOCTYPE div [<!ENTITY a "b">]><div {XHTML}>&a;</div>',
        "texte",
    ],
)
def test_what_is_no_xhtml_div_is_refused(plain: Validator, div: str) -> None:
    assert {where for where, _ in errors(plain.validate(patient(div)))} == {"Patient.text.div"}


def test_thousands_of_links_are_judged_in_one_look_at_their_targets(plain: Validator) -> None:
    links = "".join(f'<a href="#n{number}">a</a>' for number in range(10_000))
    names = "".join(f'<p id="n{number}">b</p>' for number in range(1, 10_000))
    found = plain.validate(patient(f"<div {XHTML}>{links}{names}</div>"))
    assert [one.text.en.split()[0] for one in found if one.refuses] == ['"#n0"']


def test_a_contained_resource_is_not_asked_for_a_narrative(plain: Validator) -> None:
    organization = {"resourceType": "Organization", "id": "o", "name": "x"}
    holder = {"resourceType": "Patient", "contained": [organization], "managingOrganization": {"reference": "#o"}}
    advised = [one.expression for one in plain.validate(holder) if str(one.rule).endswith("#dom-6")]
    assert advised == ["Patient"]

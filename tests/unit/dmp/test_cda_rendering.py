"""A CDA as HTML: its words, and nothing that a browser would run or fetch."""

from __future__ import annotations

import re

import pytest

from fhirserver.dmp.cda import rendering
from tests.unit.dmp.cda import SECTIONS, cda, enclosed


def test_a_level_3_document_shows_its_header_and_sections() -> None:
    page = rendering.article(cda(), "en")
    assert "<h1>Compte rendu de consultation de cardiologie</h1>" in page
    assert "<dt>INS number</dt><dd>284058832102532</dd>" in page
    assert "<p>Palpitations à l&#x27;effort.<br>Depuis <strong>deux</strong> mois.</p>" in page
    assert "<ol><li>Repos</li><li>Effort</li></ol>" in page
    assert '<td colspan="2">TA 122/78</td>' in page
    assert "<h3>Antécédents</h3>Aucun" in page


def test_links_lead_to_the_web_only() -> None:
    page = rendering.article(cda())
    assert 'href="https://example.org/"' in page
    assert "javascript:" not in page


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        '<paragraph onclick="alert(1)">x</paragraph>',
        '<linkHtml href=" jAvAsCrIpT:alert(1)">x</linkHtml>',
        '<linkHtml href="data:text/html,x">x</linkHtml>',
        '<table><tbody><tr><td colspan="1 onmouseover=alert(1)">x</td></tr></tbody></table>',
        '<content styleCode="Bold &lt;script&gt;">x</content>',
        "<paragraph>&lt;script&gt;alert(1)&lt;/script&gt;</paragraph>",
        '<renderMultiMedia referencedObject="x"/>',
        '<iframe src="https://example.org"/><img src="https://example.org"/><style>body{}</style>',
    ],
)
def test_nothing_of_the_document_runs_or_is_fetched(evil: str) -> None:
    body = re.sub(r"<text>.*?</text>", lambda _: f"<text>{evil}</text>", SECTIONS, flags=re.DOTALL)
    page = rendering.article(cda(body))
    assert not re.search(r"<(script|iframe|img|style|object|embed|link|form|input)\b", page)
    assert not re.search(r"<[^>]*\son\w+=", page)
    assert not re.search(r"href=\"(?!https?://|mailto:|#)", page)


def test_a_title_is_text() -> None:
    page = rendering.article(cda(title="&lt;b&gt;x&lt;/b&gt;"))
    assert "<h1>&lt;b&gt;x&lt;/b&gt;</h1>" in page


def test_a_level_1_document_tells_what_it_carries_and_gives_it() -> None:
    document = cda(enclosed(b"%PDF-1.4 content"))
    assert "application/pdf" in rendering.article(document)
    assert rendering.enclosed(document) == rendering.Enclosed("application/pdf", b"%PDF-1.4 content")
    assert rendering.enclosed(cda()) is None
    assert rendering.enclosed(cda(enclosed(b"x").replace("eA==", "***"))) is None


def test_sections_nest_without_end_only_up_to_a_bound() -> None:
    many = "<component><section><title>s</title></section></component>" * 3_000
    page = rendering.article(cda(f"<component><structuredBody>{many}</structuredBody></component>"))
    assert page.count("<section>") == rendering.MAX_SECTIONS

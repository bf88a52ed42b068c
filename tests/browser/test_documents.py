"""Documents read in a browser: CDA and XDM as pages without scripts, in the server's own rendering."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.test_pages import BROWSER, complaints, follow, sign_in, text
from tests.http.conftest import Client, Server
from tests.unit.dmp.cda import SECTIONS, cda, enclosed

EVIL = SECTIONS.replace("Aucun", "Aucun <script>document.title='owned'</script>")
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"


def store(operator: Client, content: bytes, media: str) -> str:
    """Keep a content and a document that leads to it; return the document's id."""
    binary = operator.post("Binary", content, Content_Type=media)
    assert binary.status_code == 201, binary.text
    url = "/".join(binary.headers["Location"].split("/")[-4:-2])
    attachment = {"contentType": media, "url": url, "title": "Compte rendu"}
    document = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}
    created = operator.post("DocumentReference", document)
    assert created.status_code == 201, created.text
    return str(created.json()["id"])


def xdm(*members: tuple[str, str, bytes]) -> bytes:
    """Build an XDM archive of (name, media type, content)."""
    entries = "".join(
        f'<ExtrinsicObject mimeType="{media}">'
        + "".join(
            f'<Slot name="{slot}"><ValueList><Value>{value}</Value></ValueList></Slot>'
            for slot, value in (
                ("hash", hashlib.sha1(content, usedforsecurity=False).hexdigest()),
                ("size", len(content)),
                ("URI", name),
            )
        )
        + "</ExtrinsicObject>"
        for name, media, content in members
    )
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("IHE_XDM/SUBSET01/METADATA.XML", f'<x xmlns="{RIM}">{entries}</x>')
        for name, _, content in members:
            archive.writestr(f"IHE_XDM/SUBSET01/{name}", content)
    return output.getvalue()


def read(browser: webdriver.Chrome, server: Server, document: str) -> None:
    """Open a DocumentReference, sign in, and follow its link to the document."""
    browser.get(f"{server.base}/DocumentReference/{document}")
    if "Se connecter pour lire" in text(browser):
        sign_in(browser, server.token("operator"))
    follow(browser, By.LINK_TEXT, "Lire le document")


def test_a_level_3_cda_is_read_from_its_document_and_runs_nothing(
    browser: webdriver.Chrome, server: Server, operator: Client
) -> None:
    read(browser, server, store(operator, cda(EVIL), "text/xml"))
    assert browser.find_element(By.CSS_SELECTOR, "article h1").text == "Compte rendu de consultation de cardiologie"
    assert "Palpitations à l'effort." in text(browser)
    assert "02/03/2026 09:15" in text(browser)
    assert browser.find_elements(By.TAG_NAME, "script") == []
    assert browser.title.startswith("Compte rendu de consultation")
    assert complaints(browser) == []


def test_a_level_1_cda_gives_the_file_that_it_carries(
    browser: webdriver.Chrome, server: Server, operator: Client
) -> None:
    read(browser, server, store(operator, cda(enclosed(b"plain words", "text/plain")), "text/xml"))
    address = browser.find_element(By.CSS_SELECTOR, "article").text
    assert "text/plain" in address
    opened = requests.get(
        f"{browser.current_url}/content",
        headers={"Accept": BROWSER, "Authorization": f"Bearer {server.token('operator')}"},
        timeout=30,
    )
    assert (opened.status_code, opened.content) == (200, b"plain words")


@pytest.mark.parametrize(
    ("media", "served"),
    [
        ("text/plain&#10;X-Evil: 1", "application/octet-stream"),
        ("text/html", "text/html"),
        ("é", "application/octet-stream"),
    ],
)
def test_a_carried_file_is_sent_as_nothing_that_a_browser_runs(
    server: Server, operator: Client, media: str, served: str
) -> None:
    document = operator.get(
        f"DocumentReference/{store(operator, cda(enclosed(b'<b>x</b>', media)), 'text/xml')}"
    ).json()
    binary = document["content"][0]["attachment"]["url"].partition("/")[2]
    head = {"Accept": BROWSER, "Authorization": f"Bearer {server.token('operator')}"}
    answer = requests.get(f"{server.root}/document/{binary}/content", headers=head, timeout=60)
    assert (answer.status_code, answer.content) == (200, b"<b>x</b>")
    assert answer.headers["Content-Type"].partition(";")[0] == served
    assert "X-Evil" not in answer.headers
    assert served != "text/html" or answer.headers["Content-Security-Policy"] == "sandbox"


def test_an_archive_lists_its_documents_each_of_which_is_read(
    browser: webdriver.Chrome, server: Server, operator: Client
) -> None:
    content = xdm(("DOC001.XML", "text/xml", cda()), ("DOC002.TXT", "text/plain", b"<b>words</b>"))
    read(browser, server, store(operator, content, "application/zip"))
    assert "Archive IHE XDM" in text(browser)
    assert "Louise BERNARD" in text(browser)
    address = browser.current_url
    follow(browser, By.LINK_TEXT, "Compte rendu de consultation de cardiologie")
    assert "Antécédents" in text(browser)
    browser.get(f"{address}/2")
    assert text(browser) == "<b>words</b>"
    browser.get(f"{address}/3")
    assert "Aucun document à lire ici" in text(browser)


def test_who_may_not_read_the_content_reads_no_page_of_it(server: Server, operator: Client) -> None:
    document = operator.get(f"DocumentReference/{store(operator, cda(), 'text/xml')}").json()
    binary = document["content"][0]["attachment"]["url"].partition("/")[2]
    other = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "184058832102545"}
    for token, status in ((None, 401), (server.token("patient", ins=other), 404)):
        head: dict[str, Any] = {"Accept": BROWSER} | ({"Authorization": f"Bearer {token}"} if token else {})
        for path in ("", "/content", "/original", "/1"):
            answer = requests.get(f"{server.root}/document/{binary}{path}", headers=head, timeout=30)
            assert answer.status_code == status, path
            assert "BERNARD" not in answer.text
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_browser_that_opens_the_binary_is_led_to_the_page(server: Server, operator: Client) -> None:
    document = operator.get(f"DocumentReference/{store(operator, cda(), 'text/xml')}").json()
    url = document["content"][0]["attachment"]["url"]
    head = {"Accept": BROWSER, "Authorization": f"Bearer {server.token('operator')}"}
    led = requests.get(f"{server.base}/{url}", headers=head, timeout=30, allow_redirects=False)
    assert (led.status_code, led.headers["Location"]) == (303, f"/document/{url.partition('/')[2]}")
    assert operator.get(url, Accept="text/xml").content == cda()

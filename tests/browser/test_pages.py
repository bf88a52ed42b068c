"""What people see in a browser: pages, sign-in, links; and what their browser must not be able to do."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from tests.http.conftest import Client, Server

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def follow(browser: webdriver.Chrome, by: str, what: str) -> None:
    """Click, and wait until the page that was there has gone."""
    element = browser.find_element(by, what)
    element.click()
    wait_until_gone(browser, element)


def wait_until_gone(browser: webdriver.Chrome, element: WebElement) -> None:
    """Wait until an element's page has given way to another; while it does so, the driver may find no words for it."""
    WebDriverWait(browser, 30, ignored_exceptions=(WebDriverException,)).until(staleness_of(element))


def sign_in(browser: webdriver.Chrome, token: str) -> None:
    browser.find_element(By.ID, "token").send_keys(token)
    follow(browser, By.CSS_SELECTOR, ".sign-in button")


def text(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def complaints(browser: webdriver.Chrome) -> list[str]:
    """What the browser refused or missed, but for the statuses that a test asked for."""
    return [line["message"] for line in browser.get_log("browser") if "status of 4" not in line["message"]]


@pytest.fixture
def patient(operator: Client) -> dict[str, Any]:
    body = {
        "resourceType": "Patient",
        "name": [{"family": "<b>Durand</b>", "given": ["Ève"]}],
        "multipleBirthInteger": 2,
    }
    created: dict[str, Any] = operator.post("Patient", body).json()
    return created


def test_the_start_page_speaks_french_or_english(browser: webdriver.Chrome, server: Server) -> None:
    browser.get(server.root)
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "fr"
    assert "Obtenir un jeton" in text(browser)
    assert server.base in text(browser)
    follow(browser, By.LINK_TEXT, "English")
    assert "How to get a token" in text(browser)
    assert browser.current_url == f"{server.root}/"
    assert complaints(browser) == []


def test_a_resource_is_read_after_a_sign_in_that_leads_back_to_it(
    browser: webdriver.Chrome, server: Server, patient: dict[str, Any]
) -> None:
    address = f"{server.base}/Patient/{patient['id']}"
    browser.get(address)
    assert "Se connecter pour lire cette page" in text(browser)
    sign_in(browser, server.token("operator"))
    assert browser.current_url == address
    assert "<b>Durand</b>" in text(browser)
    assert "Exploitant de démonstration" in text(browser)
    cookie = browser.get_cookie("fhirserver-token")
    assert cookie is not None
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert browser.execute_script("return document.cookie") == ""
    follow(browser, By.LINK_TEXT, "Historique")
    assert browser.current_url == f"{address}/_history"
    follow(browser, By.XPATH, "//button[text()='Se déconnecter']")
    browser.get(address)
    assert "Se connecter pour lire cette page" in text(browser)
    assert complaints(browser) == []


def test_references_and_pages_of_results_are_links(
    browser: webdriver.Chrome, server: Server, operator: Client, patient: dict[str, Any]
) -> None:
    for text_ in ("a", "b", "c"):
        operator.post(
            "Basic",
            {
                "resourceType": "Basic",
                "code": {"text": text_},
                "subject": {"reference": f"Patient/{patient['id']}"},
            },
        )
    browser.get(f"{server.base}/Basic?subject=Patient/{patient['id']}&_count=2")
    sign_in(browser, server.token("operator"))
    rows = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert len(rows) == 2
    follow(browser, By.LINK_TEXT, "Page suivante")
    assert len(browser.find_elements(By.CSS_SELECTOR, "tbody tr")) == 1
    follow(browser, By.CSS_SELECTOR, "tbody a")
    assert "/fhir/Basic/" in browser.current_url
    follow(browser, By.PARTIAL_LINK_TEXT, f"Patient/{patient['id']}")
    assert browser.current_url == f"{server.base}/Patient/{patient['id']}"


def test_a_refusal_is_readable(browser: webdriver.Chrome, server: Server) -> None:
    browser.get(f"{server.base}/Patient?nonsense=1")
    sign_in(browser, server.token("operator"))
    finding = browser.find_element(By.CSS_SELECTOR, ".findings .error")
    assert "nonsense" in finding.text
    assert "HTTP 400" in text(browser)
    assert browser.title == "Demande refusée — fhirserver"


def test_a_token_that_is_not_believed_is_told(browser: webdriver.Chrome, server: Server) -> None:
    browser.get(f"{server.base}/Patient")
    sign_in(browser, "eyJhbGciOi.not.one")
    assert browser.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert browser.get_cookie("fhirserver-token") is None


def test_no_page_asks_another_host(browser: webdriver.Chrome, server: Server) -> None:
    for path in ("/", "/docs", "/fhir/metadata"):
        browser.get(server.root + path)
    asked = [
        message["params"]["request"]["url"]
        for message in (json.loads(line["message"])["message"] for line in browser.get_log("performance"))
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert any("/openapi.json" in url for url in asked)
    assert [url for url in asked if not url.startswith((server.root, "data:", "chrome:"))] == []


def test_the_page_of_the_api_lists_its_operations_and_performs_one(browser: webdriver.Chrome, server: Server) -> None:
    browser.get(f"{server.root}/docs")
    waiting = WebDriverWait(browser, 60)
    waiting.until(lambda b: b.find_element(By.CSS_SELECTOR, "#operations-tag-Server button")).click()
    block = waiting.until(lambda b: b.find_element(By.CSS_SELECTOR, "[id$='-ready']"))
    block.find_element(By.CSS_SELECTOR, "button").click()
    waiting.until(lambda b: block.find_element(By.CSS_SELECTOR, ".try-out__btn")).click()
    waiting.until(lambda b: block.find_element(By.CSS_SELECTOR, ".execute")).click()
    answer = waiting.until(lambda b: block.find_element(By.CSS_SELECTOR, ".live-responses-table .response"))
    assert "200" in answer.text
    assert '"status": "ok"' in answer.text
    assert [line for line in complaints(browser) if "Content Security Policy" in line] == []


def test_the_page_of_the_api_draws_nothing_that_nobody_opens_and_shows_one_type(
    browser: webdriver.Chrome, server: Server
) -> None:
    browser.get(f"{server.root}/docs")
    waiting = WebDriverWait(browser, 60)
    waiting.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".opblock-tag"))
    assert browser.find_elements(By.CSS_SELECTOR, ".opblock") == []
    choice = browser.find_element(By.ID, "type")
    choice.find_element(By.XPATH, ".//option[text()='MedicationRequest']").click()
    wait_until_gone(browser, choice)
    waiting.until(lambda b: b.find_element(By.CSS_SELECTOR, "#operations-tag-Types button")).click()
    shown = waiting.until(lambda b: b.find_element(By.CSS_SELECTOR, "[id$='-search-type']"))
    assert "/fhir/MedicationRequest" in shown.text
    assert "{type}" not in text(browser)


def test_every_page_names_its_language_title_and_parts(
    browser: webdriver.Chrome, server: Server, patient: dict[str, Any]
) -> None:
    browser.get(server.root)
    sign_in(browser, server.token("operator"))
    for path in ("/", f"/fhir/Patient/{patient['id']}", "/fhir/Patient?_count=1", "/docs", "/fhir/Patient/none"):
        browser.get(server.root + path)
        assert browser.title
        assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") in ("fr", "en")
        assert len(browser.find_elements(By.CSS_SELECTOR, "h1:not(#api h1)")) == 1  # #api is Swagger's own
        assert len(browser.find_elements(By.CSS_SELECTOR, "body > main")) == 1
        for field in browser.find_elements(By.CSS_SELECTOR, "main textarea:not([id^=sw])"):
            assert browser.find_elements(By.CSS_SELECTOR, f"label[for='{field.get_attribute('id')}']")


def signed_in(server: Server, persona: str = "operator") -> requests.Session:
    session = requests.Session()
    given = session.post(
        f"{server.root}/sign-in",
        data={"token": server.token(persona), "next": "/"},
        headers={"Origin": server.root},
        allow_redirects=False,
        timeout=10,
    )
    assert given.status_code == 303
    return session


def test_anything_and_fhir_types_get_json_and_only_html_by_name_gets_a_page(
    server: Server, operator: Client, patient: dict[str, Any]
) -> None:
    path = f"Patient/{patient['id']}"
    for accept in (
        "*/*",
        "application/json",
        "text/html;q=0.5,application/fhir+json",
        "application/fhir+json,text/html",
    ):
        wanted = accept if accept == "application/json" else "application/fhir+json"
        assert operator.get(path, Accept=accept).headers["Content-Type"].startswith(wanted), accept
    for accept in (BROWSER, "text/html", "application/fhir+json;q=0.5,text/html"):
        assert operator.get(path, Accept=accept).headers["Content-Type"].startswith("text/html"), accept
    assert operator.get(f"{path}?_format=html").headers["Content-Type"].startswith("text/html")
    assert operator.post("Patient", patient, Accept="text/html").status_code == 406


def test_a_page_escapes_what_people_wrote(operator: Client, patient: dict[str, Any]) -> None:
    page = operator.get(f"Patient/{patient['id']}", Accept=BROWSER).text
    assert "<b>Durand" not in page
    assert "&lt;b&gt;Durand" in page


def test_a_page_of_a_patient_is_kept_by_no_cache_and_runs_nothing(operator: Client, patient: dict[str, Any]) -> None:
    page = operator.get(f"Patient/{patient['id']}", Accept=BROWSER, If_None_Match='W/"1"')
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "Cookie" in page.headers["Vary"]
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text


def test_the_cookie_reads_and_never_writes(server: Server, patient: dict[str, Any]) -> None:
    session = signed_in(server)
    address = f"{server.base}/Patient/{patient['id']}"
    assert session.get(address, timeout=10).status_code == 200
    fhir = {"Content-Type": "application/fhir+json", "Origin": server.root}
    body = json.dumps(patient)
    for method, url in (
        ("POST", f"{server.base}/Patient"),
        ("PUT", address),
        ("PATCH", address),
        ("DELETE", address),
        ("POST", f"{server.base}/Patient/_search"),
        ("POST", server.base),
    ):
        assert session.request(method, url, data=body, headers=fhir, timeout=10).status_code == 401, method


@pytest.mark.parametrize(
    "told",
    [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=["nothing", "another", "null", "cross-site"],
)
def test_no_other_site_signs_in_or_out(server: Server, told: dict[str, str]) -> None:
    for path in ("/sign-in", "/sign-out"):
        answer = requests.post(
            server.root + path,
            data={"token": server.token("operator")},
            headers=told,
            allow_redirects=False,
            timeout=10,
        )
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", ""]
)
def test_a_sign_in_leads_nowhere_else(server: Server, target: str) -> None:
    answer = requests.post(
        f"{server.root}/sign-in",
        data={"token": server.token("operator"), "next": target},
        headers={"Origin": server.root},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.headers["Location"] == "/"
    changed = requests.get(f"{server.root}/language/en", params={"next": target}, allow_redirects=False, timeout=10)
    assert changed.headers["Location"] == "/"


def test_a_token_too_long_for_a_cookie_is_refused_in_words(server: Server) -> None:
    answer = requests.post(
        f"{server.root}/sign-in",
        data={"token": server.token("operator", filler="x" * 4000)},
        headers={"Origin": server.root, "Accept-Language": "en"},
        timeout=10,
    )
    assert answer.status_code == 413
    assert "exceeds 4000 characters" in answer.text


def test_an_explicit_token_goes_before_the_cookie(server: Server, patient: dict[str, Any]) -> None:
    session = signed_in(server)
    refused = session.get(
        f"{server.base}/Patient/{patient['id']}", headers={"Authorization": "Bearer wrong"}, timeout=10
    )
    assert refused.status_code == 401


def test_a_document_is_shown_as_it_is(server: Server, operator: Client) -> None:
    created = operator.send("POST", "Binary", b"%PDF-1.4 test", Content_Type="application/pdf")
    path = created.headers["Location"].split("/fhir/")[1].split("/_history")[0]
    shown = operator.get(path, Accept=BROWSER)
    assert shown.headers["Content-Type"] == "application/pdf"
    assert shown.content == b"%PDF-1.4 test"


def test_what_is_nowhere_is_told_as_a_page(server: Server) -> None:
    missing = requests.get(f"{server.root}/nowhere", headers={"Accept": BROWSER}, timeout=10)
    assert missing.status_code == 404
    assert missing.headers["Content-Type"].startswith("text/html")
    assert "/fhir" in missing.text

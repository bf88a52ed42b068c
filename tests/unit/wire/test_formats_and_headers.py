"""Negotiation, conditions and preferences, read from headers."""

from datetime import UTC, datetime

import pytest

from fhirserver.errors import BadRequest, NotAcceptable, Throttled, UnsupportedMediaType
from fhirserver.interactions.shown.etags import tags
from fhirserver.interactions.shown.outcomes import outcome
from fhirserver.issues import Issue, Text
from fhirserver.wire import headers
from fhirserver.wire.formats import JSON, Format, Formats
from fhirserver.wire.throttle import Throttle

XML = Format("xml", "application/fhir+xml", frozenset({"application/fhir+xml", "text/xml"}), JSON.read, JSON.write)
FORMATS = Formats((JSON, XML))


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/fhir+xml", "xml"),
        ("application/fhir+json;q=0.1, text/xml;q=0.2", "xml"),
        ("text/*", "json"),
        ("application/*;q=0.9, application/fhir+json;q=0", "xml"),
        ("garbage, application/fhir+xml;q=x, */*;q=0.1", "json"),
        ("APPLICATION/FHIR+XML", "xml"),
    ],
)
def test_accept_chooses_the_format_that_is_wanted_most(accept: str | None, name: str) -> None:
    if accept == "text/*":
        with pytest.raises(NotAcceptable):
            FORMATS.accepted(accept, None)
        return
    assert FORMATS.accepted(accept, None).name == name


def test_what_nobody_offers_is_refused() -> None:
    for accept, chosen in (("image/png", None), ("garbage", None), (None, "turtle"), (None, "")):
        with pytest.raises(NotAcceptable):
            FORMATS.accepted(accept, chosen)
    for media in ("image/png", "json", "application/fhir+json; charset=latin1"):
        with pytest.raises(UnsupportedMediaType):
            FORMATS.sent(media)


@pytest.mark.parametrize(
    ("value", "versions"),
    [
        ('W/"3"', ("3",)),
        ('"3"', ("3",)),
        ("3", ("3",)),
        ('W/"1", "2" ,3', ("1", "2", "3")),
        (" * ", ("*",)),
        ('W/""', ("",)),
    ],
)
def test_entity_tags_are_read_weak_strong_and_bare(value: str, versions: tuple[str, ...]) -> None:
    assert tags(value, "If-Match") == versions


@pytest.mark.parametrize("value", ["", '"', "W/3 4", "a b", '"1" "2"'])
def test_what_is_no_entity_tag_is_refused(value: str) -> None:
    with pytest.raises(BadRequest):
        tags(value, "If-Match")


def test_preferences_are_read_and_unknown_ones_ignored() -> None:
    read = headers.preference('return=minimal; foo=bar, handling="lenient", respond-async')
    assert read == ("minimal", True, True)
    assert headers.preference("return=everything").returning is None


def test_of_several_preferences_of_one_name_the_first_holds() -> None:
    read = headers.preference("return=minimal, return=representation, handling=strict, handling=lenient")
    assert read == ("minimal", False, False)


@pytest.mark.parametrize(
    ("value", "language"),
    [
        (None, "fr"),
        ("en", "en"),
        ("en-US,fr;q=0.9", "en"),
        ("de, fr;q=0.2, en;q=0.1", "fr"),
        ("de", "fr"),
        ("en;q=0", "fr"),
    ],
)
def test_the_language_is_chosen_among_the_two(value: str | None, language: str) -> None:
    assert headers.language(value, "fr") == language


def test_http_dates_go_both_ways_and_nonsense_is_ignored() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    assert headers.moment(headers.http_date(moment)) == moment
    assert headers.moment("yesterday") is None


def test_an_outcome_says_it_in_both_languages_and_holds_no_control_characters() -> None:
    told = outcome([Issue("error", "value", Text("mal\0", "bad\0"), "Patient.x", "rule")], "en")
    issue = told["issue"][0]
    assert issue["details"]["text"] == "bad�"
    assert issue["diagnostics"] == "mal�"
    assert issue["expression"] == ["Patient.x"]
    assert issue["details"]["coding"][0]["code"] == "rule"


def test_a_client_that_asks_too_often_waits_and_others_do_not() -> None:
    now = [0.0]
    throttle = Throttle(2, lambda: now[0])
    throttle.take("a")
    throttle.take("a")
    with pytest.raises(Throttled):
        throttle.take("a")
    throttle.take("b")
    now[0] = 0.6
    throttle.take("a")

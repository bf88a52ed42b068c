"""Queries that cannot be understood are refused with 400, naming the parameter; none of them reaches MongoDB."""

from __future__ import annotations

import pytest

from fhirserver.errors import BadRequest
from fhirserver.search import Cursors, Registry, parse
from fhirserver.search.asked.parse import Rules

LONG = ",".join(["x"] * 10_000)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("Patient", "nom", "x"),
        ("Patient", "Name", "x"),
        ("Patient", "name:unknown", "x"),
        ("Patient", "name:", ""),
        ("Patient", "name:", "x"),
        ("Patient", "_count:", "1"),
        ("Observation", "subject:.name", "x"),
        ("Patient", "name", ""),
        ("Patient", "name", "a,,b"),
        ("Patient", "birthdate", "yesterday"),
        ("Patient", "birthdate", "2024-13"),
        ("Patient", "birthdate", "2024-02-30"),
        ("Patient", "birthdate", "2024-01-01T25:00:00Z"),
        ("Patient", "birthdate", "xx2024"),
        ("Patient", "birthdate", "0000"),
        ("Patient", "birthdate", "2024-01-01T10:00:00+99:00"),
        ("Patient", "birthdate:exact", "2024"),
        ("Patient", "gender", "a|b|c"),
        ("Patient", "gender", "|"),
        ("Patient", "gender:missing", "maybe"),
        ("Patient", "gender:in", "http://unknown.example/ValueSet/x"),
        ("Patient", "identifier:of-type", "a|b"),
        ("Patient", "name", "a\0b"),
        ("Patient", "na\0me", "a"),
        ("Patient", "name", "a\ud800"),
        ("Patient", "na\udfffme", "a"),
        ("Patient", "name:contains", "x" * 2_001),
        ("Patient", "birthdate", "2024-01-01T00:00:00." + "0" * 100 + "Z"),
        ("Patient", "name", LONG),
        ("Patient", "general-practitioner", "not an id!"),
        ("Patient", "general-practitioner:Patient", "1"),
        ("Patient", "general-practitioner:Practitioner", "Organization/1"),
        ("Patient", "name.family", "x"),
        ("Patient", "general-practitioner.foo", "x"),
        ("Patient", "link." * 100 + "name", "x"),
        ("Basic", "subject." * 8 + "x", "1"),
        ("Basic", "subject." * 7 + "_id", "1"),
        ("Basic", "_filter", "subject." * 7 + "x eq 1"),
        ("Patient", "_has", "x"),
        ("Patient", "_has:::", "x"),
        ("Patient", "_has:Nothing:patient:code", "x"),
        ("Patient", "_has:Observation:code:code", "x"),
        ("Patient", "_has:Observation:patient:nothing", "x"),
        ("Patient", "_has:Medication:ingredient:code", "x"),
        ("Patient", "_id", "a b"),
        ("Patient", "_id:missing", "true"),
        ("Patient", "_lastUpdated", "soon"),
        ("Patient", "_query", "anything"),
        ("Patient", "_content", "..."),
        ("Patient", "_count", "-1"),
        ("Patient", "_count", "ten"),
        ("Patient", "_count", "1" * 50),
        ("Patient", "_summary", "nonsense"),
        ("Patient", "_total", "maybe"),
        ("Patient", "_contained", "maybe"),
        ("Patient", "_elements", "a b"),
        ("Patient", "_sort", "nothing"),
        ("Patient", "_sort", ""),
        ("Patient", "_sort", "name,family,given,gender,birthdate,_id"),
        ("Patient", "_include", "Patient"),
        ("Patient", "_include", "Patient:name"),
        ("Patient", "_include", "Nothing:x"),
        ("Patient", "_include:later", "Patient:organization"),
        ("Patient", "_revinclude", "Observation:subject:Nothing"),
        ("Patient", "_filter", "name"),
        ("Patient", "_filter", "name eq"),
        ("Patient", "_filter", "(name eq x"),
        ("Patient", "_filter", 'name eq "x'),
        ("Patient", "_filter", "name zz x"),
        ("Patient", "_filter", "gender co x"),
        ("Patient", "_filter", "(" * 50 + "name eq x" + ")" * 50),
        ("Patient", "_type", "Nothing"),
        ("RiskAssessment", "probability", "1e999"),
        ("RiskAssessment", "probability", "NaN"),
        ("RiskAssessment", "probability", "٣"),
        ("RiskAssessment", "probability", "1" * 1_000),
        ("Observation", "value-quantity", "5|g"),
        ("Observation", "value-quantity", "5|http://unitsofmeasure.org|"),
        ("Observation", "code-value-quantity", "x"),
        ("Observation", "code-value-quantity", "x$y"),
        ("Observation", "code-value-quantity", "x$1$2"),
        ("ValueSet", "url:exact", "http://a.fr"),
        ("Location", "near", "here"),
        ("Location", "near", "91|0"),
        ("Location", "near", "1|1|nan"),
        ("Location", "near", "1|1|1|lieue"),
    ],
)
def test_it_is_refused_and_named(registry: Registry, rules: Rules, kind: str, name: str, value: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(registry, [kind], [(name, value)], rules=rules)
    issue = refused.value.issues[0]
    assert refused.value.status == 400
    assert issue.text.fr
    assert issue.text.fr != issue.text.en
    assert (issue.expression or "").startswith("http.")
    assert len(issue.text.en) < 600


@pytest.mark.parametrize(
    "value",
    [
        "$where",
        "{'$gt': ''}",
        ".*",
        "a.b",
        "$ne",
        "^(a+)+$",
        "\\",
        "\\x",
        "[",
        "*",
        "%",
        "_",
        "'; drop table",
        "\u200b x",
    ],
)
def test_what_means_something_elsewhere_is_plain_text_here(registry: Registry, value: str) -> None:
    for name in ("name", "name:contains", "name:exact", "identifier"):
        parse(registry, ["Patient"], [(name, value)])


def test_a_value_at_fault_is_counted_among_its_alternatives(registry: Registry) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(registry, ["Patient"], [("birthdate", "2000,2001,never")])
    assert "value 3" in refused.value.issues[0].text.en


def test_a_misspelt_parameter_is_answered_with_the_one_that_was_meant(registry: Registry) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(registry, ["Patient"], [("famly", "x")])
    assert "family" in refused.value.issues[0].text.en


def test_an_unknown_parameter_is_ignored_with_a_warning_under_lenient_handling(registry: Registry) -> None:
    query = parse(registry, ["Patient"], [("nom", "x"), ("name", "y")], lenient=True)
    assert query.understood == (("name", "y"),)
    assert [(issue.severity, issue.expression) for issue in query.issues] == [("warning", "http.nom")]


def test_a_value_that_cannot_be_read_is_refused_under_lenient_handling_too(registry: Registry) -> None:
    with pytest.raises(BadRequest):
        parse(registry, ["Patient"], [("birthdate", "x")], lenient=True)


def test_too_many_parameters_are_refused(registry: Registry) -> None:
    with pytest.raises(BadRequest):
        parse(registry, ["Patient"], [("name", "x")] * 201)


def test_a_page_is_never_larger_than_the_setting_allows(registry: Registry) -> None:
    assert parse(registry, ["Patient"], [("_count", "999999999")]).count == 1_000


@pytest.mark.parametrize("name", ["é", "é" * 1_000])
def test_a_cursor_is_read_by_every_process_with_the_secret_and_by_no_other(name: str) -> None:
    cursor = Cursors(b"secret").seal("Patient", [("name", name)], (1, "x", "i"))
    assert "name" not in cursor
    position = Cursors(b"secret").open(cursor)
    assert (position.path, position.pairs, position.after) == ("Patient", (("name", name),), (1, "x", "i"))
    with pytest.raises(BadRequest):
        Cursors(b"other").open(cursor)


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "A" * 64, "A" * 300_000, "%00", "=", "a b"])
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest):
        Cursors(b"secret").open(cursor)


def test_a_cursor_with_one_letter_changed_is_refused() -> None:
    cursor = Cursors(b"secret").seal("Patient", [], (1, "x", "i"))
    changed = cursor[:-3] + ("A" if cursor[-3] != "A" else "B") + cursor[-2:]
    with pytest.raises(BadRequest):
        Cursors(b"secret").open(changed)

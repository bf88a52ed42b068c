"""Requests that no client should send, made by hypothesis: any method, address, query, headers and body."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote

from hypothesis import strategies as st

TYPES = ("Patient", "Basic", "MedicationRequest", "Observation", "Bundle", "Binary", "ValueSet", "Composition", "Nope")
PARAMETERS = (
    "_id", "_lastUpdated", "_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_has:",
    "_has:::", "_has:Observation:subject:code", "_type", "_since", "_at", "_format", "_pretty", "_cursor", "_list",
    "_text", "_content", "_filter", "_profile", "_tag", "_contained", "identifier", "name", "name:exact", "name:nope",
    "birthdate", "code", "code:in", "code:not", "subject", "subject:Patient.name", "subject.name", "value-quantity",
    "code-value-quantity", "date", "url:below", "near", "probability", "", "mode", "profile", "system", "filter",
)  # fmt: skip
VALUES = (
    "1e999", "-1", "0", "99999999999999999999", "1e-999", "NaN", "ge", "ge2020-13-45", "2020-02-30", "eq2020-01-01T25",
    "a|b|c|d", "|", "||", "\\", "\\,", "$", "a$b$c", "\x00", "\ud7ff\u200b", "%", "*", "Patient/", "Patient/1",
    "http://x|1", "name eq", "(((((", "not(name eq 1)", "true", "count", "none", "5.4|http://unitsofmeasure.org|mg",
    "5.4||", "Observation:subject", "*:*", "Patient:*", ",", ",,,", "-_id,-_id", "9999-12-31", "0000-00-00", "a" * 5000,
)  # fmt: skip
MEDIA = (
    "application/fhir+json", "application/fhir+xml", "application/json", "text/xml", "application/json-patch+json",
    "application/merge-patch+json", "application/xml-patch+xml", "application/x-www-form-urlencoded", "text/plain",
    "multipart/form-data", "application/fhir+json; charset=utf-16", "", ";;;", "\t", "*/*",
)  # fmt: skip
HEADERS = (
    "If-Match", "If-None-Match", "If-Modified-Since", "If-None-Exist", "Prefer", "Accept", "Range", "Accept-Language",
    "X-Request-Id", "Content-Encoding", "Origin", "Cookie", "X-Forwarded-Host",
)  # fmt: skip
OPERATIONS = (
    "$validate", "$meta", "$meta-add", "$meta-delete", "$everything", "$document", "$expand", "$lookup", "$subsumes",
    "$translate", "$validate-code", "$nope", "$",
)  # fmt: skip


class Attempt(NamedTuple):
    """One request; `path` and `query` are ready to stand in a url."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes | None


_any_text = st.text(max_size=30)
_segments = st.one_of(
    st.sampled_from((*TYPES, *OPERATIONS, "_history", "_search", "metadata", "1", "a.b-c", "x" * 65, "..", ".", "%00")),
    _any_text,
)
_header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
_header_values = st.one_of(
    st.sampled_from(
        (
            'W/"1"',
            '"1"',
            "*",
            "1",
            "W/",
            "bytes=0-",
            "bytes=9-1",
            "identifier=x|y",
            "return=minimal",
            "respond-async",
            "handling=lenient",
            "Sat, 31 Feb 2026 99:99:99 GMT",
            "gzip",
            "fr;q=x",
        )
    ),
    _header_text,
)
_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _any_text)
_keys = st.sampled_from((
    "resourceType", "id", "meta", "name", "identifier", "code", "subject", "reference", "entry", "request", "method",
    "url", "resource", "type", "extension", "valueString", "_birthDate", "birthDate", "contained", "text", "div",
    "parameter", "part", "op", "path", "value", "coding", "versionId", "fullUrl", "status", "fhir_comments",
))  # fmt: skip
_json = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(_keys, _any_text), inner, max_size=5)
    ),
    max_leaves=20,
)


@st.composite
def _resources(draw: st.DrawFn) -> bytes:
    body: Any = draw(_json)
    if isinstance(body, dict):
        body["resourceType"] = draw(st.sampled_from((*TYPES, "Parameters", "OperationOutcome")))
        if body["resourceType"] == "Bundle":
            body["type"] = draw(st.sampled_from(("batch", "transaction", "history", "document", "message")))
    return json.dumps(body).encode()


_operations_of_patches = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(("add", "remove", "replace", "move", "copy", "test", "nope"))},
        optional={
            "path": st.one_of(st.sampled_from(("", "/", "/name", "/name/-", "/name/99", "/~2", "/id")), _any_text),
            "from": st.sampled_from(("", "/name", "/name/0", "/x")),
            "value": _json,
        },
    ),
    max_size=4,
).map(lambda patch: json.dumps(patch).encode())
_markup = st.sampled_from((
    b"<Patient/>", b'<Patient xmlns="http://hl7.org/fhir"/>', b'<Patient xmlns="http://hl7.org/fhir"><name/></Patient>',
    b'<!DOCTYPE x [<!ENTITY a "aa">]><Patient xmlns="http://hl7.org/fhir">&a;</Patient>', b"<a" * 50, b"<?xml?>",
    b'<Patient xmlns="http://hl7.org/fhir"><id value="1"/><id value="2"/></Patient>', b"<diff><add sel='/*'/></diff>",
    b'<Patient xmlns="http://hl7.org/fhir"><text><div>x</div></text></Patient>', b"<diff><replace sel='('/></diff>",
))  # fmt: skip
_bodies = st.one_of(st.none(), _resources(), _operations_of_patches, _markup, st.binary(max_size=60))


_types = st.sampled_from(TYPES[:-1])
_ids = st.sampled_from(("1", "a.b-c", "example", "x" * 64))
_shapes = st.one_of(
    st.just([]),
    st.tuples(_types),
    st.tuples(_types, _ids),
    st.tuples(_types, st.sampled_from((*OPERATIONS, "_search", "_history"))),
    st.tuples(_types, _ids, st.sampled_from((*OPERATIONS, *TYPES, "_history", "*"))),
    st.tuples(_types, _ids, st.just("_history"), st.sampled_from(("1", "2", "x", "-1", "9" * 64))),
    st.tuples(st.sampled_from((*OPERATIONS, "_search", "_history", "metadata"))),
    st.lists(_segments, max_size=4),
)
_VALID: tuple[dict[str, Any], ...] = (
    {"resourceType": "Patient", "name": [{"family": "A", "given": ["B"]}], "birthDate": "1980-01-02", "active": True},
    {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
        "effectiveDateTime": "2020-01-02T03:04:05.678Z",
        "valueQuantity": {"value": 37.20, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel"},
        "component": [{"code": {"text": "x"}, "valueRange": {"low": {"value": 1}, "high": {"value": 2}}}],
    },
    {
        "resourceType": "ValueSet",
        "status": "active",
        "url": "urn:fuzz",
        "compose": {
            "include": [{"system": "http://loinc.org", "filter": [{"property": "a", "op": "=", "value": "b"}]}]
        },
    },
    {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:7c0dbea4-6ef0-4a4f-9b5f-1d3c0a6a7f01",
                "resource": {"resourceType": "Basic", "code": {"text": "x"}},
                "request": {"method": "POST", "url": "Basic", "ifNoneExist": "identifier=a|b"},
            },
            {"request": {"method": "GET", "url": "Basic?code=a"}},
            {"request": {"method": "DELETE", "url": "Basic?identifier=a|c"}},
        ],
    },
    {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "Patient"}}]},
    {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "add"},
                    {"name": "path", "valueString": "Patient"},
                    {"name": "name", "valueString": "birthDate"},
                    {"name": "value", "valueDate": "1990-01-01"},
                ],
            }
        ],
    },
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a JSON value, with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((value, key), *_places(item))]


@st.composite
def _mutants(draw: st.DrawFn) -> bytes:
    """A resource that was right, with up to three values exchanged."""
    body = json.loads(json.dumps(draw(st.sampled_from(_VALID))))
    for _ in range(draw(st.integers(0, 3))):
        container, key = draw(st.sampled_from(_places(body)))
        container[key] = draw(st.one_of(_json, st.sampled_from(VALUES)))
    return json.dumps(body).encode("utf-8", "surrogatepass")


_types_of_bodies = {
    "application/json-patch+json": _operations_of_patches,
    "application/merge-patch+json": _resources(),
    "application/fhir+json": st.one_of(_mutants(), _mutants(), _resources()),
    "application/json": st.one_of(_resources(), _operations_of_patches),
    "application/fhir+xml": _markup,
    "text/xml": _markup,
    "application/xml-patch+xml": _markup,
}


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """Return a strategy of requests below the FHIR base: half of them good but for their body."""
    return draw(st.one_of(_anything(), _pushes()))


@st.composite
def _pushes(draw: st.DrawFn) -> Attempt:
    """A mutant sent to where it belongs."""
    body = draw(_mutants())
    read = json.loads(body)
    kind = read.get("resourceType")
    if kind == "Bundle":
        return Attempt("POST", "", "", {"Content-Type": "application/fhir+json"}, body)
    if kind == "Parameters":
        method, path = draw(st.sampled_from((("PATCH", "Patient/fuzz"), ("POST", "Patient/$validate"))))
        return Attempt(method, path, "", {"Content-Type": "application/fhir+json"}, body)
    kind = quote(str(kind), errors="surrogatepass")
    method, path = draw(
        st.sampled_from(
            (("POST", kind), ("PUT", f"{kind}/fuzz"), ("POST", f"{kind}/$validate"), ("POST", f"{kind}/$expand"))
        )
    )
    if method == "PUT":
        body = json.dumps({**read, "id": "fuzz"}).encode("utf-8", "surrogatepass")
    return Attempt(method, path, "", {"Content-Type": "application/fhir+json"}, body)


@st.composite
def _anything(draw: st.DrawFn) -> Attempt:
    path = "/".join(quote(part, safe="$%.", errors="surrogatepass") for part in draw(_shapes))
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(PARAMETERS), st.one_of(st.sampled_from(VALUES), _any_text)), max_size=3)
    )
    query = "&".join(f"{quote(name)}={quote(value, errors='surrogatepass')}" for name, value in pairs)
    query += draw(st.sampled_from(("", "", "", "", "", "", "&%", "&%ff=%fe", "&a", "&==", "&%00=%00")))
    headers = draw(st.dictionaries(st.sampled_from(HEADERS), _header_values.map(str.strip), max_size=2))
    method = draw(st.sampled_from(("GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD")))
    media = draw(st.one_of(st.sampled_from(tuple(_types_of_bodies)), st.sampled_from(MEDIA)))
    body = draw(st.one_of(_types_of_bodies.get(media, _bodies), _types_of_bodies.get(media, _bodies), _bodies))
    headers["Content-Type"] = media.strip()
    return Attempt(method, path, query, headers, body)

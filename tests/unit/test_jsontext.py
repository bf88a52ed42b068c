"""JSON text is read strictly and written back to the digit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver import jsontext
from fhirserver.errors import Unreadable

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?", fullmatch=True).filter(
    lambda text: text != "-0"
)


@given(NUMBERS)
def test_a_number_keeps_its_digits(text: str) -> None:
    assert jsontext.write(jsontext.read(text.encode())) == text.encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_what_is_written_is_read_back_equal(value: object) -> None:
    assert jsontext.read(jsontext.write(value)) == value
    assert jsontext.read(jsontext.write(value, pretty=True)) == value


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (b'{"a":1,"a":2}', '"a"'),
        (b'{"b":{"a" :1,"a":"\\":"}}', '"a"'),
        (b'{"a":":\\"","c":1,"c" : 2}', '"c"'),
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[1e999]", "1e999"),
        (b"[-1e400]", "-1e400"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'["\xff"]', "UTF-8"),
        (b"\xef\xbb\xbf{}", "line 1"),
        (b'{"a":\n1,}', "line 2"),
        (b'["\x01"]', "line 1"),
        (b"01", "line 1"),
        (b"", "line 1"),
        (b"[" * 100_000, "deeper"),
        (b"[" * 221 + b"]" * 221, "deeper"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "deeper"),
    ],
)
def test_what_is_not_one_unambiguous_json_text_is_refused_with_its_place(text: bytes, hint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        jsontext.read(text)
    assert hint in caught.value.issues[0].text.en
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "fr"),
    [
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"{'a':1}", "guillemets doubles"),
        (b'{"a":1,}', "guillemets doubles"),
        (b'{"a" 1}', "« : »"),
        (b'{"a":1 "b":2}', "« , »"),
        (b"{} x", "suit la fin"),
        (b'{"a":"b', "guillemet de fin"),
        (b'{"a":"b\n"}', "contrôle"),
        (b'{"a":"\\x"}', "échappement"),
        (b'{"a":"\\u12"}', "hexadécimaux"),
        (b'{"a":}', "une valeur est attendue"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_in_french_too(text: bytes, fr: str) -> None:
    with pytest.raises(Unreadable) as caught:
        jsontext.read(text)
    said = caught.value.issues[0].text
    assert fr in said.fr
    assert said.en.rpartition(": ")[2] not in said.fr


def test_strings_that_hold_quotes_and_colons_are_no_double_keys() -> None:
    assert jsontext.read(b'{"a":":\\":", "b":"\\"a\\":"}') == {"a": ':":', "b": '"a":'}


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2,"b":"\\u0022:"}',
        b'[{"a":{}},{"a":{"b":[],"b":[]}}]',
        b'{"a":1.50,"\\u0061":1.50}',
    ],
)
def test_a_key_that_is_there_twice_is_found_in_texts_without_white_space_too(text: bytes) -> None:
    with pytest.raises(Unreadable, match="twice"):
        jsontext.read(text)


LONG = b"A" * 40_000


@pytest.mark.parametrize(
    "text",
    [
        b'{"data":"%s","data":1}' % LONG,
        b'{"data": "%s", "b": {"a": 1, "a" : 2}}' % LONG,
        b'{"a": 1, "a"%s: "%s"}' % (b" " * 20_000, LONG),
        b'{"a":1,"%s":"b","%s":"b"}' % (LONG, LONG),
        b'["%s",{"a":1,"a":2},"%s"]' % (LONG, LONG),
    ],
)
def test_a_key_that_is_there_twice_is_found_beside_long_content(text: bytes) -> None:
    with pytest.raises(Unreadable, match="twice"):
        jsontext.read(text)


@pytest.mark.parametrize("content", [LONG, b":" * 40_000, b"[{" * 20_000, b'\\":' * 10_000, LONG + b'\\"' + LONG])
@pytest.mark.parametrize("shape", [b'{"a":1,"data":"%s","b":{"a":2}}', b'{"a": 1, "data": "%s", "b": {"a": 2}}'])
def test_long_content_is_read_as_it_stands(shape: bytes, content: bytes) -> None:
    told = content.decode().replace('\\"', '"')
    assert jsontext.read(shape % content) == {"a": 1, "data": told, "b": {"a": 2}}


def test_integers_beyond_64_bits_keep_their_digits() -> None:
    text = b"[123456789012345678901234567890,-9223372036854775809]"
    assert jsontext.write(jsontext.read(text)) == text


def test_equal_json_has_one_canonical_form_and_numbers_compare_as_text() -> None:
    assert jsontext.canonical({"b": 1, "a": [2]}) == jsontext.canonical({"a": [2], "b": 1})
    assert jsontext.canonical(jsontext.read(b"1.50")) != jsontext.canonical(jsontext.read(b"1.5"))

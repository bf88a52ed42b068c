"""Base64 is decoded as RFC 4648 has it, white space allowed, whatever the size."""

from __future__ import annotations

import base64
import random

import pytest

from fhirserver import base64text

SIZES = (1, 2, 3, 49_151, 49_152, 49_153, 200_000)


@pytest.mark.parametrize("size", SIZES)
def test_bytes_come_back_with_and_without_white_space(size: int) -> None:
    data = random.Random(size).randbytes(size)
    text = base64.b64encode(data).decode()
    for written in (
        text,
        f" {text}\r\n",
        "\n".join(text[at : at + 76] for at in range(0, size * 2, 76)),
        f"{text[:9]}\t{text[9:]}",
    ):
        assert b"".join(base64text.pieces(written)) == data
        assert base64text.is_base64(written)


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AA",
        "AAA",
        "AAAAA",
        "A===",
        "=",
        "AA=A",
        "AB==AAAA",
        "9BB9=",
        "é===",
        "AA-_",
        "AAAA!",
        "AAAA\x00",
        "AA==" * 20_000,
    ],
)
def test_junk_is_no_base64(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        list(base64text.pieces(text))
    assert not base64text.is_base64(text)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_nothing_is_base64_of_nothing(text: str) -> None:
    assert list(base64text.pieces(text)) == []
    assert not base64text.is_base64(text)


def test_junk_in_the_last_of_many_pieces_is_found() -> None:
    text = base64.b64encode(bytes(300_000)).decode()
    with pytest.raises(ValueError, match=r".*"):
        list(base64text.pieces(f"{text[:-1]}*"))

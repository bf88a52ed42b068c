"""Prescription numbers catch what a hand mistypes."""

import itertools

import pytest

from fhirserver.errors import BadRequest
from fhirserver.prescription import number
from fhirserver.prescription.number import ALPHABET, LENGTH


def _refused(text: str) -> bool:
    try:
        number.normalise(text)
    except BadRequest:
        return True
    return False


def test_a_new_number_has_eighteen_characters_and_passes_its_own_check() -> None:
    for _ in range(500):
        issued = number.issue()
        assert len(issued) == LENGTH
        assert number.normalise(issued) == issued


def test_two_thousand_numbers_are_all_different() -> None:
    assert len({number.issue() for _ in range(2000)}) == 2000


def test_every_single_wrong_character_is_caught() -> None:
    issued = number.issue()
    for position, wrong in itertools.product(range(LENGTH), ALPHABET):
        if wrong != issued[position]:
            assert _refused(issued[:position] + wrong + issued[position + 1 :])


def test_every_exchange_of_neighbours_is_caught_for_every_pair_of_characters() -> None:
    # The code is linear: what an exchange changes depends on its place and its two characters only.
    for place in range(LENGTH - 3):
        for left, right in itertools.permutations(ALPHABET, 2):
            body = "0" * place + left + right + "0" * (LENGTH - 4 - place)
            issued = body + number._checks(body)
            exchanged = issued[:place] + right + left + issued[place + 2 :]
            assert _refused(exchanged)


def test_exchanges_that_touch_the_check_characters_are_caught() -> None:
    for _ in range(3000):
        issued = number.issue()
        for place in (LENGTH - 3, LENGTH - 2):
            if issued[place] != issued[place + 1]:
                assert _refused(issued[:place] + issued[place + 1] + issued[place] + issued[place + 2 :])


@pytest.mark.parametrize(
    "typed",
    [
        "{0}-{1}-{2}",
        " {0} {1} {2} ",
        "{0}\u00a0{1}\u202f{2}",
        "{0}\u2011{1}\u2013{2}",
        "{0}\u2212{1}\u00ad{2}",
        "\t{0}\t{1}\u2009{2}\r\n",
    ],
)
def test_spaces_dashes_and_case_do_not_matter(typed: str) -> None:
    issued = number.issue()
    assert number.normalise(typed.format(issued[:6], issued[6:12], issued[12:]).lower()) == issued


@pytest.mark.parametrize(("latin", "other"), [("I", "\u0131"), ("S", "\u017f"), ("0", "\uff10"), ("A", "\u0410")])
def test_a_letter_of_another_alphabet_is_not_taken_for_a_latin_one(latin: str, other: str) -> None:
    body = "0" + "S1A0" * 3 + "S1A"
    issued = body + number._checks(body)
    assert number.normalise(issued[:16].replace("1", latin if latin == "I" else "1") + issued[16:]) == issued
    assert _refused(issued[:16].replace("1" if latin == "I" else latin, other) + issued[16:])


def test_letters_that_look_like_digits_are_read_as_the_digits() -> None:
    body = "0" + "01" * 7 + "0"
    issued = body + number._checks(body)
    assert number.normalise(issued[:16].replace("0", "o").replace("1", "l") + issued[16:]) == issued
    assert number.normalise(issued[:16].replace("1", "I") + issued[16:]) == issued


@pytest.mark.parametrize(
    "hostile", ["", "x", "https://exemple.fr/<script>", "A" * 10_000, "Ω" * 18, "U" * 18, "\x00" * 18]
)
def test_what_is_no_number_is_refused_in_words(hostile: str) -> None:
    with pytest.raises(BadRequest) as caught:
        number.normalise(hostile)
    assert caught.value.issues[0].text.fr

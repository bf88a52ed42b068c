"""What a date of a query means where the specification leaves it to the server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fhirserver.search.types import date
from fhirserver.search.types.values import Setting
from fhirserver.search.values.instants import span

YEAR = 365 * 24 * 3600 * 1_000_000
"""In microseconds."""


@pytest.mark.parametrize("years", [1, 40])
def test_approximately_is_within_a_tenth_of_the_distance_from_now(years: int) -> None:
    text = f"{datetime.now(UTC) - timedelta(days=365 * years):%Y-%m-%d}"
    begin, end = span(text, "Europe/Paris")
    asked = date.read(f"ap{text}", Setting("Europe/Paris"))
    margin = years * YEAR / 10
    assert asked.prefix == "ap"
    assert begin - asked.begin == pytest.approx(margin, rel=0.05)
    assert asked.end - end == pytest.approx(margin, rel=0.05)

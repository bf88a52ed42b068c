"""The terminology operations over HTTP."""

from __future__ import annotations

from typing import Any

import pytest


def value_of(answer: dict[str, Any], name: str) -> Any:
    return next(
        (value for one in answer["parameter"] if one["name"] == name for key, value in one.items() if key != "name"),
        None,
    )

"""Units that compare: UCUM's base units, with what UCUM ignores kept apart.

To UCUM an annotation means nothing and a mole is a number of particles. Here `{tablet}` is no `{capsule}`,
`mL/min/{1.73_m2}` no `mL/min`, and `mmol/L` no count per litre: such values never match each other.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from fhirserver.fhirpath import ucum

SYSTEM: Final = "http://unitsofmeasure.org"
_KEPT_APART: Final = re.compile(r"\{[^{}]*\}|mol|eq|osm")


def canonical(value: Decimal, code: str) -> tuple[Decimal, str] | None:
    """Return a value in base units, with a text that equals for units that compare; None if UCUM knows no such unit."""
    found = ucum.canonical(value, code)
    if found is None:
        return None
    kept = _KEPT_APART.findall(code)
    return (found[0], found[1] + "".join(sorted(kept))) if kept else found

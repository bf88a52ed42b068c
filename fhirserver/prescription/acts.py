"""How many times an act is to be done: as stated, as its schedule comes to, or left open.

Source: ServiceRequest of FHIR R4 (quantity[x], occurrence[x], asNeeded[x]): a quantity is a number, a range, or a ratio
such as 20 visits a month; an act may be asked for daily without an end, or as needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhirserver.prescription.execution.quantities import UCUM, Amount, read_amount
from fhirserver.prescription.timing import SCHEDULE, repeat_of

Resource = Mapping[str, Any]

_ONE: Final = {"value": 1, "unit": "acte"}
_LASTING: Final = frozenset({"d", "wk", "mo", "a"})
_BOUNDS: Final = ("boundsDuration", "boundsRange", "boundsPeriod")


def stated_quantity(resource: Resource) -> tuple[str, Amount | None]:
    """Return the number that the prescriber stated, of a range the larger end, and the element that holds it."""
    if "quantityRange" in resource:
        return "quantityRange.high", read_amount(resource["quantityRange"].get("high"))
    return "quantityQuantity", None if lasting(resource) else read_amount(resource.get("quantityQuantity"))


def lasting(resource: Resource) -> Resource | None:
    """Return a quantity that says how long (a month of care), not how many: it bounds the schedule; None for others."""
    stated = resource.get("quantityQuantity", {})
    return stated if stated.get("system") == UCUM and stated.get("code") in _LASTING else None


def schedule(resource: Resource) -> Sequence[Resource]:
    """Return when an act is to be done, as a posology from which its number is computed; empty where not said."""
    timing = resource.get("occurrenceTiming")
    timing = timing if isinstance(timing, Mapping) else {}
    repeat = dict(repeat_of(timing))
    length = lasting(resource)
    if length and repeat and not any(name in repeat for name in _BOUNDS):
        repeat["boundsDuration"] = length
    ratio = resource.get("quantityRatio", {})
    if ratio.get("numerator"):
        per = ratio.get("denominator", {})
        bounds: dict[str, Any] = {name: repeat[name] for name in _BOUNDS if name in repeat}
        if "occurrencePeriod" in resource:
            bounds = {"boundsPeriod": resource["occurrencePeriod"]}
        paced = {**bounds, "frequency": 1, "period": per.get("value", 1), "periodUnit": per.get("code", "")}
        return ({"timing": {"repeat": paced}, "doseAndRate": [{"doseQuantity": ratio["numerator"]}]},)
    if not timing:
        return ()
    if timing.get("event") and SCHEDULE.isdisjoint(repeat):
        repeat.setdefault("count", len(timing["event"]))
    return ({"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": _ONE}]},)


def recurs(resource: Resource) -> bool:
    """Whether an act is asked for more than once, or as needed, however often that may be."""
    timing = resource.get("occurrenceTiming")
    return (
        lasting(resource) is not None
        or "quantityRatio" in resource
        or "quantityRange" in resource
        or resource.get("asNeededBoolean") is True
        or "asNeededCodeableConcept" in resource
        or (isinstance(timing, Mapping) and not SCHEDULE.isdisjoint(repeat_of(timing)))
    )

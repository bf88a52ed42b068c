"""The lines of a prescription: one typed, read-only view over the three request resources.

A line is a MedicationRequest (medicine), a ServiceRequest (biology, imaging, nursing, other acts) or a DeviceRequest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, wraps
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from fhirserver.prescription import acts, elements
from fhirserver.prescription.elements import Flag, Setting
from fhirserver.prescription.execution.quantities import (
    Amount,
    covered_days,
    prescribed_days,
    prescribed_quantity,
    read_amount,
)
from fhirserver.prescription.kinds import KindRow, kind_of
from fhirserver.prescription.professions import Kind
from fhirserver.prescription.timing import instant

Resource = Mapping[str, Any]
Resolve = Callable[[str], Resource | None]

LINE_TYPES: Final = frozenset({"MedicationRequest", "ServiceRequest", "DeviceRequest"})
PARIS: Final = ZoneInfo("Europe/Paris")
_DATE: Final = 10
_LEVELS: Final = 3


@dataclass(frozen=True)
class Line:
    """One line, as it was prescribed.

    Attributes:
        resource: the request.
        location: FHIRPath of the request in what was sent, such as `Bundle.entry[2].resource`.
        kind: how it is executed.
        medications: the Medication that it refers to, then those of its ingredients, as far as they could be read.
        derived: what rules made of it (`of_line`).
    """

    resource: Resource
    location: str
    kind: Kind
    medications: tuple[Resource, ...] = ()
    derived: dict[object, tuple[object, Any]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def type(self) -> str:
        """Resource type."""
        return str(self.resource["resourceType"])

    @cached_property
    def is_medicine(self) -> bool:
        """Whether it prescribes a medicine."""
        return self.type == "MedicationRequest"

    @property
    def is_device(self) -> bool:
        """Whether it prescribes a device."""
        return self.type == "DeviceRequest"

    @property
    def group(self) -> Resource | None:
        """The identifier that the lines of one prescription share."""
        return group_of(self.resource)

    @property
    def patient(self) -> str | None:
        """Reference to the patient."""
        return _reference(self.resource.get("subject"))

    @property
    def requester(self) -> str | None:
        """Reference to the prescriber."""
        return _reference(self.resource.get("requester"))

    @cached_property
    def drafted(self) -> date | None:
        """The day of drafting in Paris; None where `authoredOn` is missing or says no day."""
        return day(self.resource.get("authoredOn"))

    @cached_property
    def codings(self) -> tuple[tuple[str, str], ...]:
        """What is prescribed: (system, code) of the line, of its Medication and of the Medication's ingredients."""
        return tuple(_coded(self.resource, self.medications))

    @cached_property
    def title(self) -> str:
        """The denomination, as it is printed."""
        for concept in _concepts(self.resource, self.medications):
            shown = elements.words(concept)
            if shown:
                return shown
        return next((code for _, code in self.codings), "")

    @cached_property
    def dosages(self) -> Sequence[Resource]:
        """The structured posology."""
        return tuple(self.resource.get("dosageInstruction", ()))

    @cached_property
    def quantity(self) -> Amount | None:
        """What one delivery comes to: stated, or computed from posology and duration; None where neither can be."""
        return self.stated_quantity or prescribed_quantity(self._counted, self.days, self.drafted)

    @property
    def _counted(self) -> Sequence[Resource]:
        """What the quantity is computed from: the posology, or when an act is to be done (`occurrenceTiming`)."""
        return acts.schedule(self.resource) if self.type == "ServiceRequest" else self.dosages

    @cached_property
    def stated_quantity(self) -> Amount | None:
        """The quantity that the prescriber stated for one delivery."""
        if self.is_medicine:
            return read_amount(self.resource.get("dispenseRequest", {}).get("quantity"))
        if self.is_device:
            return read_amount(elements.value(self.resource, "line-quantity"))
        return acts.stated_quantity(self.resource)[1]

    @cached_property
    def renewals(self) -> int | None:
        """How often it may be delivered again, as stated; None where nothing is said."""
        if self.is_medicine:
            stated = self.resource.get("dispenseRequest", {}).get("numberOfRepeatsAllowed")
        else:
            stated = elements.value(self.resource, "line-renewals")
        return stated if isinstance(stated, int) else None

    @cached_property
    def days(self) -> int | None:
        """Days that the prescribed quantity covers: as stated, else the posology's span, else by its daily amount."""
        stated = self.resource.get("dispenseRequest", {}).get("expectedSupplyDuration")
        days = prescribed_days(stated, self.dosages)
        if days is None and self.stated_quantity is not None:
            return covered_days(self.stated_quantity, self.dosages, self.drafted)
        return days

    @property
    def total_days(self) -> int | None:
        """Days of the whole treatment, renewals included."""
        return None if self.days is None else self.days * (1 + (self.renewals or 0))

    @cached_property
    def validity(self) -> tuple[date | None, date | None]:
        """First and last day stated by the prescriber (`dispenseRequest.validityPeriod`)."""
        period = self.resource.get("dispenseRequest", {}).get("validityPeriod", {})
        return day(period.get("start")), day(period.get("end"))

    @cached_property
    def flags(self) -> frozenset[Flag]:
        """What is said of the line."""
        return elements.flags(self.resource)

    @property
    def setting(self) -> Setting | None:
        """Where it is to be executed, if said."""
        return elements.execution_setting(self.resource)

    @property
    def substitution_forbidden(self) -> bool:
        """Whether the prescriber wrote "non substituable"."""
        return elements.no_substitution(self.resource)[0]

    @property
    def is_active(self) -> bool:
        """Whether it is a live order: active, and an order of any kind or an option of one."""
        return is_active(self.resource)

    def at(self, path: str) -> str:
        """FHIRPath of an element of the line."""
        return f"{self.location}.{path}"


Given = TypeVar("Given")
Made = TypeVar("Made")


def of_line(make: Callable[[Line, Given], Made]) -> Callable[[Line, Given], Made]:
    """Have a function of a line and of what rarely changes (the tables) work once for each line."""

    @wraps(make)
    def remembered(line: Line, given: Given) -> Made:
        found = line.derived.get(make)
        if found is None or found[0] is not given:
            found = line.derived[make] = (given, make(line, given))
        made: Made = found[1]
        return made

    return remembered


_ORDERS: Final = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order", "option", "directive"}
)


def is_active(resource: Resource) -> bool:
    """Whether a request, not yet validated, is a live order: active, and an order of any kind or an option of one."""
    return resource.get("status") == "active" and str(resource.get("intent")) in _ORDERS


def read(
    resource: Resource,
    location: str | None = None,
    *,
    resolve: Resolve | None = None,
    kinds: Sequence[KindRow] | None = None,
) -> Line:
    """View a request as a line.

    Args:
        resource: a MedicationRequest, ServiceRequest or DeviceRequest.
        location: FHIRPath of it in what was sent; its type where nothing is said.
        resolve: finds a resource by reference, for a medicine that stands in a Medication of its own.
        kinds: an operator's own table of kinds.
    """
    medications = tuple(_medications(resource, resolve))
    return Line(resource, location or str(resource["resourceType"]), kind_of(resource, kinds), medications)


def read_all(
    bundle: Resource, *, resolve: Resolve | None = None, kinds: Sequence[KindRow] | None = None
) -> tuple[Line, ...]:
    """View every line of a Bundle, in order; what they refer to is looked for in the Bundle first."""
    entries = bundle.get("entry", ())
    near: dict[str, Resource] = {}
    for entry in entries:
        content = entry.get("resource", {})
        if "fullUrl" in entry:
            near[entry["fullUrl"]] = content
        if "id" in content:
            near[f"{content.get('resourceType')}/{content['id']}"] = content

    def find(reference: str) -> Resource | None:
        found = near.get(reference)
        return found if found is not None or resolve is None else resolve(reference)

    return tuple(
        read(entry["resource"], f"Bundle.entry[{position}].resource", resolve=find, kinds=kinds)
        for position, entry in enumerate(entries)
        if str(entry.get("resource", {}).get("resourceType")) in LINE_TYPES
    )


def group_of(resource: Resource) -> Resource | None:
    """Return the identifier shared by the lines: `requisition` of ServiceRequest, `groupIdentifier` of the others."""
    found = resource.get(_group_element(resource))
    return found if isinstance(found, dict) else None


def with_group(resource: Resource, identifier: Resource) -> dict[str, Any]:
    """Return the line under this number; the editor's own group value becomes one of its identifiers."""
    copy = dict(resource)
    name = _group_element(resource)
    former = copy.get(name)
    if isinstance(former, dict) and not same_identifier(former, identifier):
        kept = list(copy.get("identifier", ()))
        if not any(same_identifier(former, other) for other in kept):
            copy["identifier"] = [*kept, former]
    copy[name] = dict(identifier)
    return copy


def same_identifier(left: Resource, right: Resource) -> bool:
    """Whether two identifiers name the same: equal system and value."""
    return (left.get("system"), left.get("value")) == (right.get("system"), right.get("value"))


def day(text: object) -> date | None:
    """Return the calendar day in Paris of a FHIR date or instant; None for less than a day, or no date.

    A leap second is of the minute that it ends; at the ends of the calendar the day is the one written.
    """
    if not isinstance(text, str) or len(text) < _DATE:
        return None
    try:
        if "T" not in text:
            return date.fromisoformat(text)
        moment = instant(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=PARIS)).astimezone(PARIS).date()
    except OverflowError:
        return date.fromisoformat(text[:_DATE])
    except ValueError:
        return None


def paris_day(moment: datetime) -> date:
    """Return the calendar day of an instant in Paris."""
    return moment.astimezone(PARIS).date()


def _group_element(resource: Resource) -> str:
    return "requisition" if resource.get("resourceType") == "ServiceRequest" else "groupIdentifier"


def _reference(element: object) -> str | None:
    found = element.get("reference") if isinstance(element, dict) else None
    return found if isinstance(found, str) else None


def _medications(resource: Resource, resolve: Resolve | None) -> Iterator[Resource]:
    """The medicine, then what it is composed of; at most three levels, as the guide composes them."""
    level = [(resource.get("medicationReference"), resource)]
    for _ in range(_LEVELS):
        below = []
        for element, holder in level:
            found = _resolved(element, (resource, holder), resolve)
            if found is None:
                continue
            yield found
            below += [(part.get("itemReference"), found) for part in found.get("ingredient", ())]
        level = below


def _resolved(element: object, holders: Sequence[Resource], resolve: Resolve | None) -> Resource | None:
    reference = _reference(element)
    if reference is None:
        return None
    if reference.startswith("#"):
        inside = (inner for holder in holders for inner in holder.get("contained", ()))
        return next((inner for inner in inside if inner.get("id") == reference[1:]), None)
    return resolve(reference) if resolve else None


def _concepts(resource: Resource, medications: Sequence[Resource]) -> Iterator[Resource]:
    for name in ("medicationCodeableConcept", "code", "codeCodeableConcept"):
        if isinstance(resource.get(name), dict):
            yield resource[name]
    for medication in medications:
        if isinstance(medication.get("code"), dict):
            yield medication["code"]
        for ingredient in medication.get("ingredient", ()):
            if isinstance(ingredient.get("itemCodeableConcept"), dict):
                yield ingredient["itemCodeableConcept"]
    for name in ("medicationReference", "codeReference"):
        if isinstance(resource.get(name), dict):
            yield {"text": resource[name].get("display", "")}


def _coded(resource: Resource, medications: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for concept in _concepts(resource, medications):
        for coding in concept.get("coding", ()):
            pair = (str(coding.get("system", "")), str(coding.get("code", "")))
            if pair[1] and pair not in seen:
                seen.add(pair)
                yield pair


def patients(lines: Iterable[Line]) -> frozenset[str]:
    """The patients whom these lines name: one, in a prescription."""
    return frozenset(line.patient for line in lines if line.patient)

"""What a medicine is made of, as it is printed: form, ingredients with their strength, quantity of a preparation.

Source: Medication of FHIR R4 (https://hl7.org/fhir/R4/medication.html); Code de la santé publique R5132-3 (the detailed
formula of a preparation) and R5121-25 (strength and form beside an international name).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fhirserver.prescription import elements
from fhirserver.prescription.french.amounts import per, quantity
from fhirserver.prescription.french.posology_words import SPACE
from fhirserver.prescription.lines import Line

Resource = Mapping[str, Any]


def sentences(line: Line) -> Iterator[str]:
    """Say what the title does not: the form, the ingredients, and how much is to be prepared."""
    if not line.medications:
        return
    medication, below = line.medications[0], line.medications[1:]
    title = line.title.replace(SPACE, " ").casefold()
    form = elements.words(medication.get("form", {}))
    if form and form.casefold() not in title:
        yield f"Forme{SPACE}: {form}"
    ingredients = _ingredients(medication, below)
    parts = [part for part in ingredients if part.replace(SPACE, " ").casefold() not in title]
    if parts:
        yield f"Composition{SPACE}: {f'{SPACE}; '.join(parts)}"
    amount = _ratio(medication.get("amount"))
    if amount:
        yield f"Contenu{SPACE}: {amount}"


def _ingredients(medication: Resource, others: Sequence[Resource]) -> Iterator[str]:
    """Each ingredient with its strength; one in a Medication of its own by what that is called."""
    for part in medication.get("ingredient", ()):
        name = elements.words(part.get("itemCodeableConcept", {}))
        if "itemReference" in part:
            reference = part["itemReference"]
            found = _referred(reference, medication, others)
            name = elements.words(found.get("code", {})) or str(reference.get("display", ""))
        strength = _ratio(part.get("strength"))
        if name or strength:
            yield " ".join(filter(None, (name, strength)))


def _referred(reference: Resource, holder: Resource, others: Sequence[Resource]) -> Resource:
    """Find an ingredient among the medications that were read, by its id; empty where it is none of them."""
    wanted = str(reference.get("reference", "")).rpartition("/")[2].rpartition("#")[2]
    inside = (*holder.get("contained", ()), *others)
    return next((each for each in inside if wanted and each.get("id") == wanted), {})


def _ratio(ratio: object) -> str:
    """Write a strength: `500 mg`, `1 g pour 100 g`; a denominator of one thing goes without saying."""
    if not isinstance(ratio, Mapping) or not ratio.get("numerator"):
        return ""
    numerator, denominator = quantity(ratio["numerator"]), ratio.get("denominator", {})
    named = denominator.get("unit") or denominator.get("code", "1")
    if denominator.get("value", 1) != 1:
        return f"{numerator} pour {quantity(denominator)}"
    return numerator if named == "1" else f"{numerator} {per(denominator, several='en')}"

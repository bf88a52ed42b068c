"""Texts on the shape of a resource: elements, JSON types, cardinality, choices, slices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from fhirserver.issues import Text

_JSON_FRENCH = {
    "object": "un objet",
    "array": "un tableau",
    "string": "une chaîne",
    "number": "un nombre",
    "boolean": "un booléen",
    "null": "null",
}
_JSON_ENGLISH = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "number": "a number",
    "boolean": "a boolean",
    "null": "null",
}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def unknown_element(name: str, owner: str, known: Sequence[str]) -> Text:
    """Return: the owner's type has no such element; similar names are proposed."""
    near = get_close_matches(name, known, n=2, cutoff=0.7) if known else ()
    french = f" ; vouliez-vous dire {_listed(near)} ?" if near else " ; retirez-le ou portez-le par une extension."
    english = f"; did you mean {_listed(near)}?" if near else "; leave it out, or carry it in an extension."
    return Text(
        f"L'élément « {name} » n'existe pas dans {owner}{french}",
        f'{owner} has no element "{name}"{english}',
    )


def wrong_json_type(found: str, wanted: str, type_name: str) -> Text:
    """Return: the JSON value has the wrong type for this element."""
    return Text(
        f"Trouvé {_JSON_FRENCH[found]} JSON, attendu {_JSON_FRENCH[wanted]} (type FHIR {type_name}).",
        f"Found JSON {_JSON_ENGLISH[found]}, expected {_JSON_ENGLISH[wanted]} (FHIR type {type_name}).",
    )


def array_wanted(found: str) -> Text:
    """Return: an element that repeats was not given as an array."""
    return Text(
        f"Cet élément se répète : il s'écrit comme un tableau JSON [ … ], or c'est {_JSON_FRENCH[found]}.",
        f"This element repeats: it is written as a JSON array [ … ], but it is {_JSON_ENGLISH[found]}.",
    )


def array_unwanted() -> Text:
    """Return: an element that does not repeat was given as an array."""
    return Text(
        "Cet élément ne se répète pas : il s'écrit sans les crochets d'un tableau JSON.",
        "This element does not repeat: it is written without the brackets of a JSON array.",
    )


def empty_array() -> Text:
    """Return: an array without items."""
    return Text(
        "Tableau vide : un tableau contient au moins une valeur, sinon l'élément est omis.",
        "Empty array: an array holds at least one value, or else the element is left out.",
    )


def empty_object() -> Text:
    """Return: an element with neither value nor children (ele-1)."""
    return Text(
        "Élément vide : un élément a une valeur ou des éléments (ele-1) ; remplissez-le ou retirez-le.",
        "Empty element: an element has a value or children (ele-1); fill it or leave it out.",
    )


def null_unwanted() -> Text:
    """Return: a null where a value belongs."""
    return Text(
        "null n'est pas permis ici : omettez l'élément (null ne sert qu'à aligner un tableau de valeurs simples"
        " avec celui de leurs extensions).",
        "null is not allowed here: leave the element out (null only aligns an array of simple values with that of"
        " their extensions).",
    )


def misaligned(values: int, siblings: int) -> Text:
    """Return: an array of primitives and its `_` sibling have different lengths."""
    return Text(
        f"{values} valeurs pour {siblings} compléments dans le tableau « _ » : complétez le plus court avec null.",
        f'{values} values but {siblings} items in the "_" array: pad the shorter one with null.',
    )


def missing(name: str, least: int, found: int, origin: str) -> Text:
    """Return: fewer occurrences than required."""
    if found == 0:
        return Text(
            f"L'élément « {name} » est obligatoire (au moins {least}) et absent ({origin}) : ajoutez-le.",
            f'The element "{name}" is required (at least {least}) and missing ({origin}): add it.',
        )
    return Text(
        f"« {name} » : {found} occurrence(s), il en faut au moins {least} ({origin}).",
        f'"{name}": {found} occurrence(s), at least {least} needed ({origin}).',
    )


def too_many(name: str, most: str, found: int, origin: str) -> Text:
    """Return: more occurrences than allowed."""
    if most == "0":
        return Text(
            f"L'élément « {name} » n'est pas permis ici ({origin}) : retirez-le.",
            f'The element "{name}" is not allowed here ({origin}): leave it out.',
        )
    return Text(
        f"« {name} » : {found} occurrences, {most} au plus ({origin}).",
        f'"{name}": {found} occurrences, at most {most} ({origin}).',
    )


def several_choices(base: str, names: Sequence[str]) -> Text:
    """Return: several types of one choice element at once."""
    return Text(
        f"{base} ne prend qu'un type à la fois ; trouvés : {_listed(names)}. N'en gardez qu'un.",
        f"{base} takes one type at a time; found: {_listed(names)}. Keep one of them.",
    )


def type_not_allowed(found: str, allowed: Sequence[str], origin: str) -> Text:
    """Return: the type of a choice, or of a resource, is not one that the profile allows."""
    return Text(
        f"Le type {found} n'est pas permis ici ({origin}) ; permis : {_listed(allowed) or 'aucun'}.",
        f"The type {found} is not allowed here ({origin}); allowed: {_listed(allowed) or 'none'}.",
    )


def no_slice(element: str, reasons: Sequence[tuple[str, Text]], origin: str) -> Text:
    """Return: the element matches none of the slices of a closed slicing, and why."""
    french = " ; ".join(f"{name} : {reason.fr}" for name, reason in reasons)
    english = "; ".join(f"{name}: {reason.en}" for name, reason in reasons)
    return Text(
        f"« {element} » ne correspond à aucune des tranches permises ({origin}) : {french}.",
        f'"{element}" matches none of the slices allowed ({origin}): {english}.',
    )


def slice_order(element: str, found: str, before: str, origin: str) -> Text:
    """Return: the slices of an ordered slicing come in the wrong order."""
    return Text(
        f"« {element} » : la tranche {found} doit précéder la tranche {before} ({origin}).",
        f'"{element}": slice {found} must come before slice {before} ({origin}).',
    )


def open_at_end(element: str, origin: str) -> Text:
    """Return: an element outside of the slices stands before a sliced one, where these must come first."""
    return Text(
        f"« {element} » : les éléments hors tranches viennent après toutes les tranches ({origin}).",
        f'"{element}": elements outside of the slices come after all of them ({origin}).',
    )


def slice_undecidable(slice_name: str, origin: str) -> Text:
    """Return: the guide gives nothing by which to recognise a slice."""
    return Text(
        f"Le profil ne permet pas de reconnaître la tranche {slice_name} ({origin}) : défaut du guide,"
        " rien à corriger dans la ressource.",
        f"The profile gives nothing by which to recognise slice {slice_name} ({origin}): a fault of the guide,"
        " nothing to mend in the resource.",
    )


def too_deep() -> Text:
    """Return: nested deeper than is judged."""
    return Text(
        "La ressource est imbriquée trop profondément pour être jugée.", "The resource nests too deeply to be judged."
    )


def resource_type_missing() -> Text:
    """Return: no resourceType."""
    return Text(
        "La ressource ne dit pas son type : ajoutez resourceType.",
        "The resource does not state its type: add resourceType.",
    )


def resource_type_unknown(name: str, known: Iterable[str]) -> Text:
    """Return: a resourceType that R4 does not know."""
    near = get_close_matches(name, list(known), n=2, cutoff=0.6)
    return Text(
        f"« {name} » n'est pas un type de ressource FHIR R4" + (f" ; proche : {_listed(near)}." if near else "."),
        f'"{name}" is not a FHIR R4 resource type' + (f"; near: {_listed(near)}." if near else "."),
    )

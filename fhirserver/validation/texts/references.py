"""Texts on references and their targets."""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.issues import Text


def no_type(reference: str) -> Text:
    """Return: a relative reference that names no type of resource."""
    return Text(
        f"« {reference} » ne désigne aucune ressource : une référence relative s'écrit Type/id, comme Patient/123.",
        f'"{reference}" names no resource: a relative reference is written Type/id, such as Patient/123.',
    )


def malformed(reference: str) -> Text:
    """Return: the reference's text is no url."""
    return Text(
        f"« {reference} » n'est pas une référence : attendu Type/id, une URL absolue, urn:uuid:… ou #id d'une"
        " ressource contenue.",
        f'"{reference}" is not a reference: expected Type/id, an absolute URL, urn:uuid:… or #id of a contained'
        " resource.",
    )


def contained_missing(reference: str, *, in_bundle: bool) -> Text:
    """Return: a `#id` reference without a contained resource of that id."""
    if in_bundle:
        return Text(
            f"« {reference} » désigne une entrée du Bundle, or # ne désigne qu'une ressource contenue : référencez"
            " l'entrée par son fullUrl (urn:uuid:…), sans #.",
            f'"{reference}" names an entry of the Bundle, but # only names a contained resource: refer to the entry by'
            " its fullUrl (urn:uuid:…), without #.",
        )
    return Text(
        f"Aucune ressource contenue n'a l'id de « {reference} » : ajoutez-la dans contained ou corrigez la référence.",
        f'No contained resource has the id of "{reference}": add it to contained, or mend the reference.',
    )


def type_unknown(stated: str) -> Text:
    """Return: Reference.type is no resource type."""
    return Text(
        f"Reference.type « {stated} » n'est pas un type de ressource FHIR R4.",
        f'Reference.type "{stated}" is not a FHIR R4 resource type.',
    )


def type_differs(stated: str, found: str) -> Text:
    """Return: Reference.type and the target disagree."""
    return Text(
        f"Reference.type dit {stated}, la référence mène à un(e) {found}.",
        f"Reference.type says {stated}, the reference leads to a {found}.",
    )


def wrong_target(found: str, allowed: Sequence[str], origin: str) -> Text:
    """Return: the target's type is not allowed here."""
    return Text(
        f"La référence mène à un(e) {found} ; permis ici : {', '.join(allowed)} ({origin}).",
        f"The reference leads to a {found}; allowed here: {', '.join(allowed)} ({origin}).",
    )


def wrong_profile(wanted: Sequence[str], why: Text | None, origin: str) -> Text:
    """Return: the target is at hand and does not meet the profile asked for."""
    return Text(
        f"La ressource référencée ne respecte pas {' ni '.join(wanted)} ({origin})" + (f" : {why.fr}" if why else "."),
        f"The referenced resource does not meet {' or '.join(wanted)} ({origin})" + (f": {why.en}" if why else "."),
    )


def not_here(reference: str, aggregation: Sequence[str], origin: str) -> Text:
    """Return: the target is not where the profile wants it: contained, in the Bundle, or elsewhere."""
    french = {
        "contained": "contenue dans la ressource",
        "bundled": "dans le Bundle",
        "referenced": "hors de la ressource",
    }
    english = {"contained": "contained in the resource", "bundled": "in the Bundle", "referenced": "outside of it"}
    places, listed = (" ou ".join(french[one] for one in aggregation), " or ".join(english[one] for one in aggregation))
    return Text(
        f"La ressource que « {reference} » désigne doit être {places} ({origin}).",
        f'What "{reference}" names must be {listed} ({origin}).',
    )


def wrong_version(reference: str, versioning: str, origin: str) -> Text:
    """Return: the profile asks for a reference to a version, or forbids it."""
    if versioning == "specific":
        return Text(
            f"« {reference} » doit nommer une version : ajoutez /_history/… ({origin}).",
            f'"{reference}" must name a version: add /_history/… ({origin}).',
        )
    return Text(
        f"« {reference} » ne doit pas nommer de version : retirez /_history/… ({origin}).",
        f'"{reference}" must not name a version: remove /_history/… ({origin}).',
    )


def contained_orphan(own: str) -> Text:
    """Return: a contained resource that nothing refers to (dom-3)."""
    return Text(
        f"La ressource contenue « {own} » n'est référencée nulle part dans la ressource (dom-3) : référencez-la"
        f" par « #{own} » ou retirez-la.",
        f'The contained resource "{own}" is referenced from nowhere in the resource (dom-3): refer to it by "#{own}",'
        " or leave it out.",
    )


def contained_without_id() -> Text:
    """Return: a contained resource needs an id."""
    return Text(
        "Une ressource contenue doit avoir un id, pour être référencée.",
        "A contained resource must have an id, to be referred to.",
    )


def contained_twice(own: str) -> Text:
    """Return: two contained resources of one id."""
    return Text(
        f"Deux ressources contenues ont l'id « {own} » : rendez-les uniques.",
        f'Two contained resources have the id "{own}": make them unique.',
    )


def contained_nests() -> Text:
    """Return: a contained resource contains others (dom-2)."""
    return Text(
        "Une ressource contenue ne peut pas en contenir d'autres (dom-2) : placez-les toutes au premier niveau.",
        "A contained resource cannot contain others (dom-2): put them all on the first level.",
    )


def contained_meta(name: str, key: str) -> Text:
    """Return: a contained resource has a version, a date or security labels of its own (dom-4, dom-5)."""
    return Text(
        f"Une ressource contenue n'a pas de meta.{name} ({key}) : retirez-le.",
        f"A contained resource has no meta.{name} ({key}): leave it out.",
    )

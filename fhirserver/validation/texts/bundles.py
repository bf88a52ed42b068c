"""Texts on Bundles."""

from __future__ import annotations

from fhirserver.issues import Text


def url_relative(url: str) -> Text:
    """Return: fullUrl must be absolute."""
    return Text(
        f"fullUrl « {url} » doit être absolu : https://…/Type/id ou urn:uuid:….",
        f'fullUrl "{url}" must be absolute: https://…/Type/id or urn:uuid:….',
    )


def url_differs(url: str, own: str) -> Text:
    """Return: fullUrl names another resource than the one in the entry."""
    return Text(
        f"fullUrl {url} ne désigne pas la ressource de l'entrée, {own} : rendez-les égaux.",
        f"fullUrl {url} does not name the entry's resource, {own}: make them agree.",
    )


def url_missing() -> Text:
    """Return: an entry without fullUrl."""
    return Text(
        "Cette entrée n'a pas de fullUrl, par lequel les autres la référencent : ajoutez-le (https://…/Type/id ou"
        " urn:uuid:…).",
        "This entry has no fullUrl, by which others refer to it: add it (https://…/Type/id or urn:uuid:…).",
    )


def url_missing_for_reference() -> Text:
    """Return: a relative reference in an entry without fullUrl."""
    return Text(
        "Référence relative dans une entrée sans fullUrl : elle ne mène à rien ; donnez un fullUrl à l'entrée ou une"
        " URL absolue à la référence.",
        "Relative reference in an entry without fullUrl: it leads nowhere; give the entry its fullUrl, or the reference"
        " an absolute URL.",
    )


def url_advised() -> Text:
    """Return: an entry of a transaction with relative references and no fullUrl."""
    return Text(
        "Cette entrée n'a pas de fullUrl : ses références relatives désigneront les ressources de ce serveur.",
        "This entry has no fullUrl: its relative references will mean the resources of this server.",
    )


def link_twice(relation: str) -> Text:
    """Return: two links of one relation."""
    return Text(
        f"Deux liens « {relation} » dans une réponse de recherche : gardez-en un.",
        f'Two "{relation}" links in a search result: keep one of them.',
    )


def found_without_id() -> Text:
    """Return: a resource in a search result has an id."""
    return Text(
        "Une ressource trouvée par une recherche porte son id : ajoutez-le.",
        "A resource found by a search carries its id: add it.",
    )


def mode_outcome(found: str) -> Text:
    """Return: only OperationOutcomes have the mode outcome."""
    return Text(
        f"search.mode outcome n'est que pour un OperationOutcome ; trouvé {found}.",
        f"search.mode outcome is for an OperationOutcome only; found {found}.",
    )


def mode_match(found: str, searched: str) -> Text:
    """Return: a match is of the type that was searched."""
    return Text(
        f"La recherche portait sur {searched} : un(e) {found} n'y répond pas (search.mode match) ; mettez include.",
        f"The search was for {searched}: a {found} does not match it (search.mode match); say include.",
    )


def orphan() -> Text:
    """Return: an entry of a document that nothing joins to the Composition."""
    return Text(
        "Aucune référence ne relie cette entrée à la Composition du document : référencez-la ou retirez-la.",
        "No reference joins this entry to the document's Composition: refer to it, or leave it out.",
    )


def reference_missing(reference: str) -> Text:
    """Return: the Bundle must hold what it refers to."""
    return Text(
        f"« {reference} » ne désigne aucune entrée de ce Bundle, qui doit tout contenir : ajoutez l'entrée.",
        f'"{reference}" names no entry of this Bundle, which must hold everything: add the entry.',
    )


def reference_several(reference: str) -> Text:
    """Return: several entries answer to one reference."""
    return Text(
        f"« {reference} » désigne plusieurs entrées de ce Bundle : précisez la version (/_history/…) ou rendez les"
        " fullUrl uniques.",
        f'"{reference}" names several entries of this Bundle: state the version (/_history/…), or make each fullUrl'
        " unique.",
    )

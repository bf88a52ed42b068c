"""Texts on rules between elements: invariants, extensions, references, contained resources, Bundles."""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.definitions import BASE
from fhirserver.issues import Text
from fhirserver.validation.texts.invariants import FRENCH


def broken(key: str, human: str, origin: str, expression: str) -> Text:
    """Return: an invariant does not hold; those of R4 are told in French, others in the words of their guide."""
    french = FRENCH.get(key, human) if origin.startswith(BASE) else human
    return Text(
        f"La règle {key} n'est pas respectée : {french} (profil {origin} ; expression : {expression}).",
        f"The rule {key} is broken: {human} (profile {origin}; expression: {expression}).",
    )


def no_expression(key: str, origin: str) -> Text:
    """Return: the guide states an invariant in prose only."""
    return Text(
        f"La règle {key} de {origin} n'a pas d'expression : elle n'a pas pu être vérifiée.",
        f"The rule {key} of {origin} has no expression: it could not be evaluated.",
    )


def bad_expression(key: str, origin: str, reason: Text) -> Text:
    """Return: an invariant cannot be evaluated."""
    return Text(
        f"La règle {key} de {origin} n'a pas pu être évaluée : {reason.fr}",
        f"The rule {key} of {origin} could not be evaluated: {reason.en}",
    )


def extension_url_missing() -> Text:
    """Return: an extension without a url."""
    return Text("Une extension doit porter son url.", "An extension must carry its url.")


def extension_url_relative(url: str) -> Text:
    """Return: an extension's url must be absolute."""
    return Text(
        f"L'url de l'extension « {url} » doit être absolue (https://…).",
        f'The url of the extension "{url}" must be absolute (https://…).',
    )


def extension_unknown(url: str) -> Text:
    """Return: nobody here defines this extension."""
    return Text(
        f"L'extension {url} n'est définie par aucun guide chargé : conservée, mais non vérifiée.",
        f"The extension {url} is defined by no guide loaded here: kept, but not verified.",
    )


def extension_cross_version(url: str) -> Text:
    """Return: an extension that stands for an element of another FHIR version."""
    return Text(
        f"L'extension {url} reprend un élément d'une autre version de FHIR : conservée, mais non vérifiée.",
        f"The extension {url} carries an element of another FHIR version: kept, but not verified.",
    )


def extension_cross_version_wrong(url: str) -> Text:
    """Return: no such FHIR version."""
    return Text(
        f"L'extension {url} nomme une version de FHIR qui n'existe pas.",
        f"The extension {url} names a FHIR version that does not exist.",
    )


def modifier_unknown(url: str) -> Text:
    """Return: an unknown modifier extension changes the meaning in ways unknown here."""
    return Text(
        f"L'extension modificatrice {url} est inconnue ici : elle change le sens de l'élément, qui ne peut donc pas"
        " être accepté. Retirez-la ou faites charger le guide qui la définit.",
        f"The modifier extension {url} is unknown here: it changes what the element means, which can therefore not"
        " be accepted. Leave it out, or have its guide loaded.",
    )


def modifier_misplaced(url: str, *, is_modifier: bool) -> Text:
    """Return: a modifier extension outside of modifierExtension, or the other way round."""
    if is_modifier:
        return Text(
            f"{url} est une extension modificatrice : elle va dans modifierExtension.",
            f"{url} is a modifier extension: it belongs into modifierExtension.",
        )
    return Text(
        f"{url} n'est pas une extension modificatrice : elle va dans extension.",
        f"{url} is not a modifier extension: it belongs into extension.",
    )


def extension_not_here(url: str, places: Sequence[str]) -> Text:
    """Return: the extension's definition does not allow it on this element."""
    listed = ", ".join(places)
    return Text(
        f"L'extension {url} n'est pas prévue sur cet élément ; prévue sur : {listed}.",
        f"The extension {url} is not meant for this element; meant for: {listed}.",
    )


def extension_rule(url: str, rule: str) -> Text:
    """Return: what holds the extension breaks a rule of the extension's definition."""
    return Text(
        f"L'extension {url} demande que l'élément qui la porte vérifie « {rule} ».",
        f'The extension {url} asks that the element holding it meets "{rule}".',
    )


def extension_inner_unknown(url: str, outer: str, known: Sequence[str]) -> Text:
    """Return: a complex extension has no such part."""
    listed = ", ".join(known)
    return Text(
        f"L'extension {outer} n'a pas de partie « {url} » ; parties définies : {listed}.",
        f'The extension {outer} has no part "{url}"; parts defined: {listed}.',
    )


def profile_unknown(canonical: str, near: str | None) -> Text:
    """Return: a profile claimed or asked for is not loaded here."""
    french = f" ; ce profil s'appelle aujourd'hui {near}" if near else " ; corrigez l'URL ou faites charger son guide"
    english = f"; this profile is now called {near}" if near else "; mend the URL, or have its guide loaded"
    return Text(
        f"Le profil {canonical} n'est pas connu de ce serveur{french}.",
        f"The profile {canonical} is not known to this server{english}.",
    )


def profile_wrong_type(canonical: str, wanted: str, found: str) -> Text:
    """Return: the profile is for another type."""
    return Text(
        f"Le profil {canonical} porte sur {wanted}, la ressource est un(e) {found}.",
        f"The profile {canonical} is for {wanted}, the resource is a {found}.",
    )


def no_profile(canonicals: Sequence[str], why: Text | None) -> Text:
    """Return: none of the profiles of which one is needed is met."""
    return Text(
        f"Aucun de ces profils n'est respecté, or il en faut un : {', '.join(canonicals)}"
        + (f" ({why.fr})" if why else "."),
        f"None of these profiles is met, and one is needed: {', '.join(canonicals)}" + (f" ({why.en})" if why else "."),
    )


def id_twice(own: str) -> Text:
    """Return: two elements of one resource have the same id."""
    return Text(
        f"L'id d'élément « {own} » figure deux fois dans la ressource : rendez-le unique.",
        f'The element id "{own}" stands twice in the resource: make it unique.',
    )


def search_expression(expression: str, reason: Text) -> Text:
    """Return: a search parameter's expression is no FHIRPath."""
    return Text(
        f"L'expression « {expression} » n'est pas du FHIRPath : {reason.fr}",
        f'The expression "{expression}" is not FHIRPath: {reason.en}',
    )


def search_base(found: str, bases: Sequence[str]) -> Text:
    """Return: a search parameter's expression speaks of a type outside of its base."""
    return Text(
        f"L'expression part de {found}, qui n'est pas dans base ({', '.join(bases)}).",
        f"The expression begins at {found}, which is not in base ({', '.join(bases)}).",
    )


def base_unknown(canonical: str) -> Text:
    """Return: the base of a profile is not loaded."""
    return Text(
        f"La base {canonical} n'est définie par aucun guide chargé : le profil n'a pas pu être vérifié.",
        f"The base {canonical} is defined by no guide loaded here: the profile could not be verified.",
    )


def no_snapshot(element: str, reason: Text) -> Text:
    """Return: a differential of which no snapshot can be made."""
    place, at = (f" ({element})", f" ({element})") if element else ("", "")
    return Text(
        f"Ce différentiel ne donne pas de profil applicable{place} : {reason.fr}",
        f"This differential makes no profile that can be applied{at}: {reason.en}",
    )


def widened(name: str, stated: str, base: str) -> Text:
    """Return: a profile allows what its base does not."""
    return Text(
        f"{name} vaut {stated}, la base impose {base} : un profil restreint sa base et ne l'élargit pas.",
        f"{name} is {stated}, the base states {base}: a profile narrows its base and never widens it.",
    )


def by_code(text: Text, canonical: str) -> Text:
    """Return: a text of a profile that holds because of what is observed, not because it is claimed."""
    return Text(
        f"{text.fr} Le code est celui d'un signe vital : le profil {canonical} s'applique, déclaré ou non.",
        f"{text.en} The code is that of a vital sign: the profile {canonical} holds, claimed or not.",
    )

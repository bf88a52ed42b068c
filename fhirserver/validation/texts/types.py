"""Texts on the rules of single data types."""

from __future__ import annotations

from fhirserver.issues import Text


def identifier_system(system: str) -> Text:
    """Return: an identifier's system must be an absolute uri."""
    return Text(
        f"Le système d'identifiants « {system} » doit être une URI absolue, en minuscules (https://…, urn:oid:…).",
        f'The identifier system "{system}" must be an absolute URI, its scheme in lower case (https://…, urn:oid:…).',
    )


def identifier_uri(value: str) -> Text:
    """Return: an identifier of system urn:ietf:rfc:3986 is a uri itself."""
    return Text(
        f"Avec le système urn:ietf:rfc:3986 la valeur est une URI complète (urn:oid:…), or c'est « {value} ».",
        f'With the system urn:ietf:rfc:3986 the value is a full URI (urn:oid:…), but it is "{value}".',
    )


def attachment_size(stated: int, real: int) -> Text:
    """Return: the stated size is not the content's."""
    return Text(
        f"size annonce {stated} octets, le contenu en a {real} : corrigez size ou le contenu.",
        f"size states {stated} bytes, the content has {real}: mend size or the content.",
    )


def attachment_hash(stated: str, real: str) -> Text:
    """Return: the stated hash is not the content's."""
    return Text(
        f"hash annonce {stated}, le SHA-1 du contenu (en base64) est {real} : corrigez hash ou le contenu.",
        f"hash states {stated}, the SHA-1 of the content (in base64) is {real}: mend hash or the content.",
    )


def narrative_not_xml(reason: str) -> Text:
    """Return: the narrative is not well-formed XHTML."""
    return Text(
        f"Le texte narratif n'est pas du XHTML bien formé : {reason}.",
        f"The narrative is not well-formed XHTML: {reason}.",
    )


def narrative_not_div(found: str) -> Text:
    """Return: the narrative is not a div in the XHTML namespace."""
    return Text(
        f'Le texte narratif doit être <div xmlns="http://www.w3.org/1999/xhtml"> ; trouvé {found}.',
        f'The narrative must be <div xmlns="http://www.w3.org/1999/xhtml">; found {found}.',
    )


def narrative_element(name: str) -> Text:
    """Return: an element that narratives may not hold."""
    return Text(
        f"L'élément <{name}> n'est pas permis dans un texte narratif (txt-1) : retirez-le.",
        f"The element <{name}> is not allowed in a narrative (txt-1): leave it out.",
    )


def narrative_attribute(name: str, element: str) -> Text:
    """Return: an attribute that narratives may not hold."""
    return Text(
        f"L'attribut {name} de <{element}> n'est pas permis dans un texte narratif (txt-1) : retirez-le.",
        f"The attribute {name} of <{element}> is not allowed in a narrative (txt-1): leave it out.",
    )


def narrative_link(target: str) -> Text:
    """Return: a link or image source of a scheme that is not allowed, or to something that is not there."""
    return Text(
        f"« {target} » ne mène à rien ou n'est pas permis dans un texte narratif : http(s), mailto, data:image ou #id"
        " présent dans la ressource.",
        f'"{target}" leads nowhere, or is not allowed in a narrative: http(s), mailto, data:image, or #id that is in'
        " the resource.",
    )


def narrative_empty() -> Text:
    """Return: the narrative says nothing (txt-2)."""
    return Text(
        "Le texte narratif est vide (txt-2) : écrivez du texte ou retirez text.",
        "The narrative is empty (txt-2): write text, or leave text out.",
    )

"""TD3.3a to d: which attributes of a document may be changed, by whom, into what.

A PATCH changes `status`, `securityLabel` and `isArchived`, nothing else (405). A document is deleted
(`entered-in-error`) by its author only (403); it becomes `superseded` by the document that replaces it, never by a
PATCH alone, and never current again (422). Labels: DMP homologation EX_2.1-1050, and the rules below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.dmp import labels as label
from fhirserver.dmp import marks
from fhirserver.dmp.names import IS_ARCHIVED
from fhirserver.dmp.visibility import DELETED, Part
from fhirserver.errors import Forbidden, MethodNotAllowed, Unprocessable
from fhirserver.issues import Issue, Text

MAJORITY: Final = 18
ALLOWED: Final = ("status", "securityLabel", "isArchived")
_HEADERS: Final = {"Allow": "GET, HEAD, PATCH"}
_BY_PATIENT: Final = frozenset({label.HIDDEN_FROM_PROFESSIONALS, label.HIDDEN_FROM_SOCIAL_WORKERS})
_SECRET: Final = frozenset({label.HIDDEN_FROM_REPRESENTATIVES})
"""Set by a minor or for him, and taken away by him at any age."""


@dataclass(frozen=True, slots=True)
class Changer:
    """Who changes.

    Attributes:
        part: in which he acts; an operator has none of the patient's and professionals' rights here.
        own: whether he is among the document's authors.
    """

    part: Part
    own: bool


def check(  # noqa: PLR0913 - a change, its maker and its limits
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    changer: Changer,
    *,
    age: int | None,
    allow_both: bool,
    replaced: bool,
) -> None:
    """Refuse a change that the DMP does not know.

    Args:
        before: the DocumentReference as it stands.
        after: as it would be.
        changer: who changes it.
        age: of the patient, in years; None where it is not known.
        allow_both: whether MASQUE_PS and INVISIBLE_PATIENT may stand together.
        replaced: whether the same commit brings the document that replaces this one.

    Raises:
        MethodNotAllowed: another element is touched.
        Forbidden: not his to do.
        Unprocessable: a status or labels that may not be.
    """
    touched = changed(before, after)
    if touched:
        raise _not_allowed(touched)
    _status(str(before.get("status")), str(after.get("status")), changer, replaced=replaced)
    if before.get("securityLabel") != after.get("securityLabel"):
        _labels(before, after, changer, age, allow_both=allow_both)
    if marks.archived(before) != marks.archived(after) and changer.part is Part.NOBODY:
        raise _forbidden("archive", "archiver un document", "archive a document")


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the elements that differ and may not."""
    one, other = _fixed(before), _fixed(after)
    names = sorted({*one, *other})
    return [name for name in names if one.get(name) != other.get(name)]


def _fixed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a document no PATCH may touch."""
    meta = {name: value for name, value in document.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    kept = {
        name: value
        for name, value in document.items()
        if name not in ("status", "securityLabel", "meta", "extension", "_status")
    }
    extensions = [item for item in document.get("extension", ()) if item.get("url") != IS_ARCHIVED]
    return {**kept, **({"extension": extensions} if extensions else {}), **({"meta": meta} if meta else {})}


def _status(before: str, after: str, changer: Changer, *, replaced: bool) -> None:
    if before == after:
        return
    if before == DELETED:
        raise _unprocessable(
            "DocumentReference.status",
            "deleted-stays",
            "Le document est supprimé et le reste ; déposez-le à nouveau sous un autre identifiant.",
            "The document is deleted and stays so; submit it again under another identifier.",
        )
    if after == DELETED:
        if not changer.own:
            raise _forbidden(
                "author-only",
                "supprimer un document : c'est à son auteur (masquez-le, si le patient le demande)",
                "delete a document: that is its author's (mask it, if the patient asks for it)",
            )
        return
    if after == "superseded" and before == "current":
        if replaced:
            return
        raise _unprocessable(
            "DocumentReference.status",
            "superseded-by-replacement",
            "Un document n'est remplacé que par la soumission de celui qui le remplace (relatesTo replaces).",
            "A document is superseded only by the submission of the one that replaces it (relatesTo replaces).",
        )
    raise _unprocessable(
        "DocumentReference.status",
        "status-change",
        f"Le statut ne passe pas de {before} à {after}.",
        f"The status does not go from {before} to {after}.",
    )


def _labels(
    before: Mapping[str, Any], after: Mapping[str, Any], changer: Changer, age: int | None, *, allow_both: bool
) -> None:
    faults = label.unknown(after)
    if faults or not after.get("securityLabel"):
        position, code = faults[0] if faults else (0, "")
        told = label.unknown_text(code)
        raise _unprocessable(f"DocumentReference.securityLabel[{position}]", "label", told.fr, told.en)
    old, new = label.of(before), label.of(after)
    if label.excluded(new, allow_both=allow_both):
        raise _unprocessable(
            "DocumentReference.securityLabel",
            "label-combination",
            "MASQUE_PS et INVISIBLE_PATIENT ne se cumulent pas : personne ne verrait plus le document.",
            "MASQUE_PS and INVISIBLE_PATIENT do not stand together: nobody would see the document any more.",
        )
    moved = old ^ new
    minor = age is not None and age < MAJORITY
    if label.HIDDEN_FROM_REPRESENTATIVES in new - old and not minor:
        raise _unprocessable(
            "DocumentReference.securityLabel",
            "minors-secret",
            "INVISIBLE_REPRESENTANTS_LEGAUX est le secret d'un mineur ; ce patient est majeur, ou son âge est inconnu.",
            "INVISIBLE_REPRESENTANTS_LEGAUX is a minor's secret; this patient is of age, or his age is unknown.",
        )
    if changer.part is Part.PATIENT and moved - _BY_PATIENT - _SECRET:
        raise _forbidden("label-patient", "changer ce statut de visibilité", "change this visibility label")
    if changer.part is Part.REPRESENTATIVE and moved - _BY_PATIENT:
        raise _forbidden("label-patient", "changer ce statut de visibilité", "change this visibility label")
    if changer.part in (Part.STRUCTURE, Part.NOBODY, Part.SOCIAL) and not changer.own:
        raise _forbidden("label", "changer la visibilité de ce document", "change this document's visibility")


def refuse_method(method: str, kind: str) -> MethodNotAllowed:
    """Return the failure of a PUT or DELETE on what a submission stored."""
    return MethodNotAllowed(
        Text(
            f"{method} n'est pas offert sur une ressource {kind} du DMP : un document se remplace par une nouvelle "
            "soumission, et ses attributs se changent par PATCH.",
            f"{method} is not offered on a {kind} of the DMP: a document is replaced by a new submission, and its "
            "attributes are changed by PATCH.",
        ),
        rule="dmp-method",
        headers=_HEADERS if kind == "DocumentReference" else {"Allow": "GET, HEAD"},
    )


def _not_allowed(names: list[str]) -> MethodNotAllowed:
    allowed = ", ".join(ALLOWED)
    issues = [
        Issue(
            "error",
            "not-supported",
            Text(
                f"L'élément {name} ne se change pas par PATCH ; seuls se changent {allowed}.",
                f"The element {name} is not changed by PATCH; only {allowed} are.",
            ),
            f"DocumentReference.{name}",
            "dmp-attributes",
        )
        for name in names
    ]
    return MethodNotAllowed(issues[0].text, issues=issues, headers=_HEADERS)


def _forbidden(rule: str, fr: str, en: str) -> Forbidden:
    return Forbidden(Text(f"Vous ne pouvez pas {fr}.", f"You may not {en}."), rule=rule)


def _unprocessable(expression: str, rule: str, fr: str, en: str) -> Unprocessable:
    return Unprocessable(Text(fr, en), expression=expression, rule=rule, code="business-rule")

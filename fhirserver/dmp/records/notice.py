"""A notification to the patient as FHIR: a Communication in his record, and what of it may leave the server.

Inside it says what happened; outside (e-mail, SMS, by the operator's gateway) nothing of the patient's health is said,
but that there is something to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhirserver.dmp.records.resource import CODES
from fhirserver.issues import Language, Text

KIND: Final = "Communication"
_CATEGORY: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "notification"}]
}
_TOPICS: Final = {
    "document": Text("Nouveau document", "New document"),
    "access": Text("Accès au DMP", "Access to the DMP"),
    "record": Text("Changement du DMP", "Change of the DMP"),
}
_TEXTS: Final = {
    "document": Text("Un document a été ajouté à votre DMP : {title}", "A document was added to your DMP: {title}"),
    "emergency": Text(
        "Votre DMP a été consulté en urgence (bris de glace)", "Your DMP was opened in an emergency (break the glass)"
    ),
    "regulation": Text(
        "Votre DMP a été consulté par un centre de régulation (centre 15)", "Your DMP was opened by a regulation centre"
    ),
    "join": Text("Un professionnel rejoint votre équipe de soins", "A professional joins your care team"),
    "consent": Text(
        "Un professionnel déclare votre accord pour une consultation",
        "A professional states your consent to a consultation",
    ),
    "treat": Text("Votre médecin traitant a changé dans votre DMP", "Your treating doctor changed in your DMP"),
    "create": Text("Votre DMP a été créé", "Your DMP was created"),
    "close": Text("Votre DMP a été fermé", "Your DMP was closed"),
    "reopen": Text("Votre DMP a été rouvert", "Your DMP was reopened"),
    "attach": Text("Votre DMP est rattaché à Mon espace santé", "Your DMP is attached to Mon espace santé"),
    "detach": Text(
        "Votre DMP n'est plus rattaché à Mon espace santé", "Your DMP is no longer attached to Mon espace santé"
    ),
    "oppose": Text("Une opposition a été notée dans votre DMP", "An opposition was noted in your DMP"),
    "accept": Text("Une opposition a été levée dans votre DMP", "An opposition was withdrawn in your DMP"),
    "block": Text("Un professionnel a été bloqué dans votre DMP", "A professional was blocked in your DMP"),
    "unblock": Text("Un professionnel n'est plus bloqué dans votre DMP", "A professional is no longer blocked"),
    "represent": Text("Un représentant légal a été ajouté à votre DMP", "A legal representative was added to your DMP"),
    "unrepresent": Text("Un représentant légal a été retiré de votre DMP", "A legal representative was removed"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification.

    Attributes:
        id: of its resource.
        event: of which the patient may choose to hear: one of `record.EVENTS`.
        what: happened: a key of the texts.
        subject: Reference to the patient.
        at: when it is told.
        who: did it, for display; empty where unknown.
        document: id of the DocumentReference that it is about.
        title: of that document.
    """

    id: str
    event: str
    what: str
    subject: dict[str, Any]
    at: datetime
    who: str = ""
    document: str | None = None
    title: str = ""


def communication(notice: Notice, language: Language) -> dict[str, Any]:
    """Return the Communication by which the patient reads it."""
    text = _TEXTS[notice.what].say(language).format(title=notice.title or "document")
    return {
        **_message(notice, language),
        **({"about": [{"reference": f"DocumentReference/{notice.document}"}]} if notice.document else {}),
        **({"sender": {"display": notice.who}} if notice.who else {}),
        "payload": [{"contentString": f"{text} ({notice.who})." if notice.who else f"{text}."}],
    }


def outside(notice: Notice, language: Language) -> dict[str, Any]:
    """Return what leaves the server: whom it concerns, and that there is something to read."""
    hint = Text("Connectez-vous pour en savoir plus.", "Sign in to read more.")
    text = f"{_TOPICS[notice.event].say(language)}. {hint.say(language)}"
    return {**_message(notice, language), "payload": [{"contentString": text}]}


def _message(notice: Notice, language: Language) -> dict[str, Any]:
    topic = _TOPICS[notice.event].say(language)
    return {
        "resourceType": KIND,
        "id": notice.id,
        "status": "completed",
        "category": [_CATEGORY],
        "topic": {"coding": [{"system": CODES, "code": notice.event}], "text": topic},
        "subject": notice.subject,
        "recipient": [notice.subject],
        "sent": notice.at.isoformat(timespec="seconds"),
    }

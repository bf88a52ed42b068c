"""A patient's record (DMP): its state, its acts, and who may open it. Pure values; each act returns a new record.

Sources: PSDm4DMP TD0.2 (state, closure, attachment to Mon espace santé), Code de la santé publique L1111-14 to -21
(automatic creation, opposition, closure), arrêté of 26 October 2023 (care team, consent, blocked professionals).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from fhirserver.dmp.visibility import Mode, Part, Reader, Standing, State
from fhirserver.errors import Unprocessable
from fhirserver.issues import Text


class Opposition(StrEnum):
    """What a patient may oppose, each by itself."""

    CREATION = "creation"
    FEEDING = "feeding"
    READING = "reading"
    EMERGENCY = "emergency"
    REGULATION = "regulation"
    EXECUTION = "execution"
    """That prescribers see what was dispensed."""


class Motive(StrEnum):
    """Why a record was closed; the guide names the code system and leaves its codes open."""

    PATIENT = "demande-titulaire"
    DEATH = "deces"
    ADMINISTRATIVE = "administratif"


@dataclass(frozen=True, slots=True)
class Span:
    """Somebody's time of access.

    Attributes:
        who: `rpps:…` or `structure:…`.
        begin: first moment.
        end: first moment after; None: until it is ended.
    """

    who: str
    begin: datetime
    end: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether it holds at a moment."""
        return self.begin <= moment and (self.end is None or moment < self.end)


class Closure(NamedTuple):
    """When and why a record was closed."""

    day: date
    motive: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A record, or the opposition to having one.

    Attributes:
        key: system and value of the INS, joined by a bar.
        state: ABSENT only while its creation is opposed or has not taken place.
        closure: set while closed.
        attached: whether it is part of Mon espace santé.
        treating: `rpps:…` of the treating doctor.
        oppositions: what the patient opposes.
        blocked: whom he has blocked (`rpps:…`).
        team: the care team's members, past ones included.
        consents: for single consultations, past ones included.
        representatives: `ins:…` of the legal representatives; those of a minor until he comes of age.
        former: keys of the records that went into this one, their patients being the same.
        notified: the events of which the patient wants to hear.
    """

    key: str
    state: State = State.ABSENT
    created: datetime | None = None
    closure: Closure | None = None
    attached: bool = False
    treating: str | None = None
    oppositions: frozenset[Opposition] = frozenset()
    blocked: tuple[str, ...] = ()
    team: tuple[Span, ...] = ()
    consents: tuple[Span, ...] = ()
    representatives: tuple[Span, ...] = ()
    former: tuple[str, ...] = ()
    notified: tuple[str, ...] = field(default=("document", "access", "record"))

    @property
    def system(self) -> str:
        """The system of the INS."""
        return self.key.partition("|")[0]

    @property
    def ins(self) -> str:
        """The INS."""
        return self.key.partition("|")[2]

    @property
    def standing(self) -> Standing:
        """What the visibility function asks of a record."""
        return Standing(
            self.state,
            Opposition.READING in self.oppositions,
            Opposition.EMERGENCY in self.oppositions,
            Opposition.REGULATION in self.oppositions,
        )

    @property
    def fed(self) -> bool:
        """Whether documents may be added."""
        return self.state is State.ACTIVE and Opposition.FEEDING not in self.oppositions

    def is_represented(self, names: Collection[str], moment: datetime) -> bool:
        """Tell whether one of these names is that of a legal representative at a moment."""
        return any(span.who in names and span.holds(moment) for span in self.representatives)

    def reader(  # noqa: PLR0913 - what is known of a reader
        self,
        part: Part,
        names: tuple[str, ...],
        moment: datetime,
        *,
        profession: str | None = None,
        mode: Mode = Mode.NORMAL,
        secret: bool = False,
    ) -> Reader:
        """Return a reader as he stands to this record at a moment.

        Args:
            part: in which he reads.
            names: `rpps:…`, `structure:…` or `ins:…`, all of them his.
            moment: now.
            profession: code of TRE_G15.
            mode: how he came.
            secret: whether this is a minor's secret connection.
        """
        mine = set(names)
        return Reader(
            part=part,
            profession=profession,
            mode=mode,
            secret=secret,
            treating=self.treating in mine,
            authorised=any(span.who in mine and span.holds(moment) for span in (*self.team, *self.consents)),
            blocked=bool(mine & set(self.blocked)),
            represents=self.is_represented(mine, moment),
        )


EVENTS: Final = ("document", "access", "record")
"""Of what a patient may be notified: a new document; an access without his authorisation, or a professional who states
one; any other change of the record that is not his own."""
EVENT_OF_ACT: Final = {
    **dict.fromkeys(("join", "consent", "treat"), "access"),
    **dict.fromkeys(("create", "close", "reopen", "attach", "detach", "oppose", "accept"), "record"),
    **dict.fromkeys(("block", "unblock", "represent", "unrepresent"), "record"),
}
"""The event that an act of somebody else than the patient is to him."""


def create(record: Record, now: datetime) -> Record:
    """Create a record that is not there; an active one stays as it is.

    Raises:
        Unprocessable: the patient opposes its creation, or has closed it.
    """
    if record.state is State.ACTIVE:
        return record
    if Opposition.CREATION in record.oppositions:
        raise _refusal("dmp-opposed", "Le patient s'oppose à la création du DMP.", "The patient opposes a DMP.")
    if record.state is State.CLOSED:
        raise _refusal(
            "dmp-closed",
            "Ce DMP a été fermé : il se rouvre (reopen), il ne se crée pas de nouveau.",
            "This DMP has been closed: it is reopened (reopen), not created again.",
        )
    return replace(record, state=State.ACTIVE, created=now)


def close(record: Record, day: date, motive: str, reason: str | None = None) -> Record:
    """Close an active record; raises Unprocessable."""
    _require(record, State.ACTIVE)
    if motive not in set(Motive):
        shown = ", ".join(Motive)
        raise _refusal("dmp-motive", f"Motif inconnu ; connus : {shown}.", f"Unknown motive; known: {shown}.")
    return replace(record, state=State.CLOSED, closure=Closure(day, motive, reason))


def reopen(record: Record) -> Record:
    """Open a closed record again; raises Unprocessable."""
    _require(record, State.CLOSED)
    return replace(record, state=State.ACTIVE, closure=None)


def attach(record: Record, *, attached: bool) -> Record:
    """Attach a record to Mon espace santé, or detach it; raises Unprocessable."""
    _require(record, State.ACTIVE)
    return replace(record, attached=attached)


def oppose(record: Record, what: Opposition) -> Record:
    """Note an opposition; the record that exists is not closed by it."""
    return replace(record, oppositions=record.oppositions | {what})


def accept(record: Record, what: Opposition) -> Record:
    """Withdraw an opposition."""
    return replace(record, oppositions=record.oppositions - {what})


def block(record: Record, who: str) -> Record:
    """Block a professional, with or without consent, in every mode."""
    return record if who in record.blocked else replace(record, blocked=(*record.blocked, who))


def unblock(record: Record, who: str) -> Record:
    """Let a professional in again, where he is authorised."""
    return replace(record, blocked=tuple(each for each in record.blocked if each != who))


def treat(record: Record, who: str | None) -> Record:
    """Name the treating doctor, or none; raises Unprocessable."""
    _require(record, State.ACTIVE)
    return replace(record, treating=who)


def join(record: Record, span: Span) -> Record:
    """Add a member to the care team; raises Unprocessable."""
    _require(record, State.ACTIVE)
    return replace(record, team=(*_ended(record.team, span.who, span.begin), span))


def leave(record: Record, who: str, moment: datetime) -> Record:
    """End somebody's membership."""
    return replace(record, team=_ended(record.team, who, moment))


def consent(record: Record, span: Span) -> Record:
    """Note the consent to one consultation; raises Unprocessable."""
    _require(record, State.ACTIVE)
    if span.end is None:
        raise _refusal(
            "dmp-consent",
            "Un consentement vaut pour une consultation : il a une fin.",
            "A consent is for one consultation: it has an end.",
        )
    return replace(record, consents=(*_ended(record.consents, span.who, span.begin), span))


def withdraw(record: Record, who: str, moment: datetime) -> Record:
    """End a consent."""
    return replace(record, consents=_ended(record.consents, who, moment))


def represent(record: Record, span: Span) -> Record:
    """Note a legal representative, and until when."""
    return replace(record, representatives=(*_without(record.representatives, span.who), span))


def unrepresent(record: Record, who: str) -> Record:
    """Note that somebody is no legal representative any more."""
    return replace(record, representatives=_without(record.representatives, who))


def absorb(record: Record, former: Record) -> Record:
    """Return a record into which that of a replaced identity of the same patient goes: what either opposes holds.

    One that was closed for having gone into that very record opens again: the merge is taken back by its contrary.
    """
    merged = record.state is State.CLOSED and record.key in former.former
    if former.state is State.ACTIVE and (record.state is State.ABSENT or merged):
        record = replace(record, state=State.ACTIVE, created=record.created or former.created, closure=None)
    return replace(
        record,
        attached=record.attached or former.attached,
        treating=record.treating or former.treating,
        oppositions=record.oppositions | former.oppositions,
        blocked=tuple(dict.fromkeys((*record.blocked, *former.blocked))),
        team=tuple(dict.fromkeys((*record.team, *former.team))),
        consents=tuple(dict.fromkeys((*record.consents, *former.consents))),
        representatives=tuple(dict.fromkeys((*record.representatives, *former.representatives))),
        former=tuple(
            each for each in dict.fromkeys((*record.former, *former.former, former.key)) if each != record.key
        ),
    )


def notify(record: Record, events: tuple[str, ...]) -> Record:
    """Choose the events of which the patient hears; raises Unprocessable."""
    if set(events) - set(EVENTS):
        shown = ", ".join(EVENTS)
        raise _refusal("dmp-event", f"Événement inconnu ; connus : {shown}.", f"Unknown event; known: {shown}.")
    return replace(record, notified=tuple(each for each in EVENTS if each in events))


def _without(spans: tuple[Span, ...], who: str) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.who != who)


def _ended(spans: tuple[Span, ...], who: str, moment: datetime) -> tuple[Span, ...]:
    """Return spans of which those of one person end at a moment at the latest; what would not have begun goes."""
    kept = []
    for span in spans:
        if span.who != who or (span.end is not None and span.end <= moment):
            kept.append(span)
        elif span.begin < moment:
            kept.append(replace(span, end=moment))
    return tuple(kept)


def _require(record: Record, state: State) -> None:
    if record.state is state:
        return
    states = {
        State.ABSENT: Text("Ce patient n'a pas de DMP.", "This patient has no DMP."),
        State.ACTIVE: Text("Ce DMP est actif.", "This DMP is active."),
        State.CLOSED: Text("Ce DMP est fermé.", "This DMP is closed."),
    }
    found = states[record.state]
    raise _refusal("dmp-state", found.fr, found.en)


def _refusal(rule: str, fr: str, en: str) -> Unprocessable:
    return Unprocessable(Text(fr, en), code="business-rule", rule=rule)

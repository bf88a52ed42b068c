"""$dmp: a patient's record (DMP) shown, and the acts by which it changes.

`GET Patient/[id]/$dmp` answers a collection: the Patient with the DMP's extensions, Consents, CareTeam, RelatedPersons.
`POST` takes Parameters: `act`, and what that act needs: `who` (Identifier), `period`, `what`, `motive`, `reason`,
`date`, `event`, `informed`. docs/dmp-access.md lists the acts and who may do each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from fhirserver import jsontext
from fhirserver.access.caller import Role
from fhirserver.access.decide import decide, require_scope
from fhirserver.dmp import identity, marks
from fhirserver.dmp.attributes import MAJORITY
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.records import record as acts
from fhirserver.dmp.records import views as record_views
from fhirserver.dmp.records.record import Motive, Opposition, Record, Span
from fhirserver.dmp.visibility import Part, enter
from fhirserver.errors import BadRequest, Forbidden, NotFound
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.shown import visibility
from fhirserver.issues import Text
from fhirserver.operations.registry import Call, Operation
from fhirserver.records import callers, existence, keeping
from fhirserver.records.after import notices
from fhirserver.search.values import instants
from fhirserver.store import Transaction

CONSULTATION: Final = timedelta(days=1)
"""How long a consent to one consultation holds where no end is given."""
_DOCTOR: Final = "10"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000
_DAY_LENGTH: Final = len("2026-03-02")
_LEAP_DAY: Final = (2, 29)
_FULL: Final = frozenset({Part.PATIENT, Part.REPRESENTATIVE})
_BY_PATIENT: Final = frozenset(
    "create close reopen attach detach oppose accept block unblock treat join leave consent withdraw notify".split()  # noqa: SIM905 - one line
)
_BY_REPRESENTATIVE: Final = frozenset("oppose accept block unblock treat join leave consent withdraw".split())  # noqa: SIM905 - one line
_BY_PROFESSIONAL: Final = frozenset({"create", "join", "leave", "consent", "withdraw", "treat"})
_BY_STRUCTURE: Final = frozenset({"create", "join", "leave"})
_PARAMETERS: Final = ("act", "who", "period", "what", "motive", "reason", "date", "event", "informed")
_WHOM: Final = {"treat": ("rpps",), "represent": ("ins",), "unrepresent": ("ins",)}
"""Of what kind whom an act names is; the other acts name a professional or a structure."""
_RPPS: Final = re.compile(r"\d{11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """An act with what it needs.

    Attributes:
        who: name of the professional, structure or representative that it is about.
        majority: when the patient comes of age; None: he is of age, or it is not known.
        informed: whether the patient was informed and did not oppose.
    """

    act: str
    now: datetime
    who: str | None
    begin: datetime
    end: datetime | None
    what: str | None
    motive: str | None
    reason: str | None
    day: date
    majority: datetime | None
    events: tuple[str, ...]
    informed: bool

    def named(self) -> str:
        """Return whom the act is about; raises BadRequest."""
        if self.who is None:
            raise _missing("who")
        return self.who

    def require_kind(self) -> None:
        """Require that the act concerns somebody of that kind; raises BadRequest."""
        kinds = _WHOM.get(self.act, ("rpps", "structure"))
        if self.who is not None and self.who.partition(":")[0] not in kinds:
            raise _whom(f"{self.act}, who", kinds)

    def until(self) -> datetime | None:
        """Return until when a representative is one: a minor's until he comes of age, at the latest."""
        ends = [end for end in (self.end, self.majority) if end is not None]
        return min(ends, default=None)

    def opposition(self) -> Opposition:
        """Return what is opposed; raises BadRequest."""
        if self.what not in set(Opposition):
            raise _missing("what", ", ".join(Opposition))
        return Opposition(self.what)


_KINDS: Final = {
    "rpps": Text(
        "un Identifier de professionnel (urn:oid:1.2.250.1.71.4.2.1)",
        "an Identifier of a professional (urn:oid:1.2.250.1.71.4.2.1)",
    ),
    "structure": Text("de structure (urn:oid:1.2.250.1.71.4.2.2)", "of a structure (urn:oid:1.2.250.1.71.4.2.2)"),
    "ins": Text("une INS", "an INS"),
}
ACTS: Final[dict[str, Callable[[Record, Asked], Record]]] = {
    "create": lambda record, asked: acts.create(record, asked.now),
    "close": lambda record, asked: acts.close(record, asked.day, asked.motive or Motive.PATIENT, asked.reason),
    "reopen": lambda record, _: acts.reopen(record),
    "attach": lambda record, _: acts.attach(record, attached=True),
    "detach": lambda record, _: acts.attach(record, attached=False),
    "oppose": lambda record, asked: acts.oppose(record, asked.opposition()),
    "accept": lambda record, asked: acts.accept(record, asked.opposition()),
    "block": lambda record, asked: acts.block(record, asked.named()),
    "unblock": lambda record, asked: acts.unblock(record, asked.named()),
    "treat": lambda record, asked: acts.treat(record, asked.who),
    "join": lambda record, asked: acts.join(record, Span(asked.named(), asked.begin, asked.end)),
    "leave": lambda record, asked: acts.leave(record, asked.named(), asked.now),
    "consent": lambda record, asked: acts.consent(
        record, Span(asked.named(), asked.begin, asked.end or asked.begin + CONSULTATION)
    ),
    "withdraw": lambda record, asked: acts.withdraw(record, asked.named(), asked.now),
    "represent": lambda record, asked: acts.represent(record, Span(asked.named(), asked.begin, asked.until())),
    "unrepresent": lambda record, asked: acts.unrepresent(record, asked.named()),
    "notify": lambda record, asked: acts.notify(record, asked.events),
}


def operation(matrix: Habilitation) -> Operation:
    """Return the operation, for a matrix of professions and types."""
    return Operation(
        "dmp", lambda call: _run(call, matrix), "urn:fhirserver:OperationDefinition:dmp", instances=("Patient",)
    )


def _run(call: Call, matrix: Habilitation) -> Answer:
    services, request = call.services, call.request
    assert call.identity is not None, "offered on instances"
    grant = decide(request.caller, "r", "Patient")
    current = services.store.read("Patient", call.identity)
    stored = visibility.require(services, request, grant, current, "Patient", call.identity)
    if stored.deleted:
        raise visibility.not_found("Patient", call.identity)
    patient: dict[str, Any] = jsontext.read(stored.body)
    key = _key(call, patient)
    asked = _asked(call, patient, datetime.now(UTC)) if request.method == "POST" else None
    if asked is None:
        call.parameters(())  # an act in the address would change nothing
    else:
        # that the token is for changing anything; `_allow` decides who does what
        require_scope(request.caller, "u", "Patient")
        _perform(call, matrix, key, asked)
    act = asked.act if asked is not None else "record"
    request.record("dmp", "Patient", call.identity, record=key, mode=callers.mode(request.caller).value, reason=act)
    return Answer(200, resource=_shown(call, matrix, patient, key))


def _perform(call: Call, matrix: Habilitation, key: str, asked: Asked) -> None:
    def work(transaction: Transaction) -> None:
        before = keeping.read(transaction, key)
        _allow(call, matrix, before, asked)
        asked.require_kind()
        caller = call.request.caller
        after = keeping.change(
            call.services, call.request, transaction, key, lambda record: ACTS[asked.act](record, asked)
        )
        if after != before and callers.part(caller, matrix) is not Part.PATIENT:
            who = caller.name or next(iter(callers.names(caller)), "")
            notices.of_act(transaction, key, asked.act, who, secret=caller.secret)

    call.services.store.transact(work)


def _key(call: Call, patient: dict[str, Any]) -> str:
    keys = keeping.of_patient(patient)
    own = callers.key(call.request.caller)
    if own is not None:
        keys = [key for key in keys if key == own]
    if not keys:
        raise NotFound(
            Text("Ce patient n'a pas d'INS, donc pas de DMP.", "This patient has no INS, hence no DMP."),
            rule="no-ins",
        )
    return keys[0]


def _shown(call: Call, matrix: Habilitation, patient: dict[str, Any], key: str) -> dict[str, Any]:
    opened = keeping.opened(call.services, call.request, matrix, key)
    entry = enter(opened.reader, opened.record.standing)
    everything = callers.is_exempt(call.request.caller) or (opened.reader.part in _FULL and entry.visible)
    patient_id = str(patient["id"])

    def resources() -> Iterator[dict[str, Any]]:
        own = everything or opened.reader.part is Part.PATIENT
        yield record_views.patient(opened.record, patient, full=everything or entry.visible, settings=own)
        yield existence.consent(call.request, opened, patient_id)
        if own:
            yield from record_views.consents(opened.record, patient_id)
            yield from record_views.representatives(opened.record, patient_id)
        if everything or entry.visible:
            yield record_views.care_team(opened.record, patient_id)

    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources()]}


def _allow(call: Call, matrix: Habilitation, record: Record, asked: Asked) -> None:
    """Allow an act, or refuse it.

    Raises:
        Forbidden: not this caller's to do.
    """
    caller = call.request.caller
    if caller.role is Role.OPERATOR:
        return
    part = callers.part(caller, matrix)
    names = callers.names(caller)
    allowed = {
        Part.PATIENT: _BY_PATIENT,
        Part.REPRESENTATIVE: _BY_REPRESENTATIVE,
        Part.PROFESSIONAL: _BY_PROFESSIONAL,
        Part.SOCIAL: _BY_PROFESSIONAL - {"treat"},
        Part.STRUCTURE: _BY_STRUCTURE,
    }.get(part, frozenset())
    if asked.act not in allowed:
        raise _forbidden(asked.act)
    if part is Part.REPRESENTATIVE and not record.is_represented(names, asked.now):
        raise _forbidden(asked.act)
    if part in _FULL or asked.act == "create":
        return
    if asked.act != "treat":
        asked.named()
    if asked.who != names[0]:
        raise Forbidden(
            Text(
                "Un professionnel ne déclare que sa propre prise en charge.", "A professional states only his own part."
            ),
            rule="dmp-own",
        )
    if set(names) & set(record.blocked):
        raise Forbidden(
            Text("Le patient a bloqué ce professionnel.", "The patient has blocked this professional."), rule="blocked"
        )
    if asked.act == "treat" and caller.profession != _DOCTOR:
        raise _forbidden(asked.act)
    if asked.act in ("join", "consent", "treat") and not asked.informed:
        raise Forbidden(
            Text(
                "Le patient doit avoir été informé et ne pas s'être opposé : informed = true l'atteste.",
                "The patient must have been informed and not have opposed: informed = true attests it.",
            ),
            rule="informed",
        )


def _asked(call: Call, patient: Mapping[str, Any], now: datetime) -> Asked:
    """Read an act; raises BadRequest."""
    parameters, zone = call.parameters(_PARAMETERS), call.services.settings.time_zone
    act = _first(parameters, "act")
    if act not in ACTS:
        raise _missing("act", ", ".join(ACTS))
    begin, end = _period(_first(parameters, "period"), now, zone)
    today = now.astimezone(ZoneInfo(zone)).date()
    return Asked(
        act=act,
        now=now,
        who=_who(_first(parameters, "who")),
        begin=begin,
        end=end,
        what=_text(_first(parameters, "what")),
        motive=_text(_first(parameters, "motive")),
        reason=_text(_first(parameters, "reason")),
        day=_day(_first(parameters, "date"), today),
        majority=_majority(patient, today, zone),
        events=tuple(str(each) for each in parameters.get("event", ())),
        informed=_first(parameters, "informed") is True,
    )


def _majority(patient: Mapping[str, Any], today: date, zone: str) -> datetime | None:
    """Return when a minor comes of age; None for others, and where the birth date does not say the day."""
    text = str(patient.get("birthDate", ""))
    years = record_views.age(text, today)
    if years is None or years >= MAJORITY or len(text) < _DAY_LENGTH:
        return None
    born = date.fromisoformat(text)
    # who was born on 29 February is of age on 1 March
    leap = (born.month, born.day) == _LEAP_DAY
    day = date(born.year + MAJORITY, 3, 1) if leap else born.replace(year=born.year + MAJORITY)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _first(parameters: Mapping[str, list[Any]], name: str) -> Any:
    return next(iter(parameters.get(name, ())), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _who(value: Any) -> str | None:
    """Return the name that an Identifier gives; raises BadRequest."""
    if value is None:
        return None
    named = list(marks.of_resource({"identifier": [value]})) if isinstance(value, dict) else []
    if not named:
        raise _whom("who", _KINDS)
    kind, _, number = named[0].partition(":")
    if kind == "rpps" and not _RPPS.fullmatch(number):
        raise _unfit("who : un numéro RPPS a 11 chiffres.", "who: an RPPS number has 11 digits.")
    if kind == "ins" and not identity.key_fits(number):
        raise _unfit("who : la clé de cette INS ne convient pas.", "who: the key of this INS does not fit.")
    return named[0]


def _whom(name: str, kinds: Iterable[str]) -> BadRequest:
    told = [_KINDS[kind] for kind in kinds]
    return _unfit(
        f"{name} : {' ou '.join(kind.fr for kind in told)}.", f"{name}: {' or '.join(kind.en for kind in told)}."
    )


def _unfit(fr: str, en: str) -> BadRequest:
    return BadRequest(Text(fr, en), expression="Parameters.parameter", rule="parameter")


def _period(value: Any, now: datetime, zone: str) -> tuple[datetime, datetime | None]:
    """Return from when until when; a Period that ends on a day holds all of that day.

    Raises:
        BadRequest: not a Period, or one that ends before it begins.
    """
    if value is None:
        return now, None
    try:
        begin, end = (_moment(value.get(name), zone, last=name == "end") for name in ("start", "end"))
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise _missing("period") from None
    if begin is not None and end is not None and end < begin:
        raise _missing("period", "start <= end")
    return begin or now, end


def _moment(text: Any, zone: str, *, last: bool) -> datetime | None:
    if text is None:
        return None
    begin, after = instants.span(text, zone)
    # a moment is itself, a day ends with its last second
    stamp = after - _SECOND if last and len(text) <= _DAY_LENGTH else begin
    return _EPOCH + timedelta(microseconds=stamp)


def _day(value: Any, today: date) -> date:
    """Return the day of a closure, today where none is given; raises BadRequest."""
    if value is None:
        return today
    try:
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _missing("date") from None
    if day > today:
        raise _unfit("date : une fermeture prend effet aussitôt.", "date: a closure takes effect at once.")
    return day


def _missing(name: str, known: str = "") -> BadRequest:
    more = (f" ; connus : {known}", f"; known: {known}") if known else ("", "")
    return BadRequest(
        Text(
            f"Le paramètre {name} manque ou ne se lit pas{more[0]}.",
            f"The parameter {name} is missing or unreadable{more[1]}.",
        ),
        expression="Parameters.parameter",
        rule="parameter",
    )


def _forbidden(act: str) -> Forbidden:
    return Forbidden(
        Text(f"L'acte « {act} » n'est pas à vous.", f'The act "{act}" is not yours to do.'), rule="dmp-act"
    )

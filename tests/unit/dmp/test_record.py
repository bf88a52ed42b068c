"""The record's life: each act, what it refuses, and how it is kept and shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from fhirserver import jsontext
from fhirserver.dmp.records import record as acts
from fhirserver.dmp.records import resource as record_resource
from fhirserver.dmp.records import views as record_views
from fhirserver.dmp.records.record import Opposition, Record, Span
from fhirserver.dmp.visibility import Decision, Part, State
from fhirserver.errors import Unprocessable

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
KEY = "urn:oid:1.2.250.1.213.1.4.10|284058832102532"
DOCTOR = "rpps:10000693076"


def active() -> Record:
    return acts.create(Record(KEY), NOW)


def test_a_record_is_created_closed_and_reopened() -> None:
    record = active()
    assert record.state is State.ACTIVE
    assert record.created == NOW
    closed = acts.close(record, date(2026, 3, 2), "demande-titulaire", "ne souhaite plus")
    assert closed.state is State.CLOSED
    assert closed.closure == acts.Closure(date(2026, 3, 2), "demande-titulaire", "ne souhaite plus")
    again = acts.reopen(closed)
    assert again.state is State.ACTIVE
    assert again.closure is None


def test_creating_what_is_there_changes_nothing() -> None:
    assert acts.create(active(), NOW + timedelta(days=1)) == active()


def test_an_opposition_to_creation_holds_until_it_is_withdrawn() -> None:
    record = acts.oppose(Record(KEY), Opposition.CREATION)
    with pytest.raises(Unprocessable):
        acts.create(record, NOW)
    assert acts.create(acts.accept(record, Opposition.CREATION), NOW).state is State.ACTIVE


@pytest.mark.parametrize(
    "act",
    [
        lambda record: acts.close(record, date(2026, 1, 1), "deces"),
        lambda record: acts.attach(record, attached=True),
        lambda record: acts.treat(record, DOCTOR),
        lambda record: acts.join(record, Span(DOCTOR, NOW)),
        lambda record: acts.consent(record, Span(DOCTOR, NOW, NOW)),
    ],
)
@pytest.mark.parametrize("state", [State.ABSENT, State.CLOSED])
def test_a_record_that_is_not_active_takes_no_such_act(act: Callable[[Record], Record], state: State) -> None:
    with pytest.raises(Unprocessable):
        act(Record(KEY, state))


def test_only_a_closed_record_is_reopened() -> None:
    with pytest.raises(Unprocessable):
        acts.reopen(active())


def test_a_closed_record_is_not_created_anew() -> None:
    with pytest.raises(Unprocessable, match="closed"):
        acts.create(Record(KEY, State.CLOSED), NOW)


def test_a_closure_has_a_known_motive() -> None:
    with pytest.raises(Unprocessable, match="deces"):
        acts.close(active(), date(2026, 1, 1), "because")


def test_membership_holds_from_its_first_to_before_its_last_moment() -> None:
    record = acts.join(active(), Span(DOCTOR, NOW, NOW + timedelta(days=2)))

    def authorised(moment: datetime) -> bool:
        return record.reader(Part.PROFESSIONAL, (DOCTOR,), moment).authorised

    assert [authorised(NOW + timedelta(days=days)) for days in (-1, 0, 1, 2, 3)] == [False, True, True, False, False]


def test_who_leaves_the_team_is_authorised_no_more_and_stays_in_the_list() -> None:
    later = NOW + timedelta(days=1)
    record = acts.leave(acts.join(active(), Span(DOCTOR, NOW)), DOCTOR, later)
    assert record.team == (Span(DOCTOR, NOW, later),)
    assert not record.reader(Part.PROFESSIONAL, (DOCTOR,), later).authorised


def test_a_consent_is_for_a_time_and_may_be_withdrawn() -> None:
    with pytest.raises(Unprocessable):
        acts.consent(active(), Span(DOCTOR, NOW))
    record = acts.consent(active(), Span(DOCTOR, NOW, NOW + timedelta(hours=1)))
    assert record.reader(Part.PROFESSIONAL, (DOCTOR,), NOW).authorised
    assert not acts.withdraw(record, DOCTOR, NOW).reader(Part.PROFESSIONAL, (DOCTOR,), NOW).authorised


def test_blocking_and_representing_are_noted_and_taken_back() -> None:
    record = acts.represent(acts.block(active(), DOCTOR), Span("ins:1", NOW))
    assert record.reader(Part.PROFESSIONAL, (DOCTOR,), NOW).blocked
    assert record.reader(Part.REPRESENTATIVE, ("ins:1",), NOW).represents
    taken_back = acts.unrepresent(acts.unblock(record, DOCTOR), "ins:1")
    assert not taken_back.blocked
    assert not taken_back.representatives


def test_a_representative_is_one_until_his_time_ends() -> None:
    majority = NOW + timedelta(days=1)
    record = acts.represent(active(), Span("ins:1", NOW, majority))
    assert record.reader(Part.REPRESENTATIVE, ("ins:1",), majority - timedelta(seconds=1)).represents
    assert not record.reader(Part.REPRESENTATIVE, ("ins:1",), majority).represents
    assert acts.represent(record, Span("ins:1", NOW)).representatives == (Span("ins:1", NOW),)


def test_only_known_events_are_notified() -> None:
    assert acts.notify(active(), ("access",)).notified == ("access",)
    with pytest.raises(Unprocessable):
        acts.notify(active(), ("everything",))


@pytest.mark.parametrize("what", list(Opposition))
def test_each_opposition_stands_by_itself(what: Opposition) -> None:
    record = acts.oppose(active(), what)
    assert record.oppositions == {what}
    assert record.fed is (what is not Opposition.FEEDING)
    standing = record.standing
    opposed = {
        name
        for name, value in zip(
            ("reading", "emergency", "regulation"),
            (standing.reading, standing.emergency, standing.regulation),
            strict=True,
        )
        if value
    }
    assert opposed == {what.value} & {"reading", "emergency", "regulation"}


def full() -> Record:
    record = acts.treat(acts.attach(active(), attached=True), DOCTOR)
    record = acts.join(record, Span("rpps:10207777771", NOW, NOW + timedelta(days=30)))
    record = acts.consent(record, Span("rpps:10000582147", NOW, NOW + timedelta(hours=8)))
    record = acts.block(acts.oppose(record, Opposition.EMERGENCY), "rpps:10000421353")
    record = acts.represent(record, Span("ins:170017512300159", NOW, NOW + timedelta(days=90)))
    return acts.notify(record, ())


@pytest.mark.parametrize(
    "record", [Record(KEY), active(), full(), acts.close(full(), date(2026, 4, 1), "deces", "décès déclaré")]
)
def test_a_record_is_kept_as_a_resource_without_loss(record: Record) -> None:
    resource = jsontext.read(jsontext.write(record_resource.write(record)))
    assert record_resource.read(resource) == record
    assert resource["id"] == record_resource.identity(KEY)


def test_whoever_has_access_by_name_stands_in_the_identifiers() -> None:
    readers = {
        identifier["value"]
        for identifier in record_resource.write(full())["identifier"]
        if identifier["system"] == record_resource.READERS
    }
    assert readers == {DOCTOR, "rpps:10207777771", "rpps:10000582147"}


def test_the_patient_of_td0_2_carries_state_closure_and_attachment() -> None:
    stored = {"resourceType": "Patient", "id": "p", "active": True, "extension": [{"url": "x"}]}
    shown = record_views.patient(acts.close(full(), date(2026, 4, 1), "deces", "déclaré"), stored, full=True)
    assert shown["active"] is False
    by_url = {extension["url"]: extension for extension in shown["extension"]}
    parts = {part["url"]: part for part in by_url[record_views.CLOSURE]["extension"]}
    assert parts["dateFermeture"]["valueDate"] == "2026-04-01"
    assert parts["motifFermeture"]["valueCodeableConcept"]["coding"][0] == {
        "system": record_views.MOTIVES,
        "code": "deces",
    }
    assert parts["raisonFermeture"]["valueString"] == "déclaré"
    assert by_url[record_views.ATTACHED]["valueBoolean"] is True
    assert by_url[record_views.TREATING]["valueReference"]["identifier"]["value"] == "810000693076"
    assert "x" in by_url
    assert record_views.patient(active(), stored, full=True)["active"] is True


def test_the_readers_own_state_is_a_consent_that_permits_or_denies() -> None:
    allowed = record_views.authorisation(
        full(), "p", ("rpps:10207777771",), Decision(visible=True, reason="authorised"), now=NOW, language="en"
    )
    assert allowed["provision"]["type"] == "permit"
    assert allowed["provision"]["period"]["end"].startswith("2026-03-31")
    assert allowed["policyRule"]["text"] == "care team or consent"
    denied = record_views.authorisation(
        full(), "p", ("rpps:10000421353",), Decision(visible=False, reason="blocked"), now=NOW, language="fr"
    )
    assert denied["provision"]["type"] == "deny"


def test_the_patients_decisions_are_consents_and_the_team_is_a_care_team() -> None:
    categories = [item["category"][0]["coding"][0]["code"] for item in record_views.consents(full(), "p")]
    assert categories == ["emergency", "blocked", "consultation"]
    team = record_views.care_team(full(), "p")
    assert [member["period"]["start"] for member in team["participant"]] == [NOW.isoformat()]
    guardian = next(record_views.representatives(full(), "p"))
    assert guardian["identifier"][0]["value"] == "170017512300159"
    assert guardian["period"]["end"] == (NOW + timedelta(days=90)).isoformat()


@pytest.mark.parametrize(
    ("birth", "years"),
    [("2008-03-02", 17), ("2008-03-01", 18), ("2008", 17), ("2007", 18), ("2008-03", 17), (None, None), ("", None)],
)
def test_an_age_counts_full_years_and_takes_missing_parts_as_late(birth: str | None, years: int | None) -> None:
    assert record_views.age(birth, date(2026, 3, 1)) == years


def test_a_record_that_absorbs_another_keeps_what_the_patient_opposed_in_either() -> None:
    former = Record("s|old", state=State.ACTIVE, oppositions=frozenset({Opposition.READING}), blocked=("rpps:1",))
    kept = acts.absorb(Record("s|new", oppositions=frozenset({Opposition.EMERGENCY}), blocked=("rpps:2",)), former)
    assert kept.key == "s|new"
    assert kept.state is State.ACTIVE
    assert kept.oppositions == {Opposition.READING, Opposition.EMERGENCY}
    assert kept.blocked == ("rpps:2", "rpps:1")
    assert acts.absorb(kept, former) == kept
    closed = Record("s|new", state=State.CLOSED)
    assert acts.absorb(closed, former).state is State.CLOSED


def test_a_merge_is_taken_back_by_its_contrary_and_opens_the_record_that_it_had_closed() -> None:
    merged = acts.absorb(Record("s|right", state=State.ACTIVE), Record("s|wrong", state=State.ACTIVE))
    closed = acts.close(Record("s|wrong", state=State.ACTIVE), date(2026, 4, 1), "administratif", None)
    opened = acts.absorb(closed, merged)
    assert (opened.state, opened.closure, opened.former) == (State.ACTIVE, None, ("s|right",))

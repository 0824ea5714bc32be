"""What the edge asks of every command before anything moves, each demand at its edge, and in this order (I1, I2, I3, I9, I18)."""

from dataclasses import replace

import pytest

from domain.admission import Direction
from domain.approval import Consent
from domain.command import Action, Phase, State
from domain.ids import CommandId, FacilityId, GatewayId, ParkId
from domain.refusal import Code
from domain.words import Words
from gateway.challenges import CHALLENGES_MAX, Challenges
from gateway.checks import REASON_MAX, Rejected, Standing, examine, is_fresh, selects, way_of
from gateway.ledger_entry import Entry
from tests.unit.control.world import GW, OUTLET, PARK
from wire.messages import CommandMessage

NOW_MS = 1_780_000_000_000
GATE = PARK.actuators[OUTLET]
CONSENT = Consent(by="li", content_hash="h", at_ms=NOW_MS - 1, basis="调 9")
HERE = Standing(
    park=PARK.id, gateway=GW, actuator=GATE, is_known=True, definition=("d", "w"), term=4, challenge_age_s=10.0,
    challenge_validity_s=10.0, now_ms=NOW_MS, is_disk_full=False,
)  # fmt: skip
OPEN = CommandMessage(
    id=CommandId("0123456789abcdef" * 2), phase=Phase.OPERATE, park=PARK.id, gateway=GW, actuator=OUTLET,
    action=Action.OPEN, author="zhao", reason="r", expires_ms=NOW_MS, term=4, definition=("d", "w"), challenge="c",
    consent=replace(CONSENT, basis=""),
)  # fmt: skip
CLOSE = replace(OPEN, action=Action.CLOSE, consent=None)


def why(message: CommandMessage = OPEN, **other: object) -> tuple[str, str]:
    """Return the first reason's code and detail; empty when it may go on."""
    found = examine(message, replace(HERE, **other))  # type: ignore[arg-type]
    if found is None:
        return "", ""
    (cause,) = found.reasons
    assert found.state is (State.EXPIRED if cause.code is Code.TIME_LIMIT else State.REFUSED)
    detail = cause.detail
    return cause.code.value, detail.en if isinstance(detail, Words) else str(detail)


def test_a_command_for_us_at_the_very_end_of_its_time_passes() -> None:
    assert why() == ("", "")
    assert why(CLOSE) == ("", "")


def test_what_is_not_ours() -> None:
    not_ours = Code.NOT_OURS.value
    assert why(replace(OPEN, park=ParkId("q"))) == (not_ours, "q/gw")
    assert why(replace(OPEN, gateway=GatewayId("x"))) == (not_ours, "p/x")
    assert why(actuator=None) == (not_ours, "hc_outlet")
    assert why(actuator=None, is_known=False) == (Code.UNKNOWN_ACTUATOR.value, "hc_outlet")


@pytest.mark.parametrize(
    ("other", "detail"),
    [
        ({"id": CommandId("0" * 31)}, "id"),
        ({"id": CommandId("0" * 33)}, "id"),
        ({"id": CommandId("0" * 31 + "G")}, "id"),
        ({"id": CommandId("0" * 32 + "\n")}, "id"),
        ({"author": ""}, "author, reason"),
        ({"reason": "r" * (REASON_MAX - 3)}, "author, reason"),
        ({"parameters": {"opening_percent": 5.0}}, "parameters"),
        ({"parameters": {"x": 5.0}}, "parameters"),
        ({"action": Action.SET}, "parameters"),
        ({"action": Action.SET, "parameters": {"x": 5.0}}, "parameters"),
        ({"action": Action.SET, "parameters": {"opening_percent": 5.0, "x": 5.0}}, "parameters"),
        ({"action": Action.SET, "parameters": {"opening_percent": -0.1}}, "parameters"),
        ({"action": Action.SET, "parameters": {"opening_percent": 100.1}}, "parameters"),
    ],
)
def test_what_is_malformed(other: dict[str, object], detail: str) -> None:
    assert why(replace(OPEN, **other)) == (Code.MALFORMED.value, detail)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        {"reason": "r" * (REASON_MAX - 4)},
        {"reason": ""},
        *(
            {"action": Action.SET, "parameters": {"opening_percent": value}}
            for value in (0.0, 0.5, 99.5, 100.0)
        ),
    ],
)
def test_what_is_just_well_formed(other: dict[str, object]) -> None:
    assert REASON_MAX == 2000
    assert why(replace(OPEN, **other)) == ("", "")  # type: ignore[arg-type]


def test_what_is_not_fresh() -> None:
    assert why(challenge_age_s=None) == (Code.CHALLENGE_STALE.value, "not one of ours since start")
    assert why(challenge_age_s=11.2) == (Code.CHALLENGE_STALE.value, "11 s > 10 s")
    assert why(now_ms=NOW_MS + 1250) == (Code.TIME_LIMIT.value, "1.2 s")
    assert why(now_ms=NOW_MS + 90_000) == (Code.TIME_LIMIT.value, "90.0 s")
    assert why(CLOSE, challenge_age_s=10.1)[0] == Code.CHALLENGE_STALE.value, "also toward safe"


@pytest.mark.parametrize(
    ("age_s", "late_ms", "is_so"),
    [(10.0, 0, True), (10.1, 0, False), (None, 0, False), (0.0, 1, False), (0.0, -1, True)],
)
def test_freshness_right_before_the_bytes(age_s: float | None, late_ms: int, is_so: bool) -> None:
    assert is_fresh(OPEN, challenge_age_s=age_s, validity_s=10.0, now_ms=NOW_MS + late_ms) is is_so


def test_away_from_safe_obeys_only_the_newest_term_one_definition_and_a_disk_that_takes_records() -> None:
    assert why(term=5) == (Code.TERM.value, "4 < 5")
    assert why(term=3) == ("", "")
    assert why(definition=("d", "x")) == (Code.DEFINITION.value, "")
    assert why(is_disk_full=True) == (Code.DISK_FULL.value, "")


def test_toward_safe_obeys_any_term_and_needs_the_same_drive_only() -> None:
    assert why(CLOSE, term=5, definition=("d", "x"), is_disk_full=True) == ("", "")
    assert why(CLOSE, definition=("x", "w")) == (Code.DEFINITION.value, "drive")


def test_stop_and_a_cancelled_select_need_none_of_that() -> None:
    strange = {"term": 5, "definition": ("x", "y"), "is_disk_full": True, "is_river": True}
    assert why(replace(OPEN, action=Action.STOP), **strange) == ("", "")
    assert why(replace(OPEN, phase=Phase.CANCEL), **strange) == ("", "")


@pytest.mark.parametrize("message", [OPEN, CLOSE])
def test_the_river_moves_either_way_only_by_another_person_s_word(message: CommandMessage) -> None:
    assert why(replace(message, consent=None), is_river=True) == (Code.APPROVAL.value, "no approval")
    ticket = replace(message, consent=replace(CONSENT, basis=""))
    assert why(ticket, is_river=True) == (
        Code.APPROVAL.value,
        "neither dispatch order nor emergency override",
    )
    own = replace(message, consent=replace(CONSENT, by="zhao"))
    assert why(own, is_river=True) == (Code.APPROVAL.value, "by 'zhao'")
    assert why(replace(message, consent=CONSENT), is_river=True) == ("", "")
    assert why(replace(message, consent=CONSENT), is_river=True, term=5)[0] == (
        Code.TERM.value if message is OPEN else ""
    )


@pytest.mark.parametrize("phase", [Phase.SELECT, Phase.OPERATE])
def test_everything_else_moves_away_from_safe_by_another_person_s_word_too(phase: Phase) -> None:
    opening = replace(OPEN, phase=phase)
    assert why(opening) == ("", "")
    assert why(replace(opening, consent=None)) == (Code.APPROVAL.value, "no approval")
    set_half = {"action": Action.SET, "parameters": {"opening_percent": 50.0}}
    assert why(replace(opening, consent=None, **set_half)) == (Code.APPROVAL.value, "no approval")  # type: ignore[arg-type]
    shut = {"action": Action.SET, "parameters": {"opening_percent": 0.0}}
    assert why(replace(opening, consent=None, **shut)) == ("", "")  # type: ignore[arg-type]
    for changes, detail in (
        ({"by": "zhao"}, "by 'zhao'"),
        ({"by": ""}, "by ''"),
        ({"content_hash": ""}, "of nothing"),
        ({"at_ms": NOW_MS - 601_000}, "601 s > 600 s: ask again"),
    ):
        wanting = replace(opening, consent=replace(CONSENT, **changes))  # type: ignore[arg-type]
        assert why(wanting) == (Code.APPROVAL.value, detail)


def test_the_check_of_a_device_for_which_nobody_has_signed_moves_it_alone_but_never_the_river() -> None:
    alone = replace(OPEN, consent=None)
    assert why(alone, is_trial=True) == ("", "")
    assert why(alone, is_trial=True, is_river=True) == (Code.APPROVAL.value, "no approval")


def test_the_first_reason_is_the_one_that_a_person_would_want_first() -> None:
    worst = replace(OPEN, park=ParkId("q"), id=CommandId(""), term=1)
    everything = {"challenge_age_s": None, "term": 5}
    order = []
    for repaired in ({}, {"park": PARK.id}, {"id": OPEN.id}):
        worst = replace(worst, **repaired)  # type: ignore[arg-type]
        order.append(why(worst, **everything)[0])
    order.append(why(worst, term=5)[0])
    assert order == [Code.NOT_OURS.value, Code.MALFORMED.value, Code.CHALLENGE_STALE.value, Code.TERM.value]
    assert isinstance(examine(worst, replace(HERE, term=5)), Rejected)


def test_an_operate_is_of_what_was_selected_to_the_letter() -> None:
    message = replace(OPEN, action=Action.SET, parameters={"opening_percent": 40.0})
    entry = Entry(
        id=message.id, phase=Phase.SELECT, hash="h", actuator=OUTLET, action=Action.SET, author="zhao", reason="r",
        parameters={"opening_percent": 40.0}, state=State.SELECTED, at_ms=1,
    )  # fmt: skip
    assert selects(entry, message)
    assert not selects(entry, replace(message, author="li"))
    assert not selects(entry, replace(message, actuator=FacilityId("x")))
    assert not selects(entry, replace(message, action=Action.OPEN))
    assert not selects(entry, replace(message, parameters={"opening_percent": 41.0}))


@pytest.mark.parametrize(("percent", "way"), [(0.0, Direction.TOWARD_SAFE), (0.1, Direction.AWAY_FROM_SAFE)])
def test_a_set_to_the_safe_end_is_a_closure(percent: float, way: Direction) -> None:
    assert way_of(replace(OPEN, action=Action.SET, parameters={"opening_percent": percent}), GATE) is way


def test_challenges_are_remembered_for_ten_minutes_of_heartbeats() -> None:
    assert CHALLENGES_MAX == 600
    made = Challenges()
    for number in range(600):
        made.issue(f"c{number}", now_s=float(number))
    assert made.age_s("c0", now_s=700.0) == 700.0
    made.issue("c600", now_s=600.0)
    assert made.age_s("c0", now_s=700.0) is None
    assert made.age_s("c1", now_s=700.0) == 699.0
    assert made.age_s("never", now_s=700.0) is None

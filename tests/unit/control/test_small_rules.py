"""The edges of control's small rules: sessions of nodes and of people, passwords, areas, the hash tree, plans as they are kept."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from control.api.models import Said, Text
from control.api.rules import RULES, needs_of
from control.audit.tree import Frontier, leaf_hash
from control.live.scope import scoped
from control.live.session import REBIRTH_S_MAX, REBIRTH_S_MIN, Session
from control.people.limits import (
    FAILURES_MAX,
    LOCKED_MS,
    STRANGERS_PER_MIN_MAX,
    Attempts,
    Strangers,
    is_alive,
)
from control.people.policy import LENGTH_MAX, LENGTH_MIN, PIN_DIGITS_MAX, Policy, faults, pin_fault
from control.people.standing import Needs
from control.plans.compile import alternatives, content_hash, expected_s, groups
from control.plans.forms import plan_body, plan_of
from domain.command import Action
from domain.errors import RemoteProtocolError
from domain.ids import DeviceId, EnterpriseId, FacilityId, PlanId
from domain.plan import OnFailure, Plan, Step
from domain.quality import Reason
from domain.words import Words
from tests.unit.control.test_session import PLC, born, payload
from tests.unit.control.world import OUTLET, PARK, RIVER
from wire.canonical import Json
from wire.fields import Fields
from wire.topics import Kind

OTHER = DeviceId("plc_b")


@pytest.mark.parametrize("kind", [Text, Said])
def test_a_text_that_no_database_keeps_is_refused(kind: type[str]) -> None:
    taken: TypeAdapter[str] = TypeAdapter(kind)
    assert taken.validate_python(" 换密封\n2 ") == "换密封\n2"
    for text in ("换\0封", "\ud800"):
        with pytest.raises(ValidationError):
            taken.validate_python(text)


def test_a_gap_ends_the_session_of_every_device() -> None:
    session = born()
    session.doubt()
    assert (session.born, session.hold) == (set(), Reason.GAP)
    assert not session.take(Kind.DBIRTH, PLC, payload(2)), "its counter is unknown until the node is born"


def test_a_doubt_after_a_death_stays_a_death() -> None:
    session = born()
    session.take(Kind.NDEATH, None, payload(None, bd_seq=3))
    session.doubt()
    assert session.hold is Reason.LINK


def test_a_new_birth_of_a_node_knows_none_of_its_devices() -> None:
    session = born()
    assert session.take(Kind.NBIRTH, None, payload(7, bd_seq=4))
    assert session.born == set()
    assert not session.take(Kind.DDATA, PLC, payload(8))
    assert session.take(Kind.NDATA, None, payload(9))
    session.take(Kind.NDEATH, None, payload(None, bd_seq=3))
    assert session.hold is None, "the birth before this one died"


@pytest.mark.parametrize(("at_birth", "at_death"), [(None, 3), (3, None), (None, None)])
def test_a_death_that_cannot_be_told_from_this_node_s_is_its_own(
    at_birth: int | None, at_death: int | None
) -> None:
    session = Session()
    session.take(Kind.NBIRTH, None, payload(0, bd_seq=at_birth))
    assert not session.take(Kind.NDEATH, None, payload(None, bd_seq=at_death))
    assert session.hold is Reason.LINK


def test_each_request_for_a_rebirth_waits_twice_as_long_and_a_birth_begins_anew() -> None:
    session = Session()
    asked = [tenth / 10 for tenth in range(1300) if session.asks_rebirth(now_s=tenth / 10)]
    waits = [REBIRTH_S_MIN, 2 * REBIRTH_S_MIN, 4 * REBIRTH_S_MIN, 8 * REBIRTH_S_MIN, *[REBIRTH_S_MAX] * 3]
    assert asked == [sum(waits[:count]) for count in range(len(waits) + 1)]
    session.take(Kind.NBIRTH, None, payload(0, bd_seq=3))
    session.doubt()
    assert session.asks_rebirth(now_s=130.0), "another trouble: asked at once"
    assert not session.asks_rebirth(now_s=130.0 + REBIRTH_S_MIN - 0.1)
    assert session.asks_rebirth(now_s=130.0 + REBIRTH_S_MIN)


@pytest.mark.parametrize(
    ("created_ms", "seen_ms", "is_good"),
    [
        (1000, 1000, True),
        (1001, 1000, False),
        (-9000, 1000, True),
        (-9001, 1000, False),
        (0, 0, True),
        (-1, -1, False),
        (0, 2000, True),
        (0, 2001, False),
    ],
)
def test_each_bound_of_a_session_s_life(created_ms: int, seen_ms: int, is_good: bool) -> None:
    life = {"idle_ms_max": 1001, "total_ms_max": 10_001}
    assert is_alive(created_ms=created_ms, seen_ms=seen_ms, now_ms=1000, **life) is is_good


def test_failures_are_counted_anew_after_a_lock_and_may_be_fewer() -> None:
    locked = Attempts(failures=FAILURES_MAX - 1).failed(now_ms=5)
    assert locked == Attempts(failures=0, locked_until_ms=5 + LOCKED_MS)
    once = Attempts().failed(now_ms=5, most=2)
    assert (once, once.failed(now_ms=6, most=2).is_locked(now_ms=6)) == (Attempts(failures=1), True)


def test_strangers_are_heard_again_after_a_minute_and_after_a_clock_that_went_back() -> None:
    for later_ms, is_heard in [(59_999, False), (60_000, True), (-1, True), (0, False)]:
        strangers = Strangers()
        heard = [strangers.may_try(now_ms=1_000_000) for _ in range(STRANGERS_PER_MIN_MAX)]
        assert all(heard)
        assert strangers.may_try(now_ms=1_000_000 + later_ms) is is_heard


@pytest.mark.parametrize(
    ("password", "policy", "is_taken"),
    [
        ("a1b2c3d4e5" * (LENGTH_MAX // 10), Policy.ASVS, True),
        ("a1b2c3d4e5" * (LENGTH_MAX // 10) + "x", Policy.ASVS, False),
        ("a1b2c3d4e5"[:LENGTH_MIN], Policy.ASVS, True),
        ("a1b2c3d4e5"[: LENGTH_MIN - 1], Policy.ASVS, False),
        ("abcABC123xyz", Policy.MLPS, True),
        ("abcABC!!!xyz", Policy.MLPS, True),
        ("abc123!!!xyz", Policy.MLPS, True),
        ("ABC123!!!XYZ", Policy.MLPS, True),
        ("abcABCxyzXYZ", Policy.MLPS, False),
        ("abc123xyz456", Policy.MLPS, False),
        ("ABC!!!XYZ???", Policy.MLPS, False),
        ("ababababab", Policy.ASVS, False),
        ("abcabcabca", Policy.ASVS, True),
        ("1letmein23456", Policy.ASVS, False),
        ("1letmein234567", Policy.ASVS, True),
        ("Lingang-2026", Policy.ASVS, False),
        ("I-am-li-and-here", Policy.ASVS, True),
        ("I-am-LIU-and-here", Policy.ASVS, False),
    ],
)
def test_each_bound_of_a_password(password: str, policy: Policy, is_taken: bool) -> None:
    name = "liu" if "LIU" in password else "li"
    found = faults(password, username=name, policy=policy, common=frozenset({"letmein"}))
    assert (not found) is is_taken, found


@pytest.mark.parametrize(
    ("pin", "is_taken"),
    [
        ("135791", True), ("246802", True), ("112233", True), ("48291482", True),
        ("901234", False), ("210987", False), ("482915" * 2, False), ("48" * 4, False),
        ("4829150617382"[:PIN_DIGITS_MAX], True), ("4829150617382", False),
    ],
)  # fmt: skip
def test_a_pin_that_is_easily_tried(pin: str, is_taken: bool) -> None:
    assert (pin_fault(pin) is None) is is_taken


def test_a_section_that_was_empty_stays_and_one_that_becomes_so_goes() -> None:
    body: dict[str, Json] = {"alarms": [{"facility": "x"}], "orders": [], "clock": 5, "runs": "odd"}
    assert scoped(body, frozenset({FacilityId("y")}), PARK) == {"orders": [], "clock": 5, "runs": "odd"}


def test_a_frontier_is_read_back_only_when_it_can_be_one() -> None:
    made = Frontier()
    for number in range(5):
        made = made.appended(leaf_hash(bytes([number])))
    texts = [item.hex() for item in made.subtrees]
    assert Frontier.of(5, texts) == made
    assert Frontier.of(0, []) == Frontier()
    for size, wrong in [(7, texts), (4, texts), (5, [texts[0], "00"]), (5, ["zz", texts[1]]), (-5, texts)]:
        assert Frontier.of(size, wrong) is None


PLAN = Plan(
    id=PlanId("p"),
    words=Words("方案", "plan"),
    enterprise=EnterpriseId("hc"),
    receiving=(FacilityId("pool"),),
    steps=(
        Step(id="a", actuator=OUTLET, action=Action.CLOSE, on_failure=OnFailure.ALTERNATIVE, alternative="d"),
        Step(id="b", actuator=RIVER, action=Action.CLOSE, after=("a",)),
        Step(id="c", actuator=RIVER, action=Action.CLOSE, after=("a", "b")),
        Step(id="d", actuator=RIVER, action=Action.CLOSE, after=("c",)),
    ),
)


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, enterprise=None, receiving=(), steps=())])
def test_a_plan_is_read_back_as_it_was_kept(plan: Plan) -> None:
    assert plan_of(Fields(plan_body(plan))) == plan
    with pytest.raises(RemoteProtocolError):
        plan_of(Fields({**plan_body(plan), "zh": 5}))


def test_the_longest_way_through_a_plan_counts_what_has_still_to_move() -> None:
    travel_s = PARK.actuators[OUTLET].travel_time_s
    assert groups(PLAN) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert alternatives(PLAN) == {"d"}
    left = {done: expected_s(PLAN, PARK, frozenset(done)) for done in ("", "a", "ab", "b", "abc")}
    assert left == {"": 3 * travel_s, "a": 2 * travel_s, "ab": travel_s, "b": 2 * travel_s, "abc": 0.0}
    uneven = replace(PLAN, steps=(*PLAN.steps[:2], replace(PLAN.steps[2], after=("b", "gone"))))
    assert expected_s(uneven, PARK, frozenset()) == 3 * travel_s


def test_any_change_of_a_plan_changes_what_was_approved() -> None:
    first, *rest = PLAN.steps
    others = [
        replace(first, action=Action.OPEN),
        replace(first, after=("b",)),
        replace(first, on_failure=OnFailure.CONTINUE),
        replace(first, alternative=None),
        replace(first, actuator=RIVER),
    ]
    hashes = [content_hash(replace(PLAN, steps=(step, *rest)), PARK) for step in (first, *others)]
    assert len(set(hashes)) == len(hashes)
    assert content_hash(replace(PLAN, receiving=()), PARK) not in hashes


@pytest.mark.parametrize(
    ("method", "route", "needs"),
    [
        ("GET", "/session", Needs.NOTHING),
        ("POST", "/tokens", Needs.FRESH),
        ("POST", "/proposals/runs", Needs.PIN),
        ("GET", "/users", Needs.UNLOCKED),
    ],
)
def test_what_must_be_proved_depends_on_the_route(method: str, route: str, needs: Needs) -> None:
    assert (method, route) in RULES
    assert needs_of((method, route)) is needs

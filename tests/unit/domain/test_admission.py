"""Admission: the two directions are not equal, over every action, both safe positions and all that may stand against it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import pytest

from domain.admission import Direction, Situation, admit, direction, target
from domain.command import Action
from domain.drive import CommandWord, Drive, MaintainedCoil, MomentaryCoils, Pulse, Repeat, Setpoint
from domain.ids import DeviceId, FacilityId, PointRef
from domain.interlock import BOOLEAN, Interlock, parse
from domain.order import Order, OrderKind, OrderSet
from domain.park import Actuator, Feedback, HandCard, SafePosition
from domain.position import Position
from domain.quality import Quality, Reason
from domain.refusal import Admitted, Code, Refused
from domain.sample import NEVER_READ, Reading, Value
from domain.words import Words

PERMIT = Interlock(id="clean", expression=parse("probe.cod <= 100 * mg_L"), words=Words("水质合格", "clean"))
INHIBIT = Interlock(id="flood", expression=parse("gate.level >= 4 * m"), words=Words("防洪", "flood"))

GATE = Actuator(
    facility=FacilityId("gate"),
    device=DeviceId("plc"),
    safe_position=SafePosition.CLOSED,
    drive=Setpoint(word=0, stop=2),
    feedback=Feedback(opened="opened", closed="closed", remote="remote", fault="fault"),
    travel_time_s=45.0,
    reversing_pause_s=3.0,
    permits=(PERMIT,),
    inhibits=(INHIBIT,),
    hand_card=HandCard(who="", phone="", where="", how=()),
    commissioned_by="eng",
    commissioned_on="2026-08-10",
)
INLET = replace(GATE, safe_position=SafePosition.OPEN)
UNITS = {"probe/cod": "mg_L", "gate/level": "m"}


def good(value: Value) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=1, age_s=0.5, fresh=True)


def stale(value: Value) -> Reading:
    return Reading(
        value=value, quality=Quality.GOOD, reason=Reason.STALE, observed_ms=1, age_s=9.0, fresh=False
    )


@dataclass(frozen=True)
class Scene:
    """A quiet park with a gate between its limits, and what differs from that."""

    readings: Mapping[str, Reading] = field(default_factory=dict)
    orders: OrderSet = field(default_factory=OrderSet)
    executing: Action | None = None
    is_in_doubt: bool = False

    def situation(self) -> Situation:
        quiet = {
            "gate/opened": good(False),
            "gate/closed": good(False),
            "gate/remote": good(True),
            "gate/fault": good(False),
            "gate/level": good(2.0),
            "probe/cod": good(30.0),
        }
        known = {**quiet, **self.readings}
        return Situation(
            read=lambda ref: known.get(ref, NEVER_READ),
            unit_of=lambda ref: UNITS.get(ref, BOOLEAN),
            orders=self.orders,
            executing=self.executing,
            is_in_doubt=self.is_in_doubt,
        )


def decide(
    actuator: Actuator, action: Action, scene: Scene, percent: float | None = None
) -> tuple[set[Code], set[Code]]:
    """Return (codes of the refusal, codes of the warnings)."""
    match admit(actuator, action, scene.situation(), opening_percent=percent):
        case Refused(reasons=reasons):
            assert reasons
            assert all(cause.words.zh and cause.words.en for cause in reasons)
            return {cause.code for cause in reasons}, set()
        case Admitted(warnings=warnings):
            return set(), {cause.code for cause in warnings}


TOWARD = [
    (GATE, Action.CLOSE, None),
    (INLET, Action.OPEN, None),
    (GATE, Action.SET, 0.0),
    (INLET, Action.SET, 100.0),
]
AWAY = [
    (GATE, Action.OPEN, None),
    (INLET, Action.CLOSE, None),
    (GATE, Action.SET, 100.0),
    (GATE, Action.SET, 40.0),
    (INLET, Action.SET, 40.0),
    (GATE, Action.SET, None),
]
NEITHER = [
    (GATE, Action.STOP, None),
    (INLET, Action.STOP, None),
    (GATE, Action.VERIFY, None),
    (INLET, Action.VERIFY, None),
]
ALL = TOWARD + AWAY + NEITHER


def order(kind: OrderKind) -> OrderSet:
    made = Order(id="1", kind=kind, actuator=FacilityId("gate"), by="chief", reason="repair", since_ms=1)
    return OrderSet().with_orders(made)


@pytest.mark.parametrize(("actuator", "action", "percent"), ALL)
def test_direction(actuator: Actuator, action: Action, percent: float | None) -> None:
    case = (actuator, action, percent)
    expected = (
        Direction.TOWARD_SAFE
        if case in TOWARD
        else Direction.AWAY_FROM_SAFE
        if case in AWAY
        else Direction.NONE
    )
    assert direction(actuator, action, opening_percent=percent) is expected


def test_every_action_has_a_direction_and_only_ends_have_a_target() -> None:
    assert {action for _, action, _ in ALL} == set(Action)
    assert target(Action.CLOSE) is Position.CLOSED
    assert target(Action.OPEN) is Position.OPEN
    assert target(Action.SET, opening_percent=0.0) is Position.CLOSED
    assert target(Action.SET, opening_percent=100.0) is Position.OPEN
    assert target(Action.SET, opening_percent=40.0) is None
    assert target(Action.STOP) is None
    assert target(Action.VERIFY) is None


@pytest.mark.parametrize(("actuator", "action", "percent"), ALL)
def test_a_quiet_park_admits_everything(actuator: Actuator, action: Action, percent: float | None) -> None:
    assert decide(actuator, action, Scene(), percent) == (set(), set())


@pytest.mark.parametrize("percent", [0.0, 40.0, 100.0])
@pytest.mark.parametrize(
    "drive",
    [
        MomentaryCoils(open=0, close=1, stop=2, pulse=Pulse.PLC_RESETS, repeat=Repeat.SAFE),
        MaintainedCoil(coil=0),
        CommandWord(word=0, echo=1, open=1, close=2, stop=4),
    ],
)
def test_a_drive_without_a_set_point_goes_to_no_opening(drive: Drive, percent: float) -> None:
    gate = replace(GATE, drive=drive)
    refused = admit(gate, Action.SET, Scene().situation(), opening_percent=percent)
    assert isinstance(refused, Refused)
    assert [cause.code for cause in refused.reasons] == [Code.MODE]
    assert refused.reasons[0].words.zh == "当前模式不允许:驱动没有开度设定,只能全开、全关"
    for action in (Action.OPEN, Action.CLOSE, Action.STOP, Action.VERIFY):
        assert decide(gate, action, Scene()) == (set(), set())


@pytest.mark.parametrize(("actuator", "action", "percent"), TOWARD)
@pytest.mark.parametrize(
    "readings",
    [
        {"gate/opened": stale(True)},
        {"gate/closed": NEVER_READ},
        {"gate/remote": stale(True)},
        {"gate/remote": stale(False)},
        {"gate/fault": stale(True)},
        {"gate/level": stale(9.0)},
        {"gate/level": NEVER_READ},
        dict.fromkeys(
            ["gate/opened", "gate/closed", "gate/remote", "gate/fault", "gate/level", "probe/cod"], NEVER_READ
        ),
    ],
)
def test_toward_safe_on_unknown_values_goes_with_a_warning(
    actuator: Actuator, action: Action, percent: float | None, readings: Mapping[str, Reading]
) -> None:
    assert decide(actuator, action, Scene(readings=readings), percent) == (set(), {Code.STALE_INPUT})


@pytest.mark.parametrize(("actuator", "action", "percent"), TOWARD)
def test_toward_safe_does_not_ask_the_permits_nor_who_is_moving(
    actuator: Actuator, action: Action, percent: float | None
) -> None:
    dirty = Scene(
        readings={"probe/cod": good(900.0)},
        orders=order(OrderKind.KEEP_CLOSED),
        executing=Action.OPEN,
        is_in_doubt=True,
    )
    assert decide(actuator, action, dirty, percent) == (set(), set())


@pytest.mark.parametrize(("actuator", "action", "percent"), TOWARD)
def test_an_inhibit_blocks_only_when_known_true(
    actuator: Actuator, action: Action, percent: float | None
) -> None:
    assert decide(actuator, action, Scene(readings={"gate/level": good(4.0)}), percent) == (
        {Code.INTERLOCK},
        set(),
    )
    assert decide(actuator, action, Scene(readings={"gate/level": good(3.9)}), percent) == (set(), set())


@pytest.mark.parametrize(("actuator", "action", "percent"), AWAY)
@pytest.mark.parametrize(
    ("scene", "code"),
    [
        (Scene(readings={"gate/opened": stale(False)}), Code.STALE_INPUT),
        (Scene(readings={"gate/closed": NEVER_READ}), Code.STALE_INPUT),
        (Scene(readings={"gate/remote": stale(True)}), Code.STALE_INPUT),
        (Scene(readings={"gate/fault": stale(False)}), Code.STALE_INPUT),
        (Scene(readings={"probe/cod": stale(30.0)}), Code.STALE_INPUT),
        (Scene(readings={"probe/cod": NEVER_READ}), Code.STALE_INPUT),
        (Scene(readings={"probe/cod": good(101.0)}), Code.INTERLOCK),
        (Scene(is_in_doubt=True), Code.IN_DOUBT),
        (Scene(executing=Action.CLOSE), Code.BUSY),
        (Scene(executing=Action.OPEN), Code.BUSY),
    ],
)
def test_away_from_safe_whatever_is_not_known_right_refuses(
    actuator: Actuator, action: Action, percent: float | None, scene: Scene, code: Code
) -> None:
    assert decide(actuator, action, scene, percent) == ({code}, set())


@pytest.mark.parametrize("kind", [OrderKind.KEEP_CLOSED, OrderKind.KEEP_OPEN])
@pytest.mark.parametrize(("actuator", "action", "percent"), AWAY)
def test_whatever_keeps_it_safe_refuses_in_the_words_of_its_safe_position(
    actuator: Actuator, action: Action, percent: float | None, kind: OrderKind
) -> None:
    code = Code.KEEP_CLOSED if actuator.safe_position is SafePosition.CLOSED else Code.KEEP_OPEN
    assert decide(actuator, action, Scene(orders=order(kind)), percent) == ({code}, set())


@pytest.mark.parametrize(("actuator", "action", "percent"), AWAY)
def test_away_from_safe_does_not_ask_the_inhibits(
    actuator: Actuator, action: Action, percent: float | None
) -> None:
    assert decide(actuator, action, Scene(readings={"gate/level": good(9.0)}), percent) == (set(), set())


@pytest.mark.parametrize(("actuator", "action", "percent"), [*TOWARD, *AWAY])
@pytest.mark.parametrize(
    ("scene", "code"),
    [
        (Scene(readings={"gate/remote": good(False)}), Code.LOCAL),
        (Scene(readings={"gate/fault": good(True)}), Code.HEALTH),
        (Scene(orders=order(OrderKind.TAG_OUT)), Code.TAGGED_OUT),
    ],
)
def test_no_output_to_what_is_local_tagged_or_at_fault(
    actuator: Actuator, action: Action, percent: float | None, scene: Scene, code: Code
) -> None:
    assert code in decide(actuator, action, scene, percent)[0]


@pytest.mark.parametrize(("actuator", "action", "percent"), ALL)
def test_what_is_not_commissioned_is_not_commanded(
    actuator: Actuator, action: Action, percent: float | None
) -> None:
    raw = replace(actuator, commissioned_by=None)
    refusals, _ = decide(raw, action, Scene(), percent)
    assert refusals == (set() if action is Action.VERIFY else {Code.NOT_COMMISSIONED})


@pytest.mark.parametrize("actuator", [GATE, INLET])
def test_stop_passes_whatever_is_unknown_and_stops_our_own_move_under_a_tag(actuator: Actuator) -> None:
    blind = dict.fromkeys(
        ["gate/opened", "gate/closed", "gate/remote", "gate/fault", "gate/level"], NEVER_READ
    )
    assert decide(actuator, Action.STOP, Scene(readings=blind, is_in_doubt=True)) == (set(), set())
    assert decide(actuator, Action.STOP, Scene(readings={"gate/fault": good(True)})) == (set(), set())
    tagged = Scene(orders=order(OrderKind.TAG_OUT))
    assert decide(actuator, Action.STOP, tagged) == ({Code.TAGGED_OUT}, set())
    assert decide(actuator, Action.STOP, replace(tagged, executing=Action.OPEN)) == (set(), set())
    assert decide(actuator, Action.STOP, Scene(readings={"gate/remote": good(False)})) == (
        {Code.LOCAL},
        set(),
    )


def test_verify_is_always_possible() -> None:
    worst = Scene(
        readings={"gate/remote": good(False), "gate/fault": good(True)},
        orders=order(OrderKind.TAG_OUT),
        executing=Action.OPEN,
        is_in_doubt=True,
    )
    assert decide(GATE, Action.VERIFY, worst) == (set(), set())


def test_what_is_there_already_is_said() -> None:
    is_open = Scene(readings={"gate/opened": good(True)})
    assert decide(GATE, Action.OPEN, is_open) == ({Code.POSITION_REACHED}, set())


def test_every_reason_is_given_at_once_with_its_values() -> None:
    scene = Scene(
        readings={"gate/remote": good(False), "probe/cod": good(900.0)},
        orders=order(OrderKind.TAG_OUT),
        is_in_doubt=True,
    )
    admission = admit(GATE, Action.OPEN, scene.situation())
    assert isinstance(admission, Refused)
    assert {cause.code for cause in admission.reasons} == {
        Code.LOCAL, Code.TAGGED_OUT, Code.IN_DOUBT, Code.INTERLOCK,
    }  # fmt: skip
    lock = next(cause for cause in admission.reasons if cause.code is Code.INTERLOCK)
    assert lock.values == {"probe/cod": "900.0 mg_L (good, 0.5 s)"}
    assert "水质合格" in lock.words.zh
    tag = next(cause for cause in admission.reasons if cause.code is Code.TAGGED_OUT)
    assert tag.as_dict() == {
        "code": "tagged-out",
        "zh": "检修挂牌:repair",
        "en": "tagged out for maintenance: repair",
        "values": {"by": "chief"},
    }


def test_an_edge_gives_its_reason_in_both_languages() -> None:
    made = Order(
        id="1",
        kind=OrderKind.KEEP_CLOSED,
        actuator=FacilityId("gate"),
        by="edge:gw/acid",
        reason="强酸切断 / acid cut-off",
        since_ms=1,
    )
    admission = admit(GATE, Action.OPEN, Scene(orders=OrderSet().with_orders(made)).situation())
    assert isinstance(admission, Refused)
    words = next(cause.words for cause in admission.reasons if cause.code is Code.KEEP_CLOSED)
    assert (words.zh.endswith("强酸切断"), words.en.endswith("acid cut-off")) == (True, True)
    assert words.en.isascii()


BLOCKS_OUTPUT = [Code.LOCAL, Code.TAGGED_OUT, Code.HEALTH, Code.INTERLOCK]


def test_only_four_things_ever_block_a_move_toward_safe() -> None:
    """Every combination of what may be wrong: nothing else refuses a closure (the table of the two directions)."""
    remotes = [good(True), good(False), stale(True), NEVER_READ]
    faults = [good(False), good(True), stale(True)]
    levels = [good(2.0), good(9.0), stale(9.0), NEVER_READ]
    tags = [OrderSet(), order(OrderKind.TAG_OUT), order(OrderKind.KEEP_CLOSED)]
    for remote, fault, level, orders, executing, doubt in product(
        remotes, faults, levels, tags, [None, *Action], [False, True]
    ):
        scene = Scene(
            readings={"gate/remote": remote, "gate/fault": fault, "gate/level": level},
            orders=orders,
            executing=executing,
            is_in_doubt=doubt,
        )
        refusals, _ = decide(GATE, Action.CLOSE, scene)
        assert refusals <= set(BLOCKS_OUTPUT)
        assert (Code.LOCAL in refusals) == (remote == good(False))
        assert (Code.HEALTH in refusals) == (fault == good(True))
        assert (Code.INTERLOCK in refusals) == (level == good(9.0))


def test_the_point_of_an_unknown_ref_is_never_read() -> None:
    assert Scene().situation().read(PointRef("nowhere/x")) is NEVER_READ

"""What is written of a command, word for word: an inspector reads it years later, and a restart reads it back."""

from dataclasses import replace

import pytest

from control.audit.entry import SYSTEM, Entry, is_by_a_person, record_bytes
from control.commands.entries import KIND_WORDS, applied, asked, causes, changed, order_row, refused, row
from control.commands.gate import Request
from control.commands.message import VALIDITY_FLOOR_S, VALIDITY_S, expiry_ms, message
from control.commands.patience import is_overdue
from control.commands.tracked import Tracked, Transition, body, tracked
from control.database.change import Change, Write, change, change_body
from domain.approval import Consent
from domain.command import Action, Command, Phase, State
from domain.errors import RemoteProtocolError
from domain.ids import CommandId, FacilityId, ParkId
from domain.order import Order, OrderKind
from domain.refusal import Cause, Code
from domain.words import Words
from tests.unit.control.world import GW, OUTLET, PARK, RIVER
from wire.canonical import Json
from wire.messages import Evidence, Record

CONSENT = Consent(by="li", content_hash="h" * 64, at_ms=4, basis="调度 7", is_emergency=False)
SET = Command(
    id=CommandId("c1"), actuator=OUTLET, action=Action.SET, parameters={"opening_percent": 40.0}, author="zhao",
    reason="演练", state=State.OPERATING, changed_ms=15,
)  # fmt: skip
FULL = Tracked(
    command=SET, gateway=GW, created_ms=10, expires_ms=70, is_away=True, accepted=("stale-input",), consent=CONSENT,
    ticket="t1", instead_of=CommandId("c0"), replaced_by=CommandId("c2"), run="r1", idempotency_key="k1",
    messages={Phase.SELECT: "s", Phase.OPERATE: "o"}, wanted=Phase.OPERATE, sent=frozenset({Phase.SELECT, Phase.OPERATE}),
    answered=frozenset({Phase.SELECT}),
    transitions=(
        Transition(state=State.SELECTED, at_ms=12),
        Transition(state=State.OPERATING, at_ms=15, reasons=({"code": "x"},), evidence={"p": 1}),
    ),
)  # fmt: skip
BODY = {
    "id": "c1", "actuator": "hc_outlet", "action": "set", "parameters": {"opening_percent": 40.0}, "author": "zhao",
    "reason": "演练", "state": "operating", "changed_ms": 15, "gateway": "gw", "created_ms": 10, "expires_ms": 70,
    "is_away": True, "accepted": ["stale-input"],
    "consent": {"by": "li", "content_hash": "h" * 64, "at_ms": 4, "basis": "调度 7", "is_emergency": False},
    "ticket": "t1", "instead_of": "c0", "replaced_by": "c2", "run": "r1", "idempotency_key": "k1",
    "messages": {"select": "s", "operate": "o"}, "wanted": "operate", "sent": ["operate", "select"], "answered": ["select"],
    "transitions": [
        {"state": "selected", "at_ms": 12, "reasons": [], "evidence": None},
        {"state": "operating", "at_ms": 15, "reasons": [{"code": "x"}], "evidence": {"p": 1}},
    ],
}  # fmt: skip
BARE = Tracked(
    command=replace(SET, action=Action.CLOSE, parameters={}, state=State.REQUESTED),
    gateway=GW,
    created_ms=10,
    expires_ms=70,
    is_away=False,
)
SECOND = Record(
    park=ParkId("p"), gateway=GW, epoch="e" * 32, offset=3, at_ms=21, kind="command", actuator=OUTLET,
    body={"state": "confirmed", "action": "close"},
)  # fmt: skip


def test_a_command_is_kept_whole_and_read_back() -> None:
    assert body(FULL) == BODY
    assert tracked(BODY) == FULL
    bare = body(BARE)
    absent = ("consent", "ticket", "instead_of", "replaced_by", "run", "idempotency_key", "wanted")
    assert [bare[key] for key in absent] == [None] * len(absent)
    assert tracked(bare) == BARE


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("accepted", [5], "accepted"), ("consent", "li", "consent"), ("messages", {"select": 5}, "select"),
        ("parameters", {"opening_percent": "x"}, "opening_percent"),
    ],
)  # fmt: skip
def test_a_row_that_holds_no_command_says_which_field_is_wrong(name: str, value: Json, wrong: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"the field {wrong} must be"):
        tracked({**BODY, name: value})


def test_what_is_no_transition_is_left_out() -> None:
    odd: list[Json] = ["odd", *body(FULL)["transitions"]]  # type: ignore[misc]
    assert tracked({**BODY, "transitions": odd}) == FULL


def test_its_row() -> None:
    assert row(FULL) == Write(
        table="commands",
        row={
            "id": "c1", "actuator": "hc_outlet", "gateway": "gw", "author": "zhao", "state": "operating",
            "created_ms": 10, "idempotency_key": "k1", "body": BODY,
        },
    )  # fmt: skip
    assert row(FULL).kind == "put"


def test_an_order_s_row() -> None:
    order = Order(
        id="o1", kind=OrderKind.OVERRIDE, actuator=OUTLET, by="zhao", reason="r", since_ms=1, until_ms=2,
        interlock="clean", condition="cod <= 1", second="li",
    )  # fmt: skip
    row = {
        "id": "o1", "kind": "override", "actuator": "hc_outlet", "by": "zhao", "reason": "r", "since_ms": 1,
        "until_ms": 2, "interlock": "clean", "condition": "cod <= 1", "second": "li", "is_released": False,
    }  # fmt: skip
    assert order_row(order) == Write(table="orders", row=row)
    assert order_row(order, is_released=True).row["is_released"] is True


def test_what_was_asked() -> None:
    warning = Cause(code=Code.LINK, values={"x": 1.0})
    made = asked(FULL, [warning], PARK, phase="request")
    (entry,) = made.entries
    assert made.writes == (row(FULL),)
    assert (entry.at_ms, entry.actor, entry.kind, entry.object) == (
        15,
        "zhao",
        "command.request",
        "hc_outlet",
    )
    assert (entry.words.zh, entry.words.en) == ("设定开度排口", "set opening outlet")
    assert entry.body == {
        "command": "c1", "action": "set", "parameters": {"opening_percent": 40.0}, "reason": "演练", "phase": "request",
        "expires_ms": 70, "warnings": causes([warning]), "accepted": ["stale-input"], "run": "r1",
        "consent": BODY["consent"], "ticket": "t1", "instead_of": "c0",
    }  # fmt: skip
    (later,) = asked(BARE, [], PARK, phase="operate").entries
    assert (later.at_ms, later.kind, later.body["consent"]) == (10, "command.operate", None)


def test_a_cause_keeps_its_words_and_values() -> None:
    (said,) = causes([Cause(code=Code.LINK, values={"age_s": 4.0})])
    words = Cause(code=Code.LINK, values={"age_s": 4.0}).words
    assert said == {"code": "link-lost", "zh": words.zh, "en": words.en, "values": {"age_s": 4.0}}


def test_what_was_refused() -> None:
    unknown = Request(actuator=FacilityId("x" * 101), action=Action.CLOSE, reason="r")
    made = refused(unknown, "zhao", [Cause(code=Code.LINK)], PARK, at_ms=5)
    assert made.writes == ()
    assert made.entries == (
        Entry(
            at_ms=5, actor="zhao", kind="command.refused", object="",
            words=Words("关闭未知设备:已拒绝", "close unknown actuator: refused"),
            body={"action": "close", "asked_for": "x" * 100, "reason": "r", "reasons": causes([Cause(code=Code.LINK)])},
        ),
    )  # fmt: skip
    (known,) = refused(Request(actuator=RIVER, action=Action.OPEN), "li", [], PARK, at_ms=5).entries
    assert (known.object, known.words.zh) == ("river_sluice", "开启河闸:已拒绝")


def test_what_the_centre_ended() -> None:
    made = changed(FULL, PARK, cause="time-out", at_ms=99)
    words = Words("设定开度排口:执行中", "set opening outlet: executing")
    said = {"command": "c1", "cause": "time-out"}
    entry = Entry(at_ms=99, actor=SYSTEM, kind="command.operating", object=OUTLET, words=words, body=said)
    assert made == Change(writes=(row(FULL),), entries=(entry,))


def test_what_an_edge_has_recorded() -> None:
    made = applied(SECOND, PARK)
    (write,), (entry,) = made.writes, made.entries
    applied_row = {"gateway": "gw", "epoch": "e" * 32, "offset": 3, "kind": "command", "at_ms": 21}
    assert write == Write(table="records", kind="insert", row=applied_row)
    assert (entry.at_ms, entry.actor, entry.kind, entry.object) == (
        21,
        "edge:gw",
        "edge.command",
        "hc_outlet",
    )
    assert entry.words == Words("关闭排口:到位", "close outlet: in position")
    assert set(entry.body) == {"record"}
    assert applied(SECOND, PARK, is_late=True).entries[0].body["is_late"] is True
    odd = replace(SECOND, actuator=None, body={"state": "odd", "action": "odd"})
    (entry,) = applied(odd, PARK).entries
    assert (entry.object, entry.words) == ("gw", Words("命令:odd", "command : odd"))
    (entry,) = applied(replace(SECOND, actuator=FacilityId("gone"), body={}), PARK).entries
    assert entry.words == Words("命令:", "command : ")
    (entry,) = applied(replace(SECOND, kind="odd"), PARK).entries
    assert (entry.kind, entry.words) == ("edge.odd", Words("odd", "odd"))


def test_every_kind_of_record_has_its_words() -> None:
    kinds = "command cutoff order reassert mode moved_by_hand refused_write journal start crossing override"
    assert set(kinds.split()) <= set(KIND_WORDS)
    for kind in kinds.split()[1:]:
        (entry,) = applied(replace(SECOND, kind=kind), PARK).entries
        assert entry.words == KIND_WORDS[kind] != Words(kind, kind)


def test_a_person_asks_and_the_system_and_an_edge_act() -> None:
    entry = Entry(at_ms=1, actor="zhao", kind="k", object="o", words=Words("字", "word"), body={"a": 1})
    assert is_by_a_person(entry)
    assert not is_by_a_person(replace(entry, actor="system"))
    assert not is_by_a_person(replace(entry, actor="edge:gw"))
    assert SYSTEM == "system"
    assert record_bytes(entry, 7).decode() == (
        '{"actor":"zhao","at_ms":1,"body":{"a":1},"kind":"k","object":"o","seq":7,"words":{"en":"word","zh":"字"}}'
    )


def test_a_change_survives_the_spool() -> None:
    entry = Entry(at_ms=1, actor="zhao", kind="k", object="o", words=Words("字", "word"), body={"a": 1})
    kinds = ("put", "insert", "remove")
    made = Change(
        writes=tuple(Write(table="t", kind=kind, row={"id": kind}) for kind in kinds), entries=(entry,)
    )
    assert change_body(made) == {
        "writes": [{"table": "t", "kind": kind, "row": {"id": kind}} for kind in kinds],
        "entries": [
            {"at_ms": 1, "actor": "zhao", "kind": "k", "object": "o", "words": {"zh": "字", "en": "word"}, "body": {"a": 1}}
        ],
    }  # fmt: skip
    assert change(change_body(made)) == made
    for name in ("writes", "entries"):
        with pytest.raises(RemoteProtocolError, match=f"the field {name} must be an object"):
            change({**change_body(made), name: ["odd"]})
    assert Change(writes=made.writes) + Change(entries=(entry,)) == made
    assert Write(table="t", row={}).kind == "put"


def test_a_message_says_all_that_was_asked_in_its_gateway_s_time() -> None:
    evidence = (Evidence(point="gate/x", value=1.0, quality=192, age_ms=5),)  # type: ignore[arg-type]
    made = message(
        FULL, Phase.OPERATE, park=ParkId("p"), term=4, challenge="ch", definition=("d", "i"), evidence=evidence, skew_ms=7
    )  # fmt: skip
    assert (made.id, made.phase, made.park, made.gateway, made.actuator) == (
        "c1",
        Phase.OPERATE,
        "p",
        GW,
        OUTLET,
    )
    assert (made.action, made.parameters) == (Action.SET, {"opening_percent": 40.0})
    assert (made.author, made.reason) == ("zhao", "演练")
    assert (made.expires_ms, made.term, made.challenge, made.definition) == (77, 4, "ch", ("d", "i"))
    assert (made.accepted, made.evidence, made.instead_of) == (("stale-input",), evidence, "c0")
    assert made.consent == replace(CONSENT, at_ms=CONSENT.at_ms + 7)
    plain = message(
        FULL, Phase.SELECT, park=ParkId("p"), term=4, challenge="c", definition=("d", "i"), evidence=()
    )
    assert plain.expires_ms == 70
    alone = message(
        BARE, Phase.OPERATE, park=ParkId("p"), term=4, challenge="c", definition=("d", "i"), evidence=()
    )
    assert alone.consent is None, "nobody else was asked"


def test_a_command_holds_for_a_minute_of_the_model_and_five_seconds_of_the_wall() -> None:
    assert (VALIDITY_S, VALIDITY_FLOOR_S) == (60.0, 5.0)
    assert expiry_ms(now_ms=1_000, speed=1.0) == 61_000
    assert expiry_ms(now_ms=1_000, speed=60.0) == 301_000


def test_what_is_waited_for() -> None:
    """Not operated: the expiry and 3 s. Operated: travel time-out, reversing pause and 30 s, then 10 s of the wall."""
    gate = PARK.actuators[OUTLET]
    for speed, grace_ms in ((1.0, 3_000), (0.1, 3_000), (10.0, 30_000)):
        assert not is_overdue(BARE, gate, now_ms=70 + grace_ms, speed=speed)
        assert is_overdue(BARE, gate, now_ms=71 + grace_ms, speed=speed)
    travel_ms = round((gate.travel_timeout_s + 2.0 + 30) * 1000)
    stop = replace(FULL, command=replace(SET, action=Action.STOP, parameters={}))
    look = replace(FULL, command=replace(SET, action=Action.VERIFY, parameters={}))
    for item, found, still_ms in (
        (FULL, gate, travel_ms),
        (FULL, None, 30_000),
        (stop, gate, 30_000),
        (look, gate, 30_000),
    ):
        assert not is_overdue(item, found, now_ms=15 + still_ms + 10_000, speed=1.0)
        assert is_overdue(item, found, now_ms=16 + still_ms + 10_000, speed=1.0)

"""The checker on traces written by hand: what is broken in a few lines is named, and the same lines put right are clean."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.checker import violations
from tests.simulation.trace import (
    Answered,
    Asked,
    Began,
    Committed,
    Delivered,
    Event,
    Fault,
    Recorded,
    Said,
    Sent,
    Setting,
    Shown,
    Stood,
    Trace,
    Wrote,
)

GATE, GW, PLC, LIFE = "yx_outlet", "gw_west", "plc_yx_outlet", "a" * 32
ID, TICKET = "ab" * 16, "71" * 16
AGREED = {"by": "li", "content_hash": "c0" * 32, "at_ms": 0, "basis": "", "is_emergency": False}
GATES = {
    GATE: {
        "gateway": GW, "device": PLC, "tier": "enterprise", "safe": "closed", "drive": "CommandWord", "travel_s": 4.0,
        "pause_s": 0.5,
    }
}  # fmt: skip


def token(body: Any) -> bytes:
    return b"e30." + base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=") + b".x"


def message(phase: str, action: str, **more: Any) -> dict[str, Any]:
    return {
        "id": ID, "phase": phase, "actuator": GATE, "action": action, "parameters": {}, "author": "wang", "term": 1,
        "challenge": "c1", "definition": ["d", "w"], "expires_ms": 0, "instead_of": None,
        "consent": AGREED, **more,
    }  # fmt: skip


def said(at_s: float, number: int, client: str, word: str, body: Any) -> Said:
    topic = f"stoplog/1/lingang/{GW}/{word}"
    return Said(at_s=at_s, message=number, client=client, life=1, topic=topic, payload=token(body))


def heard(at_s: float, number: int, body: Any) -> list[Event]:
    return [
        said(at_s, number, "control", "command", body),
        Delivered(at_s=at_s + 0.01, message=number, client=GW, life=1),
    ]


def record(at_s: float, offset: int, state: str, **more: Any) -> Recorded:
    body = {
        "id": ID, "phase": "operate", "hash": "h", "action": "open", "parameters": {}, "author": "wang", "state": state,
        "reasons": [], "evidence": {}, "instead_of": None, **more,
    }  # fmt: skip
    return Recorded(
        at_s=at_s,
        gateway=GW,
        life=1,
        epoch=LIFE,
        offset=offset,
        kind="command",
        actuator=GATE,
        body=body,
        at_ms=0,
    )


def stood(
    at_s: float, opening: float, target: float | None, *, by: str = "write", is_remote: bool = True
) -> Stood:
    return Stood(
        at_s=at_s, actuator=GATE, opening=opening, target=target, is_remote=is_remote, has_power=True, has_fault=False,
        jammed_at=None, by=by,
    )  # fmt: skip


def written(at_s: float, number: int, ask: str) -> list[Event]:
    value = {"open": 1, "close": 2, "stop": 3}[ask]
    return [
        Sent(at_s=at_s, write=number, gateway=GW, life=1, device=PLC, table="holding", address=0, value=value),
        Wrote(
            at_s=at_s + 0.002, write=number, device=PLC, actuator=GATE, ask=ask, opening=float(ask == "open"), ignored=None
        ),
    ]  # fmt: skip


def asked(at_s: float, request: int, what: str, **more: Any) -> Asked:
    return Asked(
        at_s=at_s, request=request, what=what, person="wang", session="s1", roles=("operator",), actuator=GATE, action="open",
        **more,
    )  # fmt: skip


BEAT = {"challenge": "c1", "term": 1, "definitions": {GATE: ["d", "w"]}, "orders": ""}
SHUT = {"value": False, "quality": "good", "observed_ms": 1, "age_ms": 50}
MADE = {**SHUT, "value": True}
SELECTED = record(10.1, 0, "selected", phase="select")
OPERATING = record(10.6, 1, "operating")
OPENED = record(15.0, 2, "confirmed", evidence={f"{GATE}/opened": MADE, f"{GATE}/closed": SHUT})
WISH = asked(8.0, 11, "ticket")
WORD = replace(
    asked(8.5, 12, "countersign", detail=TICKET, content_hash=AGREED["content_hash"]),
    person="li",
    session="s2",
)
WISHED = Answered(at_s=8.1, request=11, code="accepted", command=TICKET)
GIVEN = Answered(at_s=8.6, request=12, code="accepted", command=TICKET)
BEGIN: list[Event] = [
    Setting(
        at_s=0.0,
        seed=1,
        park="lingang",
        actuators=GATES,
        challenge_validity_s=20.0,
        poll_s=0.25,
        periods_s={PLC: 1.0},
    ),
    Began(at_s=0.0, process=GW, life=1, detail=LIFE),
    stood(0.0, 0.0, None, by="begin"),
    WISH,
    WISHED,
    WORD,
    GIVEN,
    said(9.0, 1, GW, "heartbeat", BEAT),
    asked(10.0, 1, "select"),
]
OPENING: list[Event] = [
    *BEGIN,
    *heard(10.05, 2, message("select", "open")),
    SELECTED,
    Answered(at_s=10.2, request=1, code="accepted", command=ID),
    asked(10.4, 2, "operate", select=ID),
    Answered(at_s=10.45, request=2, code="accepted", command=ID),
    *heard(10.5, 3, message("operate", "open")),
    *written(10.55, 1, "open"),
    stood(10.553, 0.0, 1.0),
    OPERATING,
    stood(14.6, 1.0, None, by="travel"),
    OPENED,
]
"""A gate that is opened as it should be."""


def names(events: Sequence[Event]) -> set[str]:
    trace = Trace(seed=1)
    for event in sorted(events, key=lambda item: item.at_s):
        trace.put(event)
    return {item.invariant for item in violations(trace)}


def without(*gone: Event) -> list[Event]:
    return [event for event in OPENING if event not in gone]


def instead(old: Event, new: Event) -> list[Event]:
    return [new if event is old else event for event in OPENING]


def test_an_opening_as_it_should_be_is_clean() -> None:
    assert names(OPENING) == set()


LATE = [event if event.at_s < 10.5 else replace(event, at_s=event.at_s + 40.0) for event in OPENING]
LOCAL = Recorded(
    at_s=5.0,
    gateway=GW,
    life=1,
    epoch=LIFE,
    offset=9,
    kind="mode",
    actuator=GATE,
    body={"remote": False},
    at_ms=0,
)
VIEW = {"id": GATE, "position": "open", "fresh": True, "quality": "good"}
LINE = '{"actor":"a","at_ms":1,"body":{},"kind":"k","object":"o","seq":0,"words":{}}'
ROW = {"seq": 0, "at_ms": 1, "actor": "a", "kind": "k", "object": "o", "record": LINE, "hash": "00"}


@pytest.mark.parametrize(
    ("invariant", "events"),
    [
        ("I1", without(SELECTED)),
        ("I1", instead(SELECTED, replace(SELECTED, body={**SELECTED.body, "author": "li"}))),
        ("I2", [*OPENING, record(11.0, 5, "operating", id="cd" * 16, action="close", hash="x")]),
        ("I3", LATE),
        ("I3", [*OPENING, *written(12.0, 2, "open")]),
        ("I3", [*OPENING, *written(12.0, 2, "close")]),
        ("I4", [event for event in OPENING if not (isinstance(event, Stood) and event.at_s > 14)] + [stood(12.0, 0.4, None)]),
        ("I4", instead(OPENED, record(15.0, 2, "confirmed", evidence={f"{GATE}/opened": SHUT, f"{GATE}/closed": SHUT}))),
        ("I5", [*OPENING, record(16.0, 3, "failed")]),
        ("I7", [*OPENING, LOCAL, stood(5.0, 0.0, None, by="switch", is_remote=False)]),
        ("I9", without(WORD, GIVEN)),
        ("I9", without(WISH, WISHED)),
        ("I9", instead(WORD, replace(WORD, person="wang"))),
        ("I9", instead(WORD, replace(WORD, session="s1"))),
        ("I9", instead(WORD, replace(WORD, content_hash="00" * 32))),
        ("I9", instead(WORD, replace(WORD, at_s=-700.0))),
        ("I9", instead(WORD, replace(WORD, at_s=11.0))),
        ("I9", instead(WISH, replace(WISH, action="set", opening_percent=25.0))),
        ("I9", instead(WISH, replace(WISH, actuator="another"))),
        ("I11", [*OPENING, record(20.0, 4, "operating", id="ef" * 16, author="edge:gw_west", hash="")]),
        ("I13", [*OPENING, Committed(at_s=1.0, life=1, writes=(), audit=(ROW,))]),
        ("I14", [event for event in OPENING if not isinstance(event, Asked | Answered)]),
        ("I15", [*OPENING, Shown(at_s=9.5, life=1, view=VIEW)]),
        ("I16", [*OPENING, *written(12.0, 7, "open")[1:]]),
        ("I18", [*OPENING, Fault(at_s=10.01, kind="edit", where=GW, is_on=True, detail=json.dumps({GATE: ["d", "v"]}))]),
    ],
)  # fmt: skip
def test_what_is_broken_is_named(invariant: str, events: list[Event]) -> None:
    assert invariant in names(events)


TAG = {"id": "t1", "kind": "tag_out", "actuator": GATE}
LET_GO = "ef" * 16
UNDER_A_TAG: list[Event] = [
    *(replace(event, actuators={GATE: {**GATES[GATE], "drive": "MaintainedCoil"}}) if isinstance(event, Setting) else event for event in OPENING),
    said(17.0, 4, "control", "orders", {"orders": [TAG], "tombstones": [], "term": 1}),
    Delivered(at_s=17.01, message=4, client=GW, life=1),
    *(item for number, action in ((5, "close"), (6, "stop")) for item in heard(20.0, number, message("operate", action, id=LET_GO))),
    *written(20.1, 2, "close"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "broken"), [("stop", set()), ("close", {"I7"})])
def test_a_maintained_coil_under_a_tag_is_let_go_to_stop_and_not_to_close(
    action: str, broken: set[str]
) -> None:
    begun = record(20.11, 6, "operating", id=LET_GO, action=action)
    assert names([*UNDER_A_TAG, begun]) & {"I7"} == broken


def test_an_audit_record_with_its_hash_is_clean() -> None:
    sound = {**ROW, "hash": hashlib.sha256(b"\x00" + LINE.encode()).hexdigest()}
    assert names([*OPENING, Committed(at_s=1.0, life=1, writes=(), audit=(sound,))]) == set()

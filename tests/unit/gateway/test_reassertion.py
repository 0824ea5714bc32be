"""When the edge brings back by itself what an order keeps, and when it asks a person: every way of the safety rules."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drive import Drive, MaintainedCoil, MomentaryCoils, Pulse, Repeat
from gateway.reassertion import BACK_OFF_S, TRIES_MAX, Act, Look, Proof, decide

SAFE_PULSE = MomentaryCoils(open=0, close=1, stop=2, pulse=Pulse.PLC_RESETS, repeat=Repeat.SAFE)
STOPS, TOGGLES = replace(SAFE_PULSE, repeat=Repeat.STOPS), replace(SAFE_PULSE, repeat=Repeat.TOGGLES)
COUNTED = {"local_switches": 3.0, "boots": 7.0}
PROVED = Proof(orders=frozenset({"o"}), counters=COUNTED)
AWAY = Look(
    standing=frozenset({"o"}), is_safe=False, is_remote=True, is_tagged=False, tags=frozenset(), counters=COUNTED,
    is_moving=False, has_come_back=True, is_river=False,
)  # fmt: skip


def act(proof: Proof, look: Look, drive: Drive = SAFE_PULSE, *, waited_s: float = 1e9) -> Act:
    return decide(proof, look, drive, waited_s=waited_s).act


def test_what_comes_back_untouched_is_brought_back() -> None:
    assert act(PROVED, AWAY) is Act.REASSERT


@pytest.mark.parametrize(
    ("proof", "look"),
    [
        (PROVED, replace(AWAY, counters=None)),
        (replace(PROVED, counters={}), AWAY),
        (replace(PROVED, counters={}), replace(AWAY, counters={})),
        (PROVED, replace(AWAY, counters={**COUNTED, "local_switches": 4.0})),
        (PROVED, replace(AWAY, counters={**COUNTED, "boots": 8.0})),
        (PROVED, replace(AWAY, has_come_back=False)),
        (PROVED, replace(AWAY, tags=frozenset({"t"}))),
        (replace(PROVED, is_touched=True), AWAY),
        (PROVED, replace(AWAY, is_river=True)),
    ],
)
def test_without_that_proof_one_person_is_asked_once(proof: Proof, look: Look) -> None:
    first = decide(proof, look, SAFE_PULSE, waited_s=1e9)
    assert first.act is Act.ASK
    assert first.words.zh
    assert act(first.proof, look) is Act.REST


def test_what_follows_is_recorded_by_these_names() -> None:
    assert [act.value for act in Act] == ["rest", "reassert", "confirm", "given_up"]


def test_what_was_never_proved_is_left_to_a_fresh_command() -> None:
    assert act(Proof(), AWAY) is Act.REST
    assert act(replace(PROVED, orders=frozenset({"another"})), AWAY) is Act.REST


def test_without_an_order_or_in_local_or_tagged_out_nothing_moves() -> None:
    assert act(PROVED, replace(AWAY, standing=frozenset())) is Act.REST
    for look in (replace(AWAY, is_remote=False), replace(AWAY, is_tagged=True)):
        verdict = decide(PROVED, look, SAFE_PULSE, waited_s=1e9)
        assert (verdict.act, verdict.proof.is_touched) == (Act.REST, True)
        assert act(verdict.proof, AWAY) is Act.ASK, "after local → remote, or after a tag was lifted"


@pytest.mark.parametrize("drive", [STOPS, TOGGLES])
def test_a_pulse_that_stops_or_turns_goes_out_only_at_rest_by_feedback(drive: Drive) -> None:
    assert act(PROVED, AWAY, drive) is Act.REASSERT
    assert act(PROVED, replace(AWAY, is_moving=True), drive) is Act.REST
    assert act(PROVED, replace(AWAY, is_moving=None), drive) is Act.ASK
    assert act(PROVED, replace(AWAY, is_moving=True), MaintainedCoil(coil=1)) is Act.REASSERT


def test_three_times_with_back_off_and_then_an_alarm() -> None:
    proof = PROVED
    for number in range(TRIES_MAX):
        if BACK_OFF_S[number]:
            assert act(proof, AWAY, waited_s=BACK_OFF_S[number] - 0.1) is Act.REST
        verdict = decide(proof, AWAY, SAFE_PULSE, waited_s=BACK_OFF_S[number])
        assert verdict.act is Act.REASSERT
        proof = verdict.proof
    last = decide(proof, AWAY, SAFE_PULSE, waited_s=1e9)
    assert last.act is Act.GIVE_UP
    assert act(last.proof, AWAY) is Act.REST
    seen = decide(last.proof, replace(AWAY, is_safe=True), SAFE_PULSE, waited_s=0.0)
    assert (seen.proof.tries, seen.proof.is_asked) == (0, False)


LOOKS = st.builds(
    Look,
    standing=st.sampled_from([frozenset(), frozenset({"o"}), frozenset({"o", "p"})]),
    is_safe=st.booleans(),
    is_remote=st.booleans(),
    is_tagged=st.booleans(),
    tags=st.sampled_from([frozenset(), frozenset({"t"})]),
    counters=st.sampled_from([None, COUNTED, {**COUNTED, "boots": 8.0}]),
    is_moving=st.sampled_from([None, False, True]),
    has_come_back=st.booleans(),
    is_river=st.booleans(),
)


@given(st.lists(LOOKS, max_size=12), st.sampled_from([SAFE_PULSE, STOPS, TOGGLES, MaintainedCoil(coil=0)]))
def test_whatever_is_seen_it_acts_only_on_what_was_proved_and_untouched_since(
    looks: list[Look], drive: Drive
) -> None:
    proof, baseline, tries, is_touched = Proof(), None, 0, False
    for look in looks:
        verdict = decide(proof, look, drive, waited_s=1e9)
        if verdict.act is Act.REASSERT:
            tries += 1
            assert baseline is not None
            assert baseline.standing & look.standing
            assert not any((is_touched, look.is_river, look.is_tagged, look.is_safe))
            assert look.is_remote
            assert look.has_come_back
            assert look.counters == baseline.counters is not None
            assert look.tags == baseline.tags
            assert tries <= TRIES_MAX
            assert look.is_moving is False or drive in {SAFE_PULSE, MaintainedCoil(coil=0)}
        if not look.standing:
            baseline, tries = None, 0
        elif look.is_safe:
            baseline, tries, is_touched = look, 0, not look.is_remote or look.is_tagged
        elif not look.is_remote or look.is_tagged:
            is_touched = True
        proof = verdict.proof


def test_without_an_order_everything_is_forgotten_and_at_safe_all_is_proved() -> None:
    nothing = replace(AWAY, standing=frozenset())
    assert decide(replace(PROVED, tries=2), nothing, SAFE_PULSE, waited_s=0.0).proof == Proof()
    for is_remote, is_tagged, is_touched in ((True, False, False), (False, False, True), (True, True, True)):
        there = replace(AWAY, is_safe=True, is_remote=is_remote, is_tagged=is_tagged)
        found = decide(replace(PROVED, tries=2, is_asked=True), there, SAFE_PULSE, waited_s=0.0)
        assert found.act is Act.REST
        assert found.proof == Proof(orders=AWAY.standing, counters=COUNTED, is_touched=is_touched)


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        ({}, COUNTED, "no counters prove that nobody has worked on it"),
        (COUNTED, None, "no counters prove that nobody has worked on it"),
        (COUNTED, {**COUNTED, "boots": 8.0}, "its local or boot counter has changed"),
    ],
)
def test_a_person_is_told_whether_counters_are_missing_or_have_changed(
    before: dict[str, float], now: dict[str, float] | None, why: str
) -> None:
    verdict = decide(replace(PROVED, counters=before), replace(AWAY, counters=now), SAFE_PULSE, waited_s=1e9)
    assert (verdict.act, verdict.words.en) == (Act.ASK, why)

"""What the past says is what was seen, and no more: held, count and rate against a reading of the whole time line."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import PointRef
from domain.interlock import BOOLEAN, Expression, Truth, evaluate, parse
from domain.past import SAMPLES_MAX, Past
from domain.quality import Quality
from domain.sample import NEVER_READ, Reading, Value

GAP_S = 2.0
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN

steps = st.lists(
    st.tuples(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]), st.sampled_from([T, F, U])), max_size=40
)


def seen(truth: Truth) -> Reading:
    return NEVER_READ if truth is U else good(truth is T)


def good(value: Value) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=1, age_s=0.0, fresh=True)


class Line:
    """A point on a time line, and an expression that remembers it."""

    def __init__(self, text: str, *, unit: str = BOOLEAN) -> None:
        self.expression: Expression = parse(text)
        self.unit = unit
        self.now_s = 0.0
        self.reading = NEVER_READ
        self.past = Past(self.expression.timed, self.read, self.unit_of)

    def read(self, _ref: PointRef) -> Reading:
        return self.reading

    def unit_of(self, _ref: PointRef) -> str:
        return self.unit

    def go(self, by_s: float, reading: Reading) -> None:
        self.now_s += by_s
        self.reading = reading
        self.past.look(now_s=self.now_s, gap_s_max=GAP_S)

    def truth(self) -> Truth:
        return evaluate(
            self.expression,
            self.read,
            self.unit_of,
            lambda text: self.past.recall(text, now_s=self.now_s, gap_s_max=GAP_S),
        )


@given(steps, st.sampled_from([1, 2, 3, 5, 8]))
def test_held_is_true_only_if_every_look_back_was_true_and_false_only_if_one_was_false(
    line: list[tuple[float, Truth]], for_s: int
) -> None:
    held = Line(f"held(p.a, {for_s} * s)")
    looks: list[tuple[float, Truth]] = []
    for by_s, truth in line:
        held.go(by_s, seen(truth))
        looks.append((held.now_s, truth))
        assert held.truth() is by_the_whole_line(looks, for_s)


def by_the_whole_line(looks: list[tuple[float, Truth]], for_s: float) -> Truth:
    """Decide from all looks at once: what the memory must come to, look by look."""
    now_s = looks[-1][0]
    within = [(at_s, truth) for at_s, truth in looks if at_s >= now_s - for_s]
    if any(truth is F for _, truth in within):
        return F
    covered = [looks[-1]]
    for look in reversed(looks[:-1]):
        if covered[0][0] - look[0] > GAP_S or look[1] is not T:
            break
        covered.insert(0, look)
    is_covered = covered[0][0] <= now_s - for_s and covered[-1][1] is T
    return T if is_covered else U


@given(steps, steps)
def test_a_start_knows_nothing_until_enough_was_seen(
    before: list[tuple[float, Truth]], after: list[tuple[float, Truth]]
) -> None:
    """A memory that begins anew never says true earlier than one that went on, and contradicts it never."""
    whole, fresh = Line("held(p.a, 3 * s)"), Line("held(p.a, 3 * s)")
    for by_s, truth in before:
        whole.go(by_s, seen(truth))
    for by_s, truth in after:
        whole.go(by_s, seen(truth))
        fresh.go(by_s, seen(truth))
        assert fresh.truth() in {U, whole.truth()}


@given(
    st.integers(1, 4),
    st.lists(st.sampled_from([T, F, U]), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_count_is_n_of_m_whatever_the_unknown_ones_turn_out_to_be(
    n: int, truths: list[Truth], filled: list[bool]
) -> None:
    expression = parse(f"count({n}, p.a, p.b, p.c, p.d)")
    known = dict(zip("abcd", truths, strict=True))
    found = evaluate(expression, lambda ref: seen(known[ref[-1]]), lambda _: BOOLEAN)
    worlds = [
        sum(
            True if truth is T else False if truth is F else guess
            for truth, guess in zip(truths, guesses, strict=True)
        )
        >= n
        for guesses in ([True] * 4, [False] * 4, filled)
    ]
    if found is U:
        assert worlds[0]
        assert not worlds[1]
    else:
        assert set(worlds) == {found is T}


@given(
    st.lists(
        st.tuples(st.sampled_from([0.25, 0.5, 1.0, 3.0]), st.one_of(st.none(), st.floats(-10, 10, width=32))),
        max_size=60,
    )
)
def test_a_rate_is_known_only_over_a_whole_trusted_time_and_lies_within_what_was_seen(
    line: list[tuple[float, float | None]],
) -> None:
    over_s = 4.0
    track = Line("rate(p.a, 4 * s) > 0 * m / s", unit="m")
    trusted: list[tuple[float, float]] = []
    for by_s, value in line:
        if value is None or by_s > GAP_S:
            trusted.clear()
        track.go(by_s, NEVER_READ if value is None else good(value))
        if value is not None:
            trusted.append((track.now_s, value))
        rate = track.past.recall("rate(p.a, 4 * s)", now_s=track.now_s, gap_s_max=GAP_S)
        is_covered = bool(trusted) and track.now_s - trusted[0][0] >= over_s and value is not None
        assert (rate is not None) == is_covered
        if isinstance(rate, float) and value is not None:
            old = [was for at_s, was in trusted if at_s <= track.now_s - over_s]
            span = max(abs(value - was) for was in old)
            assert abs(rate) <= span / over_s * 1.000001


def test_a_rate_follows_a_steady_rise() -> None:
    rising = Line("rate(p.a, 60 * s) > 0.5 * m / min", unit="m")
    for second in range(121):
        rising.go(1.0, good(second / 60))
    rate = rising.past.recall("rate(p.a, 60 * s)", now_s=rising.now_s, gap_s_max=GAP_S)
    assert rate == pytest.approx(1 / 60)
    assert rising.truth() is T


def test_it_says_how_long_it_has_been_so() -> None:
    held = Line("held(p.a, 30 * s)")
    text = "held(p.a, 30 * s)"
    assert held.past.so_far_s(text, now_s=0.0) == 0.0
    for _ in range(12):
        held.go(1.0, good(value=True))
    assert held.past.so_far_s(text, now_s=held.now_s) == 11.0
    assert held.truth() is U, "nothing is known of the time before the first look"
    for _ in range(30):
        held.go(1.0, good(value=True))
    assert held.past.so_far_s(text, now_s=held.now_s) == 30.0
    assert held.truth() is T
    held.go(1.0, good(value=False))
    assert held.past.so_far_s(text, now_s=held.now_s) == 0.0
    assert held.truth() is F


def test_what_is_untrusted_now_is_not_held_now_though_it_was_a_moment_ago() -> None:
    held = Line("held(p.a, 2 * s)")
    for _ in range(4):
        held.go(1.0, good(value=True))
    assert held.truth() is T
    held.reading = NEVER_READ
    assert held.truth() is U


def test_operators_may_stand_in_each_other() -> None:
    both = Line("held(count(1, p.a, p.b) and held(p.a, 2 * s), 3 * s)")
    assert len(both.expression.timed) == 2
    found = []
    for _ in range(8):
        both.go(1.0, good(value=True))
        found.append(both.truth())
    assert found == [U, U, U, U, U, T, T, T]


def test_a_changed_park_keeps_what_was_seen_of_what_stayed() -> None:
    old = Line("held(p.a, 2 * s) and rate(p.a, 2 * s) >= 0 * m / s", unit="m")
    for _ in range(4):
        old.go(1.0, good(1.0))
    new = Past(old.expression.timed, old.read, old.unit_of)
    new.keep(old.past, ["rate(p.a, 2 * s)"])
    assert new.recall("rate(p.a, 2 * s)", now_s=old.now_s + 1, gap_s_max=GAP_S) == 0.0
    assert new.recall("held(p.a, 2 * s)", now_s=old.now_s + 1, gap_s_max=GAP_S) is U
    assert new.recall("held(p.b, 2 * s)", now_s=old.now_s + 1, gap_s_max=GAP_S) is None
    assert new.so_far_s("held(p.b, 2 * s)", now_s=0.0) is None
    assert new.resting_on({PointRef("p/a")}) == tuple(new.operators)
    assert new.resting_on({PointRef("p/z")}) == ()


def test_a_rate_says_how_much_of_its_time_it_has_seen() -> None:
    text = "rate(p.a, 10 * s)"
    seen = Line(f"{text} > 0 * m / s", unit="m")
    for second in range(16):
        seen.go(1.0, good(float(second)))
        assert seen.past.so_far_s(text, now_s=seen.now_s) == min(float(second), 10.0)
    seen.go(1.0, NEVER_READ)
    assert seen.past.so_far_s(text, now_s=seen.now_s) == 0.0
    assert seen.past.recall(text, now_s=seen.now_s, gap_s_max=GAP_S) is None


def test_a_rate_forgets_what_lies_further_back_than_it_looks() -> None:
    text = "rate(p.a, 60 * s)"
    step = Line(f"{text} > 0 * m / s", unit="m")
    for second in range(300):
        step.go(1.0, good(0.0 if second < 200 else 6.0))
        rate = step.past.recall(text, now_s=step.now_s, gap_s_max=GAP_S)
        if 60 <= second < 200 or second > 262:
            assert rate == 0.0, second
        elif 200 < second < 258:
            assert rate == pytest.approx(0.1, rel=0.04)


def test_after_a_doubtful_value_a_rate_begins_anew() -> None:
    text = "rate(p.a, 3 * s)"
    line = Line(f"{text} > 0 * m / s", unit="m")
    for _ in range(5):
        line.go(1.0, good(1.0))
    line.go(1.0, NEVER_READ)
    known = []
    for _ in range(5):
        line.go(1.0, good(1.0))
        known.append(line.past.recall(text, now_s=line.now_s, gap_s_max=GAP_S))
    assert known == [None, None, None, 0.0, 0.0]


@pytest.mark.parametrize(
    "doubt", [{"fresh": False}, {"quality": Quality.UNCERTAIN}, {"value": float("nan")}], ids=str
)
def test_a_number_that_is_not_trusted_is_no_part_of_a_rate(doubt: dict[str, Value | Quality]) -> None:
    text = "rate(p.a, 3 * s)"
    line = Line(f"{text} > 0 * m / s", unit="m")
    for _ in range(5):
        line.go(1.0, good(1.0))
    line.go(1.0, replace(good(1.0), **doubt))  # type: ignore[arg-type]
    assert line.past.so_far_s(text, now_s=line.now_s) == 0.0
    line.go(1.0, good(1.0))
    assert line.past.so_far_s(text, now_s=line.now_s) == 0.0
    assert line.past.recall(text, now_s=line.now_s, gap_s_max=GAP_S) is None


def test_a_rate_seen_once_a_second_looks_back_over_its_very_time() -> None:
    text = "rate(p.a, 60 * s)"
    line = Line(f"{text} > 0 * m / s", unit="m")
    for second in range(62):
        line.go(1.0, good(0.0 if second == 0 else 6.0))
        rate = line.past.recall(text, now_s=line.now_s, gap_s_max=GAP_S)
        assert rate == (None if second < 60 else 0.1 if second == 60 else 0.0), second


def test_only_what_it_is_told_to_look_at_is_seen() -> None:
    line = Line("held(p.a, 9 * s) or held(not p.b, 9 * s)")
    looked, other = (item.text for item in line.expression.timed)
    line.reading = good(value=True)
    line.past.look([looked], now_s=1.0, gap_s_max=GAP_S)
    assert (line.past.runs[looked].seen_s, line.past.runs[other].seen_s) == (1.0, None)
    line.past.look(now_s=2.0, gap_s_max=GAP_S)
    assert (line.past.runs[looked].seen_s, line.past.runs[other].seen_s) == (2.0, 2.0)


def test_an_operator_rests_on_each_of_its_points() -> None:
    line = Line("held(p.a and p.b, 9 * s) or held(p.b, 9 * s)")
    both, one = (item.text for item in line.expression.timed)
    assert line.past.resting_on({PointRef("p/a")}) == (both,)
    assert line.past.resting_on({PointRef("p/b"), PointRef("p/z")}) == (both, one)


def test_a_changed_park_keeps_how_long_it_has_been() -> None:
    old = Line("held(p.a, 9 * s) and rate(p.b, 9 * s) > 0 / s", unit="")
    for _ in range(6):
        old.go(1.0, good(value=True))
    new = Past(old.expression.timed, old.read, old.unit_of)
    texts = ["held(p.a, 9 * s)", "rate(p.b, 9 * s)"]
    assert [new.so_far_s(text, now_s=old.now_s) for text in texts] == [0.0, 0.0]
    new.keep(old.past, [*texts, "held(p.z, 9 * s)", "rate(p.z, 9 * s)"])
    assert [new.so_far_s(text, now_s=old.now_s) for text in texts] == [5.0, 5.0]
    nothing = Past((), old.read, old.unit_of)
    new.keep(nothing, texts)
    nothing.keep(new, texts)
    assert [new.so_far_s(text, now_s=old.now_s) for text in texts] == [5.0, 5.0]
    assert (nothing.operators, nothing.runs, nothing.tracks) == ({}, {}, {})
    assert (list(new.runs), list(new.tracks)) == ([texts[0]], [texts[1]])


def test_what_a_rate_remembers_is_bounded_and_in_base_units() -> None:
    text = "rate(p.a, 60 * s)"
    rising = Line(f"{text} > 0 * m / s", unit="mm")
    for step in range(2000):
        rising.go(0.25, good(float(step)))
        assert len(rising.past.tracks[text].values) <= SAMPLES_MAX + 2
    rate = rising.past.recall(text, now_s=rising.now_s, gap_s_max=GAP_S)
    assert rate == pytest.approx(0.004), "4 mm a second"


def test_a_point_that_is_no_number_has_no_rate() -> None:
    text = "rate(p.a, 2 * s)"
    for value in ("x", None):
        line = Line(f"{text} > 0 * m / s", unit="m")
        for _ in range(4):
            line.go(1.0, Reading(value=value, quality=Quality.GOOD, observed_ms=1, age_s=0.0, fresh=True))
        assert line.past.recall(text, now_s=line.now_s, gap_s_max=GAP_S) is None


def test_the_gap_itself_is_no_gap() -> None:
    held = Line("held(p.a, 2 * s)")
    held.go(1.0, good(value=True))
    held.go(GAP_S, good(value=True))
    assert held.truth() is T
    held.go(GAP_S + 0.001, good(value=True))
    assert held.truth() is U
    rate = Line("rate(p.a, 2 * s) == 0 * m / s", unit="m")
    rate.go(1.0, good(1.0))
    rate.go(GAP_S, good(1.0))
    assert rate.truth() is T
    rate.go(GAP_S + 0.001, good(1.0))
    assert rate.truth() is U

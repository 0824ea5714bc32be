"""The image of a device: what it tells, column by column, and samples that bring their own times."""

from dataclasses import replace

import numpy as np

from domain.drive import Table
from domain.ids import DeviceId, FacilityId, GatewayId
from domain.park import Device, Point, PollGroup, Register, RegisterType
from domain.quality import Quality, Reason
from domain.sample import Reading
from domain.words import Words
from gateway.image import DeviceImage, period_s, stale_after_s
from gateway.judgement import REASON_NUMBERS
from wire.modbus import Columns

T0 = 1_780_000_000_000
GOOD, UNCERTAIN, BAD = int(Quality.GOOD), int(Quality.UNCERTAIN), int(Quality.BAD)
DEVICE = Device(
    id=DeviceId("d"),
    gateway=GatewayId("g"),
    words=Words("机", "device"),
    host="127.0.0.1",
    port=502,
    unit_id=1,
    template="t",
    groups={"normal": PollGroup(name="normal", period_s=1.0)},
)


def point(name: str, kind: RegisterType = RegisterType.FLOAT32, **other: object) -> Point:
    return Point(
        facility=FacilityId("f"),
        name=name,
        words=Words("点", "point"),
        device=DEVICE.id,
        register=Register(
            table=Table.INPUT, address=0, type=kind, bit=0 if kind is RegisterType.BIT else None
        ),
        unit="",
        **other,  # type: ignore[arg-type]
    )


POINTS = [
    point("level", range_max=10.0),
    point("open", RegisterType.BIT),
    point("batch", RegisterType.STRING),
]
ALL = np.arange(3)


def read(image: DeviceImage, at_ms: int, *values: float, text: str | None = None) -> list[int]:
    columns = Columns(
        values=np.array([*values, np.nan]),
        is_invalid=np.array([False, False, text is None]),
        texts={} if text is None else {2: text},
    )
    return image.take(ALL, columns, observed_ms=at_ms, asked_s=1.0, read_s=1.0).tolist()


def test_columns_say_what_was_told() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    assert read(image, T0, 4.0, 1.0, text="甲-7") == [0, 1, 2]
    told = image.told_columns(ALL)
    assert told.values[:2].tolist() == [4.0, 1.0]
    assert np.isnan(told.values[2])
    assert told.quality.tolist() == [GOOD] * 3
    assert told.reason.tolist() == [0] * 3
    assert told.observed_ms.tolist() == [T0] * 3
    assert told.texts == {2: "甲-7"}
    assert [item.value for item in image.told(range(3))] == [4.0, True, "甲-7"]
    assert image.told([1])[0].value is True, "a state, and no number"


def test_columns_hold_the_rows_asked_for_in_their_order() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    read(image, T0, 4.0, 1.0, text="a")
    told = image.told_columns(np.array([2, 0]))
    assert told.texts == {0: "a"}
    assert told.values[1] == 4.0


def test_a_text_is_told_when_it_changes() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    read(image, T0, 4.0, 1.0, text="a")
    assert read(image, T0 + 1, 4.0, 1.0, text="a") == []
    assert read(image, T0 + 2, 4.0, 1.0, text="b") == [2]
    assert image.told_columns(np.array([2])).texts == {0: "b"}


def test_a_text_that_cannot_be_read_is_null_and_bad() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    read(image, T0, 4.0, 1.0, text="a")
    assert read(image, T0 + 1, 4.0, 1.0) == [2]
    told = image.told_columns(ALL)
    assert told.texts == {}
    assert told.quality[2] == BAD
    assert read(image, T0 + 2, 4.0, 1.0, text="a") == [2]
    assert image.told_columns(np.array([2])).texts == {0: "a"}, "it can be read again"


def test_while_the_clock_is_off_values_are_told_uncertain_and_decided_upon_as_they_are() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    read(image, T0, 4.0, 1.0, text="a")
    image.is_clock_off = True
    assert read(image, T0 + 1, 4.0, 1.0, text="a") == [0, 1, 2]
    told = image.told_columns(ALL)
    assert told.quality.tolist() == [UNCERTAIN] * 3
    assert told.reason.tolist() == [REASON_NUMBERS[Reason.CLOCK]] * 3
    assert image.reading(0, now_s=1.0, speed=1.0).quality is Quality.GOOD
    assert read(image, T0 + 2, 11.0, 1.0, text="a") == [0], "what is bad stays bad"
    assert image.told_columns(ALL).quality.tolist() == [BAD, UNCERTAIN, UNCERTAIN]
    image.is_clock_off = False
    assert read(image, T0 + 3, 4.0, 1.0, text="a") == [0, 1, 2]


def samples(image: DeviceImage, at: list[int], values: list[float], qualities: list[int]) -> list[int]:
    reasons = [0 if quality == GOOD else REASON_NUMBERS[Reason.CALIBRATION] for quality in qualities]
    rows = image.take_samples(
        np.arange(len(at)),
        np.array(values),
        np.array(at, dtype=np.int64),
        np.array(qualities, dtype=np.int16),
        np.array(reasons, dtype=np.int8),
        read_s=5.0,
    )
    return rows.tolist()


def test_samples_keep_their_own_times_and_qualities() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    assert samples(image, [T0, T0 + 7], [4.0, 1.0], [UNCERTAIN, GOOD]) == [0, 1]
    told = image.told_columns(np.array([0, 1]))
    assert told.observed_ms.tolist() == [T0, T0 + 7]
    assert told.quality.tolist() == [UNCERTAIN, GOOD]
    assert told.reason.tolist() == [REASON_NUMBERS[Reason.CALIBRATION], 0]


def test_a_good_sample_is_judged_like_any_other() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    samples(image, [T0], [11.0], [GOOD])
    assert image.told_columns(np.array([0])).reason.tolist() == [REASON_NUMBERS[Reason.RANGE]]


def test_a_sample_told_before_is_alive_and_nothing_new() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    samples(image, [T0], [4.0], [GOOD])
    assert samples(image, [T0], [5.0], [GOOD]) == []
    assert image.told_columns(np.array([0])).values.tolist() == [4.0]
    assert image.read_s == 5.0


def test_silence_of_a_group_is_told_only_of_one_that_was_read() -> None:
    """Stale after two periods; a read made before time went faster was due by the old speed."""
    image = DeviceImage(DEVICE, POINTS, [])
    assert image.stale_groups(now_s=100.0, speed=1.0) == []
    assert image.asked_s(0) == float("-inf")
    read(image, T0, 1.0, 0.0, text="a")
    assert (image.observed_ms(0), image.asked_s(0)) == (T0, 1.0)
    limit_s = 1.0 + image.stale_after_s(speed=1.0)
    assert image.stale_groups(now_s=limit_s, speed=1.0) == []
    assert image.stale_groups(now_s=limit_s + 0.001, speed=1.0) == ["normal"]
    assert image.is_stale("normal", now_s=limit_s, speed=10.0) is image.is_stale(
        "normal", now_s=limit_s, speed=1.0
    )


def test_all_is_told_again_when_asked() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    assert read(image, T0, 1.0, 0.0, text="a") == [0, 1, 2]
    assert read(image, T0 + 1, 1.0, 0.0, text="a") == []
    image.tell_all_again()
    assert read(image, T0 + 2, 1.0, 0.0, text="a") == [0, 1, 2]
    silence_ms = round(POINTS[0].silence_s_max * 1000)
    assert read(image, T0 + 1 + silence_ms, 1.0, 0.0, text="a") == []
    assert read(image, T0 + 2 + silence_ms, 1.0, 0.0, text="a") == [0, 1, 2], "none is silent for longer"


def test_a_reading_is_as_old_as_its_last_good_read_and_stale_after_two_periods() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    never = image.reading(0, now_s=5.0, speed=1.0)
    assert never == Reading(value=None, quality=Quality.BAD, reason=Reason.STALE), "no time and no age either"
    read(image, T0, 3.5, 1.0, text="a")
    limit_s = stale_after_s(DEVICE.groups["normal"], speed=1.0)
    assert limit_s == 2.0
    number, state, text = (image.reading(row, now_s=1.0 + limit_s, speed=1.0) for row in range(3))
    assert (number.value, state.value, text.value) == (3.5, True, "a")
    assert (number.age_s, number.fresh, number.observed_ms) == (limit_s, True, T0)
    late = image.reading(0, now_s=1.001 + limit_s, speed=1.0)
    assert (late.fresh, late.value) == (False, 3.5)
    faster = image.reading(0, now_s=1.0 + limit_s, speed=100.0)
    assert faster.fresh, "a read made before time went faster was due by the old speed"
    assert image.stale_after_s(speed=100.0) == limit_s


def test_silence_is_doubted_once_and_keeps_the_value() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    assert image.told(range(3)) == []
    read(image, T0, 3.5, 1.0, text="a")
    rows = np.array([0])
    assert image.doubt(rows, Quality.BAD, Reason.LINK, observed_ms=T0 + 5).tolist() == [0]
    for later_ms in (10**9, 6):
        again = image.doubt(rows, Quality.BAD, Reason.LINK, observed_ms=T0 + later_ms)
        assert again.tolist() == [], "however long it lasts"
    found = image.reading(0, now_s=1.0, speed=1.0)
    assert (found.value, found.quality, found.reason, found.observed_ms) == (
        3.5,
        Quality.BAD,
        Reason.LINK,
        T0 + 6,
    )
    (told,) = image.told([0])
    assert (told.value, told.quality, told.reason, told.observed_ms) == (
        3.5,
        Quality.BAD,
        Reason.LINK,
        T0 + 5,
    )


def test_a_group_s_period_and_its_end_follow_the_speed_of_time() -> None:
    group = PollGroup(name="slow", period_s=10.0)
    assert (stale_after_s(group, speed=1.0), stale_after_s(group, speed=4.0)) == (20.0, 5.0)
    assert stale_after_s(group, speed=0.5) == 40.0
    assert period_s(group, speed=4.0) == 2.5
    assert period_s(group, speed=1e9, floor_s=0.02) == 0.02
    assert (period_s(group, speed=1e9), stale_after_s(group, speed=1e9)) == (0.1, 0.5), "never below"


def test_a_poll_of_nothing_answers_for_no_group() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    none = np.array([], dtype=np.int64)
    empty = Columns(values=np.array([]), is_invalid=np.array([], dtype=np.bool_))
    assert image.take(none, empty, observed_ms=T0, asked_s=1.0, read_s=1.0).tolist() == []
    assert image.stale_groups(now_s=1e6, speed=1.0) == []


def test_what_is_told_anew_while_it_is_on_its_way_keeps_the_time_of_its_sample() -> None:
    """The disk has room again between the choice of the rows and their payload: another device's poll found it so."""
    image = DeviceImage(DEVICE, POINTS, [])
    rows = read(image, T0, 1.0, 0.0)
    image.tell_all_again()
    told = image.told_columns(np.array(rows))
    assert told.observed_ms.tolist() == [T0] * len(rows)
    assert read(image, T0 + 1000, 1.0, 0.0) == rows, "and at the next read it is told anew"


def test_each_group_has_its_rows_and_the_quickest_says_when_the_device_is_dead() -> None:
    groups = {
        name: PollGroup(name=name, period_s=period_s) for name, period_s in (("normal", 1.0), ("slow", 10.0))
    }
    slow = replace(POINTS[1], group="slow")
    image = DeviceImage(replace(DEVICE, groups=groups), [POINTS[0], slow, point("ph")], [])
    assert {name: rows.tolist() for name, rows in image.groups.items()} == {"normal": [0, 2], "slow": [1]}
    assert (image.read_s, image.is_alive) == (float("-inf"), False)
    assert image.stale_after_s(speed=1.0) == 2.0
    columns = Columns(values=np.array([1.0]), is_invalid=np.array([False]))
    image.take(np.array([1]), columns, observed_ms=T0, asked_s=1.0, read_s=1.0)
    image.take(np.array([0]), columns, observed_ms=T0, asked_s=1.0, read_s=1.0)
    assert image.stale_groups(now_s=3.1, speed=1.0) == ["normal"]
    assert image.stale_groups(now_s=21.1, speed=1.0) == ["normal", "slow"]


def test_samples_answer_for_their_group_and_silence_follows_them() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    samples(image, [T0], [4.0], [GOOD])
    assert not image.is_stale("normal", now_s=7.0, speed=1.0)
    assert image.is_stale("normal", now_s=7.1, speed=1.0)
    assert not image.is_stale("normal", now_s=7.0, speed=10.0), "it came when time went slower"
    assert samples(image, [T0], [4.0], [GOOD]) == []
    assert image.reading(0, now_s=7.0, speed=1.0).fresh


def test_what_was_doubted_before_it_was_ever_read_has_no_age_and_no_value() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    assert image.doubt(ALL, Quality.BAD, Reason.LINK, observed_ms=T0).tolist() == [0, 1, 2]
    for row in range(3):
        found = image.reading(row, now_s=5.0, speed=1.0)
        assert (found.value, found.age_s, found.fresh, found.reason) == (None, None, False, Reason.LINK)
    assert [item.value for item in image.told(range(3))] == [None, None, None]


def test_what_was_told_keeps_its_time_until_it_is_told_again_be_it_the_first_that_a_clock_issues() -> None:
    image = DeviceImage(DEVICE, POINTS, [])
    read(image, 1, 4.0, 1.0, text="a")
    assert read(image, 2, 4.0, 1.0, text="a") == []
    assert [item.observed_ms for item in image.told(range(3))] == [1] * 3
    assert image.told_columns(ALL).observed_ms.tolist() == [1] * 3
    assert image.reading(0, now_s=1.0, speed=1.0).observed_ms == 2

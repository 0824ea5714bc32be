"""The screen says 关到位 only for closed limit made, open limit free, good and fresh, whatever was commanded (I4, I15)."""

import itertools

import pytest

from control.commands.book import Book
from control.commands.orders import Orders
from control.live.image import Image
from control.live.views import actuator_view
from domain.command import State
from domain.park import Actuator
from domain.quality import Quality, Reason
from tests.unit.control.test_lifecycle import made
from tests.unit.control.world import BEAT, GW, OUTLET, PARK, PLC
from wire.sparkplug import DataType, Metric, Payload
from wire.topics import Kind

ACTUATOR: Actuator = PARK.actuators[OUTLET]
LIMITS = [True, False, None]
"""None: the device never gave a value."""


def seen(
    opened: bool | None, closed: bool | None, quality: Quality, *, is_heard: bool, is_held: bool
) -> Image:
    image = Image(PARK)
    image.take(Kind.NBIRTH, GW, None, Payload(timestamp_ms=1, seq=0))
    metrics = tuple(
        Metric(
            name=f"{OUTLET}/{name}",
            value=value,
            datatype=DataType.BOOLEAN,
            timestamp_ms=5,
            quality=quality,
            reason=None if quality is Quality.GOOD else Reason.LINK,
        )
        for name, value in (("opened", opened), ("closed", closed))
    )
    image.take(Kind.DBIRTH, GW, PLC, Payload(timestamp_ms=5, metrics=metrics, seq=1))
    if is_heard:
        image.hear(BEAT, now_s=100.0)
    if is_held:
        image.doubt_all()
    return image


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize("quality", list(Quality))
def test_closed_is_said_on_proof_only(state: State | None, quality: Quality) -> None:
    book = Book()
    if state is not None:
        book.put(made(state), now_s=90.0)
    cases = itertools.product(LIMITS, LIMITS, [True, False], [True, False], [0.0, 3.0, 3.1, 60.0])
    for opened, closed, is_heard, is_held, later_s in cases:
        image = seen(opened, closed, quality, is_heard=is_heard, is_held=is_held)
        view = actuator_view(image, Orders(PARK), book, ACTUATOR, None, now_s=100.0 + later_s)
        is_fresh = is_heard and later_s <= 3.0
        is_proved = is_fresh and not is_held and quality is Quality.GOOD
        assert (view["position"] == "closed") is (is_proved and closed is True and opened is False)
        assert (view["position"] == "open") is (is_proved and opened is True and closed is False)
        words = view["position_words"]
        assert isinstance(words, dict)
        assert (words["zh"] == "关到位") is (view["position"] == "closed")
        if not is_proved and not (is_fresh and opened is closed is True):
            assert view["position"] == "unknown"

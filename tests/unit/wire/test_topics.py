"""Topic names: what is written is read back, and what is not ours is none."""

import pytest

from wire.topics import (
    Channel,
    Kind,
    SparkplugTopic,
    host_id,
    ours,
    parse_ours,
    parse_sparkplug,
    sparkplug,
    state,
)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("device", [None, "plc_hc_outlet"])
def test_sparkplug_round_trip(kind: Kind, device: str | None) -> None:
    topic = sparkplug("lingang", kind, "gw_east", device)
    assert parse_sparkplug(topic) == SparkplugTopic("lingang", kind, "gw_east", device)


@pytest.mark.parametrize("channel", Channel)
def test_ours_round_trip(channel: Channel) -> None:
    assert parse_ours(ours("lingang", "gw_east", channel)) == ("lingang", "gw_east", channel)


@pytest.mark.parametrize(
    "topic",
    ["", "/", "spBv1.0", "spBv1.0/lingang/DDATA", "spBv1.0/lingang/XDATA/gw", "spAv1.0/lingang/DDATA/gw/plc", "spBv1.0/STATE/control", "spBv1.0/lingang/DDATA/gw/plc/more", "stoplog/1/lingang/gw/command"],
)  # fmt: skip
def test_no_sparkplug_topic(topic: str) -> None:
    assert parse_sparkplug(topic) is None


@pytest.mark.parametrize(
    "topic",
    ["", "stoplog", "stoplog/1/lingang/gw", "stoplog/2/lingang/gw/command", "stoplog/1/lingang/gw/orders/more", "stoplog/1/lingang/gw/ack", "other/1/lingang/gw/command", "spBv1.0/lingang/DDATA/gw/plc"],
)  # fmt: skip
def test_none_of_ours(topic: str) -> None:
    assert parse_ours(topic) is None


def test_the_state_of_a_host() -> None:
    assert state("control") == "spBv1.0/STATE/control"


def test_a_host_is_named_after_its_park() -> None:
    assert state(host_id("lingang")) == "spBv1.0/STATE/stoplog_lingang"
    assert host_id("lingang") != host_id("elsewhere")

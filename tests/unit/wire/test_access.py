"""Who may say and hear what at the broker."""

import hashlib

import pytest

from wire.access import covers, grants, mosquitto_acl
from wire.signing import Role
from wire.topics import Channel, Kind, ours, sparkplug

PARK = "lingang"


@pytest.mark.parametrize(
    ("allowed", "asked", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a/#", True),
        ("a/+", "a/+", True),
        ("a/b", "a/+", False),
        ("a/+", "a/#", False),
        ("a/+", "#", False),
        ("a/+/c", "a/b/#", False),
        ("a/b/c", "a/b", False),
        ("a/b", "a/b/c", False),
    ],
)
def test_a_filter_is_granted_only_when_all_it_matches_is(allowed: str, asked: str, *, expected: bool) -> None:
    assert covers(allowed, asked) is expected


def may(role: Role, identity: str, topic: str, *, publish: bool) -> bool:
    granted = grants(PARK, role, identity)
    return any(covers(item, topic) for item in (granted.publish if publish else granted.subscribe))


def test_a_gateway_speaks_only_as_itself() -> None:
    for channel in Channel:
        assert not may(Role.GATEWAY, "gw_east", ours(PARK, "gw_west", channel), publish=True)
    assert may(Role.GATEWAY, "gw_east", ours(PARK, "gw_east", Channel.HEARTBEAT), publish=True)
    assert may(Role.GATEWAY, "gw_east", sparkplug(PARK, Kind.DDATA, "gw_east", "plc_hc_outlet"), publish=True)
    assert not may(
        Role.GATEWAY, "gw_east", sparkplug(PARK, Kind.DDATA, "gw_west", "plc_hc_outlet"), publish=True
    )


def test_commands_and_acknowledgements_come_from_the_centre_only() -> None:
    for channel in (Channel.COMMAND, Channel.ORDERS, Channel.TERM, Channel.ACK_RECORDS):
        topic = ours(PARK, "gw_east", channel)
        assert may(Role.CONTROL, "control", topic, publish=True)
        assert not may(Role.INGEST, "ingest", topic, publish=True)
        assert not may(Role.GATEWAY, "gw_east", topic, publish=True)
    acknowledgement = ours(PARK, "gw_east", Channel.ACK_SAMPLES)
    assert may(Role.INGEST, "ingest", acknowledgement, publish=True)
    assert not may(Role.CONTROL, "control", acknowledgement, publish=True)


def test_nobody_may_subscribe_everything() -> None:
    for role in Role:
        assert not may(role, "x", "#", publish=False)


def test_mosquittos_file_says_the_same() -> None:
    text = mosquitto_acl(PARK, {"gw_east": Role.GATEWAY, "control": Role.CONTROL})
    assert "user gw_east\ntopic write stoplog/1/lingang/gw_east/heartbeat\n" in text
    assert "topic write stoplog/1/lingang/+/command\n" in text


def test_what_each_role_is_granted_word_for_word() -> None:
    text = mosquitto_acl("p", {"control": Role.CONTROL, "gw": Role.GATEWAY, "ingest": Role.INGEST})
    assert hashlib.sha256(text.encode()).hexdigest() == GRANTED, text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


GRANTED = "860e56d1a25f0571867dd63e4b2020bc019099c1c91e9679c7929f0f11379ed5"
"""SHA-256 of the ACL as it was looked through line by line; whoever changes a grant looks through it again."""

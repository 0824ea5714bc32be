"""Names of MQTT topics: Sparkplug's for what the world may read, our own for what only we say."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

SPARKPLUG = "spBv1.0"
OURS = "stoplog/1"
TOPICS_MAX = 1024
"""Topics whose parts are remembered: of as many devices; the longest that MQTT allows would take 64 MB."""


class Kind(StrEnum):
    """Sparkplug message types."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    NDATA = "NDATA"
    DDATA = "DDATA"
    NCMD = "NCMD"
    DCMD = "DCMD"


class Channel(StrEnum):
    """Our own topics below `stoplog/1/<park>/<gateway>/`."""

    HEARTBEAT = "heartbeat"
    HISTORY = "history"
    ACK_SAMPLES = "ack/samples"
    RECORDS = "records"
    ACK_RECORDS = "ack/records"
    COMMAND = "command"
    ORDERS = "orders"
    TERM = "term"
    REPLY = "reply"
    CANARY = "canary"
    """An ingest worker's proof to itself that its subscription delivers; `<gateway>` is the worker's name."""


@dataclass(frozen=True, slots=True)
class SparkplugTopic:
    """A parsed Sparkplug topic."""

    park: str
    kind: Kind
    gateway: str
    device: str | None


def sparkplug(park: str, kind: Kind, gateway: str, device: str | None = None) -> str:
    """Return `spBv1.0/<park>/<kind>/<gateway>[/<device>]`; `+` and `#` may stand for any part."""
    tail = f"/{device}" if device is not None else ""
    return f"{SPARKPLUG}/{park}/{kind.value}/{gateway}{tail}"


def ours(park: str, gateway: str, channel: Channel) -> str:
    """Return `stoplog/1/<park>/<gateway>/<channel>`; `+` may stand for park or gateway."""
    return f"{OURS}/{park}/{gateway}/{channel.value}"


def host_id(park: str) -> str:
    """Return the name of a park's control as a Sparkplug host application; unique where parks share a broker."""
    return f"stoplog_{park}"


def state(host: str) -> str:
    """Return the topic of a host application's STATE message."""
    return f"{SPARKPLUG}/STATE/{host}"


@lru_cache(maxsize=TOPICS_MAX)
def parse_sparkplug(topic: str) -> SparkplugTopic | None:
    """Return the parts of a Sparkplug topic; None when it is none or of an unknown type."""
    parts = topic.split("/")
    if len(parts) not in {4, 5} or parts[0] != SPARKPLUG or parts[2] not in Kind.__members__:
        return None
    return SparkplugTopic(parts[1], Kind(parts[2]), parts[3], parts[4] if len(parts) == 5 else None)


@lru_cache(maxsize=TOPICS_MAX)
def parse_ours(topic: str) -> tuple[str, str, Channel] | None:
    """Return (park, gateway, channel) of one of our topics; None when it is none."""
    parts = topic.split("/", 4)
    if len(parts) != 5 or f"{parts[0]}/{parts[1]}" != OURS or parts[4] not in set(Channel):
        return None
    return parts[2], parts[3], Channel(parts[4])

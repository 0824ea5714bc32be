"""Who may say and hear what at the broker: the same list for the embedded broker and for mosquitto's ACL file."""

from dataclasses import dataclass

from wire.signing import Role
from wire.topics import OURS, SPARKPLUG, Channel, Kind, host_id, ours, sparkplug, state


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """MQTT topic filters that one identity may use."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def grants(park: str, role: Role, identity: str) -> Grants:
    """Return what `identity` may do: a gateway speaks only as itself; commands and acknowledgements come from the centre."""
    match role:
        case Role.GATEWAY:
            return _gateway(park, identity)
        case Role.CONTROL:
            said = (Channel.ACK_RECORDS, Channel.COMMAND, Channel.ORDERS, Channel.TERM)
            heard = (Channel.HEARTBEAT, Channel.RECORDS, Channel.REPLY)
            return Grants(
                publish=(
                    *(ours(park, "+", channel) for channel in said),
                    sparkplug(park, Kind.NCMD, "+"),
                    state(host_id(park)),
                ),
                subscribe=(
                    *(ours(park, "+", channel) for channel in heard),
                    f"{SPARKPLUG}/{park}/#",
                    f"{SPARKPLUG}/STATE/+",
                ),
            )
        case Role.INGEST:
            return Grants(
                publish=(ours(park, "+", Channel.ACK_SAMPLES), ours(park, "+", Channel.CANARY)),
                subscribe=(
                    sparkplug(park, Kind.DDATA, "#"),
                    ours(park, "+", Channel.HISTORY),
                    ours(park, "+", Channel.CANARY),
                ),
            )


def _gateway(park: str, gateway: str) -> Grants:
    said = (Channel.HEARTBEAT, Channel.HISTORY, Channel.RECORDS, Channel.REPLY)
    heard = (Channel.ACK_SAMPLES, Channel.ACK_RECORDS, Channel.COMMAND, Channel.ORDERS, Channel.TERM)
    of_node = (Kind.NBIRTH, Kind.NDEATH, Kind.NDATA)
    of_device = (Kind.DBIRTH, Kind.DDEATH, Kind.DDATA)
    return Grants(
        publish=(
            *(ours(park, gateway, channel) for channel in said),
            *(sparkplug(park, kind, gateway) for kind in of_node),
            *(sparkplug(park, kind, gateway, "+") for kind in of_device),
        ),
        subscribe=(
            *(ours(park, gateway, channel) for channel in heard),
            sparkplug(park, Kind.NCMD, gateway),
            sparkplug(park, Kind.DCMD, gateway, "+"),
            f"{SPARKPLUG}/STATE/+",
        ),
    )


def covers(allowed: str, asked: str) -> bool:
    """Return whether every topic that matches the filter `asked` also matches the filter `allowed`."""
    allowed_parts, asked_parts = allowed.split("/"), asked.split("/")
    for place, part in enumerate(allowed_parts):
        if part == "#":
            return True
        if place >= len(asked_parts) or asked_parts[place] == "#":
            return False
        if part != "+" and part != asked_parts[place]:
            return False
    return len(allowed_parts) == len(asked_parts)


def mosquitto_acl(park: str, identities: dict[str, Role]) -> str:
    """Return the text of mosquitto's ACL file for `identities` (user name → role)."""
    lines = [f"# {OURS} and {SPARKPLUG}, park {park}"]
    for identity, role in sorted(identities.items()):
        granted = grants(park, role, identity)
        lines += ["", f"user {identity}"]
        lines += [f"topic write {topic}" for topic in granted.publish]
        lines += [f"topic read {topic}" for topic in granted.subscribe]
    return "\n".join(lines) + "\n"

"""Judges what left the gateways for the PLCs: who asked for it, whether it was fresh, and whether anything stood against it."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.simulation.checker_story import FINAL, Body, Heard, Story, Write, asks_for, percent_of
from tests.simulation.trace import Recorded, Wrote

SELECT_S = 10.0
"""A select lives so long at the edge."""
SLACK_S = 1.5
"""For a Modbus answer that is awaited before the next bytes leave."""
OWN_S = 660.0
"""An edge's own closure keeps trying for ten minutes."""
KNOWN_LOCAL_S = 4.0
"""Two polls and a half of the feedback of a device that answers."""
Found = tuple[str, float, str]
"""(invariant, when, words)."""


def selects(story: Story) -> Iterator[Found]:
    """I1: no operate without a live select by the same person with the same parameters."""
    for write in story.writes:
        if story.writes_away(write):
            candidates = _candidates(story, write)
            if candidates and not any(_is_selected(story, write, item) for item in candidates):
                yield "I1", write.at_s, f"{write.actuator} is asked to {write.ask} without a live select"
    chosen = {}
    for asked, answer in story.granted:
        if asked.what == "select":
            chosen[answer.command] = asked
        is_move = asked.what == "operate" and asked.actuator is not None and asked.action is not None
        if is_move and story.is_away(str(asked.actuator), str(asked.action), asked.opening_percent):
            mine = chosen.get(asked.select)
            wanted = (asked.person, asked.actuator, asked.action, asked.opening_percent)
            has = mine and (mine.person, mine.actuator, mine.action, mine.opening_percent)
            if has != wanted and not _is_repeat(story, answer.command):
                yield "I1", answer.at_s, f"control takes {wanted} with the select {has}"


def one_owner(story: Story) -> Iterator[Found]:
    """I2: one command executes on an actuator; a lower term moves nothing away; a drive rests before it turns."""
    yield from _overlaps(story)
    yield from _reversals(story)
    for record in story.records.get("command", ()):
        body: Body = record.body
        name = str(record.actuator)
        if body["state"] != "operating" or name not in story.actuators or not body["hash"]:
            continue
        if not story.is_away(name, body["action"], percent_of(body)):
            continue
        heard = [item for item in story.operates.get(name, ()) if item.body["id"] == body["id"]]
        if heard and heard[0].body["term"] < story.term_of(record.gateway, heard[0].at_s):
            yield "I2", record.at_s, f"{name} obeys term {heard[0].body['term']}, which is superseded"
    for gateway, held in story.held.items():
        if gateway == "control":
            continue
        lifted: set[str] = set()
        for message in story.heard["orders"].get(gateway, ()):
            if message.body["term"] >= story.term_of(gateway, message.at_s):
                lifted |= set(message.body["tombstones"])
        if set(held.tombstones) - lifted:
            yield (
                "I2",
                held.at_s,
                f"{gateway} holds releases that no leader gave: {set(held.tombstones) - lifted}",
            )


def fresh(story: Story) -> Iterator[Found]:
    """I3: no write for a command that is not fresh, and none twice away from safe."""
    used: set[str] = set()
    for write in story.writes:
        is_away = story.writes_away(write)
        candidates = _candidates(story, write)
        alive = [item for item in candidates if _is_fresh(story, write, item)]
        if not alive:
            if not is_away and _is_own(story, write):
                continue
            name = "I11" if is_away and not candidates else "I3"
            yield name, write.at_s, f"{write.actuator} is asked to {write.ask}; no fresh command asks for it"
        elif is_away:
            unused = [item for item in alive if item.body["id"] not in used]
            if not unused:
                yield "I3", write.at_s, f"{write.actuator} is asked to {write.ask} twice by one command"
            used |= {item.body["id"] for item in unused[:1]}


def hands(story: Story) -> Iterator[Found]:
    """I7: nothing is written to a device that is known to be in local or tagged out; hands are told of."""
    local: dict[tuple[str, str, int], float] = {}
    modes = sorted(story.records.get("mode", ()), key=lambda record: record.at_s)
    place = 0
    for write in story.writes:
        while place < len(modes) and modes[place].at_s < write.at_s - 0.01:
            mode = modes[place]
            key = (str(mode.actuator), mode.gateway, mode.life)
            local.pop(key, None)
            if mode.body["remote"] is False:
                local[key] = mode.at_s
            place += 1
        gate = story.gates[write.actuator]
        since_s = local.get((write.actuator, write.gateway, write.life))
        was_local = all(not item.is_remote for item in gate.within(write.at_s - KNOWN_LOCAL_S, write.at_s))
        if since_s is not None and all(not item.is_remote for item in gate.within(since_s, write.at_s)):
            yield (
                "I7",
                write.at_s,
                f"{write.actuator} is in local, as its gateway recorded, and is asked to {write.ask}",
            )
        elif was_local and story.writes_away(write):
            yield "I7", write.at_s, f"{write.actuator} has been in local for long and is asked to {write.ask}"
        elif _is_tagged(story, write) and not _is_stop(story, write):
            yield "I7", write.at_s, f"{write.actuator} is tagged out and is asked to {write.ask}"
    yield from _unnoticed_hands(story)
    yield from _moves_in_local(story)


def by_itself(story: Story) -> Iterator[Found]:
    """I11: rules act only toward safe and never on a river sluice."""
    for record in story.records.get("command", ()):
        body: Body = record.body
        name = str(record.actuator)
        if not str(body["author"]).startswith("edge:") or name not in story.actuators:
            continue
        if body["state"] == "refused":
            continue
        if story.is_away(name, body["action"], percent_of(body)):
            yield "I11", record.at_s, f"{body['author']} moves {name} away from safe"
        elif story.actuators[name]["tier"] == "river":
            yield "I11", record.at_s, f"{body['author']} moves the river sluice {name}"


def outputs(story: Story) -> Iterator[Found]:
    """I16: a real output is reached only by the gateway that owns it, for a command that is no drill's."""
    sent = {write.number: write for write in story.writes}
    for write in story.writes:
        if story.actuators[write.actuator]["gateway"] != write.gateway:
            yield "I16", write.at_s, f"{write.gateway} writes to {write.actuator}, which is not its own"
    ours = {body["id"] for item, body in story.said["command"] if item.client == "control"}
    for record in story.records.get("command", ()):
        if record.body["state"] == "operating" and record.body["hash"] and record.body["id"] not in ours:
            yield (
                "I16",
                record.at_s,
                f"{record.actuator} obeys {record.body['id'][:6]}, which control never sent",
            )
    for wrote in story.all(Wrote):
        if wrote.actuator is not None and wrote.ask in {"open", "close", "set"} and wrote.write not in sent:
            yield "I16", wrote.at_s, f"{wrote.actuator} is written by nobody who may"


def _candidates(story: Story, write: Write) -> list[Heard]:
    """Return the operates that this write can belong to: heard by this life before, and for what is written."""
    heard = story.operates.get(write.actuator, ())
    last = bisect_right(heard, write.at_s, key=lambda item: item.at_s)
    # Whatever may still be fresh, and of what was heard before that enough to say whether anything asked for it at all.
    may_be_fresh = bisect_left(heard, write.at_s - _fresh_s(story, write), key=lambda item: item.at_s)
    return [
        item
        for item in heard[max(0, min(last - 60, may_be_fresh)) : last]
        if item.life == write.life and (write.ask == "stop" or _asks(story, item, write))
    ]


def _asks(story: Story, operate: Heard, write: Write) -> bool:
    """Whether the operate is for what is written; a maintained coil has one word for closing and stopping."""
    is_let_go = write.ask == "close" and story.actuators[write.actuator]["drive"] == "MaintainedCoil"
    return asks_for(operate.body, write) or (is_let_go and operate.body["action"] == "stop")


def _is_selected(story: Story, write: Write, operate: Heard) -> bool:
    body = operate.body
    records = story.lives_of.get((write.gateway, body["id"], "select"), ())
    held = [record for record in records if record.life == write.life and record.at_s <= write.at_s]
    if not held or held[-1].body["state"] != "selected":
        return False
    said = held[-1].body
    is_same = (said["author"], said["action"], said["parameters"]) == (
        body["author"], body["action"], body["parameters"],
    )  # fmt: skip
    return is_same and operate.at_s - held[-1].at_s <= SELECT_S + SLACK_S


def _is_repeat(story: Story, command: str | None) -> bool:
    """Whether the answer only repeated what was accepted before, under an idempotency key."""
    body = story.commands.get(command or "", {})
    return body.get("idempotency_key") is not None


def _is_fresh(story: Story, write: Write, operate: Heard) -> bool:
    issued = story.challenges.get(operate.body["challenge"])
    if issued is None or issued[:2] != (write.gateway, write.life):
        return False
    return write.at_s - issued[2] <= _fresh_s(story, write)


def _fresh_s(story: Story, write: Write) -> float:
    """Return the virtual seconds for which a challenge may be obeyed by this write, a rest before a reversal included."""
    pause_s = float(story.actuators[write.actuator]["pause_s"])
    return story.setting.challenge_validity_s + pause_s + SLACK_S


def _is_own(story: Story, write: Write) -> bool:
    """Whether the gateway acted by itself: a cut-off, a late effect countered, an order asserted again."""
    for record in _records_on(story, write.actuator):
        if (record.gateway, record.life) != (write.gateway, write.life):
            continue
        is_near = write.at_s - OWN_S <= record.at_s <= write.at_s + OWN_S
        if is_near and (
            record.kind in {"cutoff", "reassert", "moved_by_hand"}
            or str(record.body.get("author", "")).startswith("edge:")
        ):
            return True
    return False


def _records_on(story: Story, actuator: str) -> Sequence[Recorded]:
    return [
        record
        for kind in ("cutoff", "reassert", "moved_by_hand", "command")
        for record in story.records.get(kind, ())
        if record.actuator == actuator
    ]


def _overlaps(story: Story) -> Iterator[Found]:
    """Two commands in execution at once on one actuator in one life, unless both go to the same safe end."""
    running: dict[tuple[str, int, str], dict[str, str]] = defaultdict(dict)
    for record in story.records.get("command", ()):
        body: Body = record.body
        name = str(record.actuator)
        if body["phase"] != "operate" or body["action"] == "verify" or name not in story.actuators:
            continue
        now = running[record.gateway, record.life, name]
        if body["state"] == "operating":
            action = body["action"]
            is_away = story.is_away(name, action, percent_of(body))
            others = {key: other for key, other in now.items() if key != body["id"]}
            if others and (
                is_away or action == "stop" or any(other != "toward" for other in others.values())
            ):
                yield (
                    "I2",
                    record.at_s,
                    f"{name} executes {body['id'][:6]} ({action}) and {sorted(others)} at once",
                )
            now[body["id"]] = "away" if is_away else ("stop" if action == "stop" else "toward")
        elif body["state"] in FINAL:
            now.pop(body["id"], None)


def _reversals(story: Story) -> Iterator[Found]:
    """A drive that a write of this life sent one way is stopped and rests before it is sent the other way."""
    sent = {write.number: write for write in story.writes}
    last: dict[str, tuple[int, float]] = {}
    for wrote in story.all(Wrote):
        write = sent.get(wrote.write)
        if write is None or wrote.ignored is not None or wrote.ask not in {"open", "close", "set"}:
            continue
        name = write.actuator
        setting, gate = story.actuators[name], story.gates[name]
        before = gate.at(wrote.at_s - 1e-6)
        now = gate.at(wrote.at_s)
        own = last.get(name)
        last[name] = (write.life, wrote.at_s)
        if setting["drive"] == "MaintainedCoil" or before.target is None or now.target is None:
            continue
        if own is None or own[0] != write.life or before.at_s < own[1] - 1e-6:
            continue
        if (before.target - before.opening) * (now.target - now.opening) < -1e-9:
            yield "I2", wrote.at_s, f"{name} is turned on its way without a rest"


def _is_stop(story: Story, write: Write) -> bool:
    """Whether it stops what its gateway had begun, which a tag does not forbid.

    A maintained coil has one word for closing and stopping: there it is what is first on the record from then on.
    """
    if story.actuators[write.actuator]["drive"] != "MaintainedCoil" or write.ask != "close":
        return write.ask == "stop"
    begun = next(
        (
            record.body
            for record in story.records.get("command", ())
            if (record.actuator, record.gateway, record.life) == (write.actuator, write.gateway, write.life)
            and record.at_s >= write.at_s
            and record.body["state"] == "operating"
            and record.body["action"] != "verify"
        ),
        None,
    )
    return begun is not None and begun["action"] == "stop"


def _is_tagged(story: Story, write: Write) -> bool:
    """Whether its gateway was told in this life, well before, of a tag that nobody has lifted since."""
    tags: set[str] = set()
    for message in story.heard["orders"].get(write.gateway, ()):
        if message.life != write.life or message.at_s > write.at_s - SLACK_S:
            continue
        for order in message.body["orders"]:
            if order["kind"] == "tag_out" and order["actuator"] == write.actuator:
                tags.add(order["id"])
    if not tags:
        return False
    lifted = {
        key
        for message in story.heard["orders"].get(write.gateway, ())
        if message.at_s <= write.at_s
        for key in message.body["tombstones"]
    }
    return bool(tags - lifted)


def _unnoticed_hands(story: Story) -> Iterator[Found]:
    """A gate that a hand moves off its limit, in a calm time, is on the record within seconds."""
    told = defaultdict(list)
    for record in story.records.get("moved_by_hand", ()):
        told[str(record.actuator)].append(record.at_s)
    moves = defaultdict(list)
    for record in story.records.get("command", ()):
        moves[str(record.actuator)].append(record.at_s)
    for name, gate in story.gates.items():
        for item in gate.stood:
            if item.by != "hand" or item.target is None or 0.02 < item.opening < 0.98:
                continue
            begin_s, end_s = item.at_s - 12.0, item.at_s + 8.0
            if end_s > story.end_s or not _is_calm(story, name, begin_s, end_s):
                continue
            is_ours = any(begin_s <= at_s <= end_s for at_s in moves[name])
            span = gate.within(item.at_s + 2.5, item.at_s + 5.0)
            has_left = all(abs(one.opening - item.opening) > 0.02 for one in span)
            if has_left and not is_ours and not any(item.at_s <= at_s <= end_s for at_s in told[name]):
                yield "I7", item.at_s, f"{name} was moved by a hand, and nobody was told"


def _moves_in_local(story: Story) -> Iterator[Found]:
    """A command whose gate is switched to local on its way does not go on for long."""
    for records in story.lives_of.values():
        begun = next((item for item in records if item.body["state"] == "operating"), None)
        ended = next((item for item in records if item.body["state"] in FINAL), None)
        if begun is None or ended is None or begun.life != ended.life or begun.body["action"] == "verify":
            continue
        name = str(begun.actuator)
        if name not in story.actuators or ended.at_s - begun.at_s < KNOWN_LOCAL_S:
            continue
        span = story.gates[name].within(ended.at_s - KNOWN_LOCAL_S, ended.at_s)
        is_local = all(not item.is_remote for item in span)
        if is_local and _is_calm(story, name, ended.at_s - KNOWN_LOCAL_S, ended.at_s):
            yield "I7", ended.at_s, f"{name} was in local for long, and its command went on"


def _is_calm(story: Story, name: str, begin_s: float, end_s: float) -> bool:
    """Whether nothing kept the gateway from seeing the actuator."""
    device, gateway = story.actuators[name]["device"], story.actuators[name]["gateway"]
    wire = ("cut", "hung", "refused", "slow", "answers lost", "reboot")
    return (
        story.is_alive(gateway, begin_s, end_s)
        and not story.is_faulty(wire, device, begin_s - 3.0, end_s)
        and not story.is_faulty(("hold",), gateway, begin_s, end_s)
        and not story.is_faulty(("step",), f"{gateway} clock", begin_s - 10.0, end_s)
        and not story.is_faulty(("lie", "no power", "trip"), name, begin_s - 3.0, end_s)
    )

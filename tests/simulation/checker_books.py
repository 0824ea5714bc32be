"""Judges what was written down: alarms that outlive everything, one audit record for each change, one gate for each path, nothing lost."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation.checker_story import Body, Story, percent_of
from tests.simulation.trace import AlarmShown, Committed, Recorded, Shown, Stored, Told

MAY_CLOSE = {"operator", "shift_chief", "enterprise"}
MAY_OPEN = {"operator", "shift_chief"}
UNSEEN = {"active_unack", "cleared_unack"}
LOOKS = 8
"""Looks at the screen in which the list of alarms comes up at least once."""
Found = tuple[str, float, str]
Key = tuple[str, str, int]


def alarms(story: Story) -> Iterator[Found]:
    """I12: an alarm stays until somebody has seen it, whatever dies in between."""
    held: dict[str, Body] = {}
    raised: dict[str, set[int]] = defaultdict(set)
    ends = [(life.begin_s, life.number) for life in story.lives.get("control", ())]
    before_life: dict[int, dict[str, Body]] = {}
    for commit, row in story.rows("alarms"):
        for begin_s, number in ends:
            if begin_s <= commit.at_s and number not in before_life:
                before_life[number] = dict(held)
        body, rule = row["body"], row["rule"]
        before = held.get(rule)
        held[rule] = body
        raised[rule].add(body["raised_ms"])
        if before is None:
            continue
        if body["occurrence"] < before["occurrence"]:
            yield "I12", commit.at_s, f"{rule} goes back from occurrence {before['occurrence']}"
        is_gone = body["state"] in {"normal", "active_ack"} and body["acknowledged_by"] is None
        if before["state"] in UNSEEN and is_gone:
            yield "I12", commit.at_s, f"{rule} is {body['state']} and nobody has seen it"
    yield from _after_failover(story, before_life)
    if story.tables:
        yield from _never_raised(story, raised)


def _never_raised(story: Story, raised: Mapping[str, set[int]]) -> Iterator[Found]:
    """Yield the movements that control took in without raising their alarm.

    Several taken in at once leave one row, and one taken in late leaves the row to a newer one; each has its word in the audit.
    """
    at_once: dict[tuple[str, str, int], tuple[int, int]] = {}
    for commit in story.commits:
        moved = [
            (row["gateway"], row["epoch"], row["offset"])
            for name, kind, row in commit.writes
            if (name, kind) == ("records", "insert") and row["kind"] == "moved_by_hand"
        ]
        words = [row for row in commit.audit if moved and '"rule":"system_moved_' in row["record"]]
        at_once |= dict.fromkeys(moved, (len(moved), len(words)))
    for record in story.records.get("moved_by_hand", ()):
        key, rule = (record.gateway, record.epoch, record.offset), f"system_moved_{record.actuator}"
        came, told = at_once.get(key, (1, 0))
        if key in story.applied and record.at_ms not in raised[rule] and told < came:
            yield (
                "I12",
                record.at_s,
                f"{record.actuator} was moved by a hand, and {rule} was never raised",
            )


def audit(story: Story) -> Iterator[Found]:
    """I13: every change has its record in its transaction; the log is whole; an edge's act is recorded once."""
    seq, states = 0, {}
    said: Counter[str] = Counter()
    asked = Counter((item.person, str(item.actuator)) for item in story.asked.values())
    for commit in story.commits:
        texts = []
        for row in commit.audit:
            if row["seq"] != seq:
                yield "I13", commit.at_s, f"audit record {row['seq']} follows {seq - 1}"
            seq = row["seq"] + 1
            if hashlib.sha256(b"\x00" + row["record"].encode()).hexdigest() != row["hash"]:
                yield "I13", commit.at_s, f"audit record {row['seq']} does not have its hash"
            record = json.loads(row["record"])
            texts.append(record)
            if any(record[name] != row[name] for name in ("seq", "at_ms", "actor", "kind", "object")):
                yield "I13", commit.at_s, f"audit record {row['seq']} says something else than its columns"
            del record["seq"]
            content = json.dumps(record, sort_keys=True)
            said[content] += 1
            # A refusal has no id: somebody who asks again while control stands still is refused twice in one millisecond.
            is_asked_again = (
                record["kind"] == "command.refused"
                and said[content] <= asked[record["actor"], record["object"]]
            )
            if said[content] >= 2 and not is_asked_again:
                yield "I13", commit.at_s, f"the audit says twice: {record['kind']} of {record['object']}"
        yield from _unrecorded(commit, texts, states)
    yield from _edges(story)


def one_gate(story: Story) -> Iterator[Found]:
    """I14: every command comes of somebody's request, and that somebody had the authority."""
    wanted: dict[tuple[str, str, str, float | None], float] = {}
    runs: dict[str, float] = {}
    for asked, answer in story.granted:
        roles = {str(role) for role in asked.roles}
        if asked.what not in {"operate", "select", "run", "approve", "abort"}:
            continue
        name, action = asked.actuator, asked.action
        is_away = (
            name is not None and action is not None and story.is_away(name, action, asked.opening_percent)
        )
        if not roles & (MAY_OPEN if is_away else MAY_CLOSE):
            yield (
                "I14",
                answer.at_s,
                f"{asked.person} ({sorted(roles)}) is granted {asked.what} {action} {name}",
            )
    for asked in story.asked.values():
        if asked.what in {"operate", "select"}:
            key = (asked.person, str(asked.actuator), str(asked.action), asked.opening_percent)
            wanted.setdefault(key, asked.at_s)
        elif asked.what in {"run", "propose", "reopen", "start"}:
            runs.setdefault(asked.person, asked.at_s)
    for item, body in story.said["command"]:
        name = body["actuator"]
        if name not in story.actuators or (body["author"] in runs and runs[body["author"]] <= item.at_s):
            continue
        key = (body["author"], name, body["action"], percent_of(body))
        if wanted.get(key, item.at_s + 1) > item.at_s:
            yield (
                "I14",
                item.at_s,
                f"control sends {body['action']} {name} for {body['author']}, who never asked",
            )


def losses(story: Story) -> Iterator[Found]:
    """I17: what a gateway has kept reaches control, or the store, exactly once."""
    if not story.tables:
        return
    for record in story.all(Recorded):
        key = (record.gateway, record.epoch, record.offset)
        if key not in story.applied and not _may_be_lost(story, record):
            yield (
                "I17",
                record.at_s,
                f"{record.gateway} recorded {record.kind} ({record.offset}); control never got it",
            )
    stored = Counter((item.gateway, item.epoch, item.offset) for item in story.all(Stored))
    for key, count in stored.items():
        if count > 1:
            yield "I17", story.end_s, f"the payload {key} was stored {count} times"
    if not stored:
        return
    for told in story.all(Told):
        is_kept = told.is_synced or not any(
            life.number == told.life and life.why == "power" for life in story.lives[told.gateway]
        )
        if told.offset >= 0 and is_kept and not stored[told.gateway, told.epoch, told.offset]:
            yield "I17", told.at_s, f"{told.gateway} kept the payload {told.offset}; the store never got it"


def _after_failover(story: Story, before: Mapping[int, Mapping[str, Body]]) -> Iterator[Found]:
    """What stood unseen when control ended is on the screen of its next life."""
    shown: dict[int, dict[float, set[str]]] = defaultdict(lambda: defaultdict(set))
    looks: Counter[int] = Counter()
    for item in story.all(AlarmShown):
        shown[item.life][item.at_s].add(str(item.view["rule"]))
    for at_s, life in {(item.at_s, item.life) for item in story.all(Shown)}:
        looks[life] += int(at_s >= 0)
    for life, held in before.items():
        unseen = {rule for rule, body in held.items() if body["state"] in UNSEEN}
        if looks[life] < LOOKS or not unseen:
            continue
        first = min(shown[life].items(), default=(story.end_s, set()))
        gone = {rule for rule in unseen - first[1] if not _was_seen(story, rule, first[0])}
        if gone:
            yield "I12", first[0], f"control's life {life} does not show {sorted(gone)}"


def _was_seen(story: Story, rule: str, until_s: float) -> bool:
    return any(
        row["rule"] == rule and row["body"]["acknowledged_by"] is not None and commit.at_s <= until_s
        for commit, row in story.rows("alarms")
    )


def _unrecorded(commit: Committed, said: list[Any], states: dict[tuple[str, str], object]) -> Iterator[Found]:
    """A row whose state changed, and no audit record of it in the same transaction."""
    told = Counter(_named(record) for record in said)
    several = {str(order) for record in said for order in record["body"].get("orders", ())}
    changes = 0
    for table, kind, row in commit.writes:
        if kind != "insert" or table not in {"commands", "runs", "alarms", "orders"}:
            continue
        key = (table, str(row.get("id") or row.get("rule")))
        now = _state(table, row)
        if states.get(key) != now:
            changes += table != "orders" or key[1] not in several
            states[key] = now
            if table == "commands" and not told[key[1]]:
                yield (
                    "I13",
                    commit.at_s,
                    f"the command {key[1][:6]} becomes {now}, and the audit does not say so",
                )
    if changes > len(said):
        yield "I13", commit.at_s, f"{changes} changes and {len(said)} audit records in one transaction"


def _state(table: str, row: Body) -> object:
    match table:
        case "alarms":
            return row["body"]["state"], row["body"]["occurrence"]
        case "orders":
            return row["is_released"]
    return row["state"]


def _named(record: Body) -> str:
    """Return the command of which an audit record tells."""
    body = record["body"]
    if "record" in body:
        return str(body["record"]["body"].get("id", ""))
    return str(body.get("command", ""))


def _edges(story: Story) -> Iterator[Found]:
    made: dict[Key, Recorded] = {(r.gateway, r.epoch, r.offset): r for r in story.all(Recorded)}
    told: Counter[Key] = Counter()
    for commit in story.commits:
        for row in commit.audit:
            if not str(row["kind"]).startswith("edge."):
                continue
            record = json.loads(str(row["record"]))["body"]["record"]
            key = (record["gateway"], record["epoch"], record["offset"])
            told[key] += 1
            if told[key] == 2:
                yield "I13", commit.at_s, f"the audit has the act {key} of an edge twice"
            real = made.get(key)
            if real is None or real.kind != record["kind"]:
                yield "I13", commit.at_s, f"the audit has an act {key} that no edge recorded"
    rows = Counter((row["gateway"], row["epoch"], row["offset"]) for _, row in story.rows("records"))
    for key, count in rows.items():
        if count > 1 or not told[key]:
            yield "I13", story.end_s, f"the act {key} of an edge: {count} rows, {told[key]} audit records"


def _may_be_lost(story: Story, record: Recorded) -> bool:
    """Whether its gateway may have lost it: it never reached a disk, or there was no time left to send it."""
    life = next(item for item in story.lives[record.gateway] if item.number == record.life)
    was_full = story.is_faulty(("full",), f"{record.gateway} disk", record.at_s - 1.0, life.end_s)
    ended = life.end_s < story.end_s
    return (ended and (was_full or record.at_s >= life.end_s - 1e-6)) or record.at_s > story.end_s - 5.0

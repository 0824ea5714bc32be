"""Judges what is said of how commands ended: proof against the gates' truth, outcomes that never change, screens that show what is so."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

from tests.simulation.checker_story import FINAL, LIMIT, Body, Story, Write, percent_of
from tests.simulation.trace import Recorded, Seen, Shown

PERCENT = 0.03
"""Tolerance of an opening between the limits, with the rounding of its register."""
EDGE_GRACE_S = 25.0
"""Beyond one and a half travels: the reversing pause, a queue, and the silence that is waited for."""
SCREEN_S = 6.5
"""Two polls of a second, three seconds without a heartbeat, one until the next, and the way through the broker."""
WIRE = ("cut", "hung", "refused", "slow", "answers lost", "reboot")
Found = tuple[str, float, str]


def proofs(story: Story) -> Iterator[Found]:
    """I4: in position only on good feedback sampled after the write that shows the target."""
    writes: dict[tuple[str, int], list[Write]] = defaultdict(list)
    for write in story.writes:
        writes[write.actuator, write.life].append(write)
    for (gateway, command, phase), records in story.lives_of.items():
        ended = next((item for item in records if item.body["state"] == "confirmed"), None)
        if ended is None or phase != "operate" or str(ended.actuator) not in story.actuators:
            continue
        name, action = str(ended.actuator), ended.body["action"]
        begun = next((item for item in records if item.body["state"] == "operating"), None)
        if begun is None:
            if ended.body["instead_of"] is None:
                yield "I4", ended.at_s, f"{command[:6]} of {gateway} is in position and was never operated"
            continue
        if begun.life != ended.life or action in {"stop", "verify"}:
            continue
        own = [
            write.at_s
            for write in writes[name, begun.life]
            if write.at_s <= begun.at_s and write.ask != "stop"
        ]
        since_s = max((at_s for at_s in own if at_s > begun.at_s - 60.0), default=begun.at_s)
        if story.is_faulty(("lie",), name, since_s - 2.5, ended.at_s):
            continue
        if not _was_there(story, name, ended.body, since_s, ended.at_s):
            yield (
                "I4",
                ended.at_s,
                f"{name} is said to be in position ({action}) and was not there after the write",
            )
        yield from _evidence(story, ended, since_s)


def outcomes(story: Story) -> Iterator[Found]:
    """I5: an outcome never changes, silence after operate is unknown, and every command ends."""
    for (gateway, command, _), records in story.lives_of.items():
        final = None
        for record in records:
            state = record.body["state"]
            if not _counts(story, record):
                continue
            if final is not None and state != final:
                yield "I5", record.at_s, f"{gateway} has {command[:6]} {state} after {final}"
            final = state if state in FINAL else final
        yield from _unended(story, records)
        yield from _stuck(story, records[-1])
    yield from _at_the_centre(story)
    yield from _doubts(story)


def screens(story: Story) -> Iterator[Found]:
    """I15: what is shown as good and present is, or was a moment ago; and what nobody could know is shown as stale."""
    for shown in story.all(Shown):
        view, name = shown.view, shown.view["id"]
        if not view["fresh"] or view["quality"] != "good" or view["position"] not in {"closed", "open"}:
            continue
        since_s = shown.at_s - SCREEN_S
        if since_s > 0 and not _was_held(story, shown.at_s) and _is_unheard(story, name, since_s, shown.at_s):
            yield "I15", shown.at_s, f"{name} is shown as fresh, and its gateway has not been heard for long"
            continue
        if (
            since_s < 0
            or story.is_faulty(("lie",), name, since_s, shown.at_s)
            or _was_held(story, shown.at_s)
        ):
            continue
        low, high = story.gates[name].openings(since_s, shown.at_s, float(story.actuators[name]["travel_s"]))
        if (low > LIMIT) if view["position"] == "closed" else (high < 1 - LIMIT):
            yield "I15", shown.at_s, f"{name} is shown as {view['position']}, fresh and good, and is not"
    for seen in story.all(Seen):
        if seen.view["q"] != "good" or seen.view["stale"] or _was_held(story, seen.at_s):
            continue
        changes = story.measured.get(seen.point, ())
        place = bisect_right(changes, seen.at_s, key=lambda item: item.at_s)
        since_s = seen.at_s - SCREEN_S - 2 * _period_s(story, seen.point)
        within = [item.value for item in changes[:place] if item.at_s > since_s]
        before = [item.value for item in changes[:place] if item.at_s <= since_s]
        truth = [*before[-1:], *within] if before else []
        if (
            truth
            and seen.view["v"] is not None
            and not any(_is_same(seen.view["v"], value) for value in truth)
        ):
            yield (
                "I15",
                seen.at_s,
                f"{seen.point} is shown as {seen.view['v']}, good and present; it is {truth}",
            )


def _is_unheard(story: Story, name: str, since_s: float, until_s: float) -> bool:
    """Whether nothing of the actuator's gateway can have reached control in all that time."""
    gateway = story.actuators[name]["gateway"]
    lives = story.lives.get(gateway, ())
    is_dead = not any(life.begin_s <= until_s and life.end_s >= since_s for life in lives)
    return is_dead or any(
        span.begin_s <= since_s and span.end_s >= until_s
        for client in (gateway, "control")
        for span in story.faults.get(("cut", f"{client}-broker"), ())
    )


def _period_s(story: Story, point: str) -> float:
    return max(story.setting.periods_s.values(), default=0.0) if point else 0.0


def _is_same(shown: object, truth: object) -> bool:
    if isinstance(shown, bool) or isinstance(truth, bool) or truth is None:
        return shown == truth
    return abs(float(str(shown)) - float(str(truth))) <= 0.02 * max(1.0, abs(float(str(truth))))


def _was_held(story: Story, at_s: float) -> bool:
    """Whether control has just stood still: what it says in that moment was put together before."""
    return story.is_faulty(("hold",), "control", at_s - SCREEN_S, at_s)


def _was_there(story: Story, name: str, said: Body, since_s: float, until_s: float) -> bool:
    low, high = story.gates[name].openings(since_s, until_s, float(story.actuators[name]["travel_s"]))
    percent = percent_of(said)
    match said["action"]:
        case "close":
            return low <= LIMIT
        case "open":
            return high >= 1 - LIMIT
        case _:
            assert percent is not None
            return low - PERCENT <= percent / 100 <= high + PERCENT


def _evidence(story: Story, ended: Recorded, since_s: float) -> Iterator[Found]:
    name, wanted = str(ended.actuator), {"close": (False, True), "open": (True, False)}
    limits = wanted.get(ended.body["action"])
    if limits is None:
        return
    for word, value in zip(("opened", "closed"), limits, strict=True):
        found = ended.body["evidence"].get(f"{name}/{word}")
        if found is None:
            continue
        if found["value"] is not value or found["quality"] != "good":
            yield (
                "I4",
                ended.at_s,
                f"{name}/{word} is {found['value']}, {found['quality']}, and proves nothing",
            )
        elif ended.at_s - found["age_ms"] / 1000 < since_s - 0.05:
            yield "I4", ended.at_s, f"{name}/{word} was sampled before the write that it is to prove"


def _counts(story: Story, record: Recorded) -> bool:
    """Whether a record outlived its process: what a full disk never took, and nobody heard, never was."""
    if (record.gateway, record.epoch, record.offset) in story.applied:
        return True
    life = next(item for item in story.lives[record.gateway] if item.number == record.life)
    was_full = story.is_faulty(("full",), f"{record.gateway} disk", record.at_s - 1.0, life.end_s)
    return not (was_full and life.end_s < story.end_s)


def _unended(story: Story, records: list[Recorded] | tuple[Recorded, ...]) -> Iterator[Found]:
    """A move that is being executed ends within its time, if its gateway lives on."""
    begun = next((item for item in records if item.body["state"] == "operating"), None)
    if begun is None or str(begun.actuator) not in story.actuators:
        return
    setting = story.actuators[str(begun.actuator)]
    until_s = begun.at_s + 1.5 * float(setting["travel_s"]) + float(setting["pause_s"]) + EDGE_GRACE_S
    ended = next((item for item in records if item.body["state"] in FINAL), None)
    if ended is not None and ended.at_s <= until_s:
        return
    is_alive = any(
        life.number == begun.life and life.end_s >= until_s for life in story.lives.get(begun.gateway, ())
    )
    if is_alive and not story.is_faulty(("hold",), begun.gateway, begun.at_s, until_s):
        yield (
            "I5",
            until_s,
            f"{begun.actuator}: {begun.body['id'][:6]} ({begun.body['action']}) has not ended",
        )


def _stuck(story: Story, ended: Recorded) -> Iterator[Found]:
    """Failed at the end of the travel is said only on fresh feedback that shows another place; else it is unknown."""
    name, body = str(ended.actuator), ended.body
    said = " ".join(str(reason["en"]) for reason in body["reasons"])
    if body["state"] != "failed" or name not in story.actuators:
        return
    if "no trusted feedback" in said or "was not answered" in said:
        yield "I5", ended.at_s, f"{name}: silence is called a failure"
    if "travel time-out" not in said:
        return
    limits = [body["evidence"].get(f"{name}/{word}") for word in ("opened", "closed")]
    if any(item is None or item["quality"] != "good" or item["age_ms"] > 4000 for item in limits):
        yield "I5", ended.at_s, f"{name} is said to be stuck, on no fresh feedback"


def _at_the_centre(story: Story) -> Iterator[Found]:
    """What control says of a command is what its edge said, or that nobody knows."""
    finals: dict[str, str] = {}
    said: dict[str, set[str]] = defaultdict(set)
    for (_, command, _), records in story.lives_of.items():
        said[command] |= {item.body["state"] for item in records}
    for commit, row in story.rows("commands"):
        final = finals.get(row["id"])
        if final is not None and row["state"] != final:
            yield "I5", commit.at_s, f"control has {row['id'][:6]} {row['state']} after {final}"
        if row["state"] in FINAL and final is None:
            finals[row["id"]] = row["state"]
            heard = said[row["id"]]
            if row["state"] in {"confirmed", "failed", "preempted"} and row["state"] not in heard:
                yield "I5", commit.at_s, f"control has {row['id'][:6]} {row['state']}, which no edge said"
            if row["state"] in {"expired", "refused", "withdrawn"} and "operating" in heard:
                yield "I5", commit.at_s, f"control has {row['id'][:6]} {row['state']}, and it was executed"
    for row in story.tables.get("commands", ()):
        made_s = (row["created_ms"] - 1_780_000_000_000) / 1000
        actuator = story.actuators.get(row["actuator"])
        allowed_s = 150.0 if actuator is None else 150.0 + 1.5 * float(actuator["travel_s"])
        lives = story.lives.get("control", ())
        is_long_up = bool(lives) and lives[-1].begin_s < story.end_s - allowed_s
        was_stepped = story.is_faulty(("step",), "control clock", made_s - 60, story.end_s)
        is_old = row["state"] not in FINAL and made_s < story.end_s - allowed_s
        if is_old and is_long_up and not was_stepped and made_s > -1:
            yield "I5", story.end_s, f"control never ended {row['id'][:6]}, which is {row['state']}"


def _doubts(story: Story) -> Iterator[Found]:
    """While nothing was heard of an actuator since its outcome became unknown, nothing moves it away from safe."""
    unknown: dict[tuple[str, str, int], float] = {}
    for record in story.records.get("command", ()):
        body: Body = record.body
        name = str(record.actuator)
        if name not in story.actuators:
            continue
        key = (name, record.gateway, record.life)
        if body["state"] == "unknown":
            unknown[key] = record.at_s
        elif body["state"] in {"selected", "operating"} and key in unknown:
            since_s, device = unknown[key], story.actuators[name]["device"]
            is_blind = any(
                span.begin_s <= since_s and span.end_s >= record.at_s
                for kind in ("cut", "hung", "refused")
                for span in story.faults.get((kind, device), ())
            )
            if is_blind and story.is_away(name, body["action"], percent_of(body)):
                yield "I5", record.at_s, f"{name} moves away from safe while its last outcome is in doubt"

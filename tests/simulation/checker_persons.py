"""Judges who agreed: what takes two persons had two identities in two sessions, on this content, within its time (I9)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.simulation.checker_story import Body, Story, Write, asks_for, percent_of
from tests.simulation.trace import Asked

APPROVAL_S = 600.0
LATE_S = 90.0
"""From the last look at the approval to the bytes: a validity of a minute, a Modbus answer, the rest before a reversal."""
Found = tuple[str, float, str]


def persons(story: Story) -> Iterator[Found]:
    """I9: every move of the river, and every other one away from safe, had a second person; nobody was their own."""
    runs = {answer.command: (asked, answer) for asked, answer in story.granted if asked.what == "run"}
    approvals: dict[str, list[Asked]] = defaultdict(list)
    for asked in story.not_refused:
        if asked.what == "approve":
            approvals[str(asked.run)].append(asked)
    for asked, answer in story.granted:
        if asked.what == "approve":
            author = runs.get(asked.run)
            if author is not None and asked.person == author[0].person:
                yield "I9", answer.at_s, f"{asked.person} approves what they started themselves"
            elif author is not None and asked.session == author[0].session:
                yield "I9", answer.at_s, f"{asked.person} approves in the author's own session"
    tickets = {str(answer.command): asked for asked, answer in story.granted if asked.what == "ticket"}
    for asked, answer in story.granted:
        own = tickets.get(asked.detail) if asked.what == "countersign" else None
        if own is not None and own.person == asked.person:
            yield "I9", answer.at_s, f"{asked.person} agrees to their own ticket"
        elif own is not None and own.session == asked.session:
            yield "I9", answer.at_s, f"{asked.person} agrees in the session in which it was asked for"
    words = [item for item in story.asked.values() if item.what in {"countersign", "consent"}]
    for write in story.writes:
        is_river = story.actuators[write.actuator]["tier"] == "river"
        if write.ask == "stop" or not (is_river or story.writes_away(write)):
            continue
        heard = [item for item in story.operates.get(write.actuator, ()) if item.life == write.life]
        fitting = [item.body for item in heard if item.at_s <= write.at_s and asks_for(item.body, write)]
        if (
            is_river
            and fitting
            and not any(
                _is_approved(story, body, approvals, write.at_s) or _is_agreed(body, words, {}, write)
                for body in fitting
            )
        ):
            yield "I9", write.at_s, f"the river sluice {write.actuator} moves without a second person"
        if not is_river and fitting and not any(_is_agreed(body, words, tickets, write) for body in fitting):
            yield (
                "I9",
                write.at_s,
                f"{write.actuator} moves away from safe without a second person's word on that",
            )


def _is_agreed(body: Body, words: Sequence[Asked], tickets: Mapping[str, Asked], write: Write) -> bool:
    """Whether another person, in another session, had said yes to just this: on a ticket, or on a reopening."""
    consent = body["consent"] or {}
    for word in words:
        if (word.person, word.content_hash) != (consent.get("by"), consent.get("content_hash")):
            continue
        if word.person == body["author"] or not 0 <= write.at_s - word.at_s <= APPROVAL_S + LATE_S:
            continue
        wish = tickets.get(word.detail)
        if word.what == "consent" or (wish is not None and _is_for(wish, word, body)):
            return True
    return False


def _is_for(wish: Asked, word: Asked, body: Body) -> bool:
    """Whether the command asks for what the ticket did."""
    asked_for = (wish.person, wish.actuator, wish.action, wish.opening_percent)
    is_same = asked_for == (body["author"], body["actuator"], body["action"], percent_of(body))
    return is_same and wish.session != word.session


def _is_approved(story: Story, body: Body, approvals: Mapping[str, Sequence[Asked]], at_s: float) -> bool:
    """Whether a second person said yes to the run, or the request, of which this command came."""
    held = story.commands.get(body["id"])
    if held is None:  # its control died before any disk took it: the command itself says who agreed
        consent = body["consent"] or {}
        given = [asked for some in approvals.values() for asked in some if asked.person == consent.get("by")]
    else:
        given = list(approvals.get(str(held.get("run")), ()))
    return any(
        asked.person != body["author"] and 0 <= at_s - asked.at_s <= APPROVAL_S + LATE_S for asked in given
    )

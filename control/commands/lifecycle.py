"""Decides how a command's state follows what an edge reports of it, along the one table of `domain.command`."""

from collections import deque

from domain.command import TRANSITIONS, Event, State

_NOT_BY_REPORT = frozenset({Event.APPROVE})
"""Events that only the centre makes."""


def path(start: State, reported: State) -> tuple[Event, ...] | None:
    """Return the fewest events that lead from `start` to `reported`; None when the table has no way there.

    A report may skip states whose own report was lost: confirmed after requested means that it was operated.
    """
    if start is reported:
        return ()
    waiting: deque[tuple[State, tuple[Event, ...]]] = deque([(start, ())])
    seen = {start}
    while waiting:
        state, events = waiting.popleft()
        for event, following in TRANSITIONS.get(state, {}).items():
            if following in seen or event in _NOT_BY_REPORT:
                continue
            if following is reported:
                return (*events, event)
            seen.add(following)
            waiting.append((following, (*events, event)))
    return None


def timeout_events(state: State, *, was_operated: bool) -> tuple[Event, ...]:
    """Return what the end of waiting means in `state`; empty when the state is final.

    Once the operate message has gone out, silence is UNKNOWN (I5); before that nothing can have moved.
    """
    if state is State.OPERATING:
        return (Event.SILENCE,)
    if state.is_final:
        return ()
    return (Event.OPERATE, Event.SILENCE) if was_operated else (Event.TIME_OUT,)

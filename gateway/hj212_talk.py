"""The conversation with one data logger: decides what its packets are answered, and what the gateway asks of it and when again.

One request at a time. A request is read-only unless the park's file allows to set the clock; it never touches an analyser.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.errors import IllegalTransition
from wire.hj212 import HOST, FlagBits, Frame
from wire.hj212_body import read_body, write_time
from wire.hj212_factors import KINDS

SET_CLOCK = "1012"
CLOCK_WANTED = "1013"
NOTICE_ANSWER = "9013"
DATA_ANSWER = "9014"
REQUEST_ANSWER = "9011"
RESULT = "9012"
HEARTBEAT = "9015"
"""Since 2025."""

NOTICES = frozenset({CLOCK_WANTED, "2012", "2022", HEARTBEAT})
"""Answered by 9013 (6.6.5: notices); the heartbeat too, whose answer we have not seen in a text of the standard."""

OVER_TIME_S = 5.0
"""Wall seconds until a request counts as unanswered (table 1: 5 s on a wire)."""
TRIES_MAX = 3
"""How often a request is sent (table 1)."""
RESULT_S = 120.0
"""Wall seconds from the last sign of work on a request to its result; history takes a while."""
WAITING_MAX = 8
"""Requests that wait; more are not taken."""


class RequestState(StrEnum):
    """Where a request is."""

    SENT = "sent"
    ACCEPTED = "accepted"
    """受理: it will be worked on, nothing is done yet."""
    EXECUTED = "executed"
    REFUSED = "refused"
    FAILED = "failed"
    UNANSWERED = "unanswered"


class RequestEvent(StrEnum):
    """What can happen to a request."""

    READY = "ready"
    """9011 with QnRtn=1."""
    REFUSAL = "refusal"
    """9011 with anything else."""
    DONE = "done"
    """9012 with ExeRtn=1, or 100: there was nothing to send."""
    FAILURE = "failure"
    """9012 with anything else."""
    SILENCE = "silence"


_S, _E = RequestState, RequestEvent
TRANSITIONS: Mapping[RequestState, Mapping[RequestEvent, RequestState]] = {
    # Some loggers do the work and never say that they accept it.
    _S.SENT: {
        _E.READY: _S.ACCEPTED, _E.REFUSAL: _S.REFUSED, _E.DONE: _S.EXECUTED, _E.FAILURE: _S.FAILED,
        _E.SILENCE: _S.UNANSWERED,
    },
    _S.ACCEPTED: {
        _E.READY: _S.ACCEPTED, _E.REFUSAL: _S.REFUSED, _E.DONE: _S.EXECUTED, _E.FAILURE: _S.FAILED,
        _E.SILENCE: _S.UNANSWERED,
    },
    _S.EXECUTED: {}, _S.REFUSED: {}, _S.FAILED: {}, _S.UNANSWERED: {},
}  # fmt: skip


def advance(state: RequestState, event: RequestEvent) -> RequestState:
    """Return the state after `event`. Raises IllegalTransition when there is none."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        message = f"a request that is {state.value} cannot take {event.value}"
        raise IllegalTransition(message) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing asked of the logger."""

    cn: str
    cp: str
    qn: str = ""
    """Given when it is first sent."""
    state: RequestState = RequestState.SENT
    tries: int = 0
    heard_s: float = 0.0
    """Monotonic seconds of the last sign of it."""
    answer: str = ""
    """The code that ended it."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return not TRANSITIONS[self.state]


class Talk:
    """Both directions, with one logger."""

    def __init__(self, *, mn: str, password: str, st: str = "32") -> None:
        self._mn = mn
        self._password = password
        self._st = st
        self._version = 1
        self._waiting: deque[Request] = deque()
        self._now: Request | None = None
        self._last_qn_ms = 0

    def answer(self, frame: Frame, *, now_ms: int) -> Frame | None:
        """Return what is sent back for a packet that was taken; None when it asks for nothing."""
        if frame.st != HOST:
            self._st, self._version = frame.st, frame.version
        if not frame.wants_answer or (frame.cn.startswith("90") and frame.cn not in NOTICES):
            return None
        cn = NOTICE_ANSWER if frame.cn in NOTICES else DATA_ANSWER
        qn = frame.qn if frame.qn is not None else write_time(now_ms, is_fine=True)
        return self._frame(cn, qn, HOST, "", flag=frame.version << 2)

    def ask(self, cn: str, cp: str) -> bool:
        """Ask for something when its turn comes; False: too much is waiting, or the same is."""
        same = any(
            (item.cn, item.cp) == (cn, cp) for item in (*self._waiting, *([self._now] if self._now else ()))
        )
        if same or len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append(Request(cn=cn, cp=cp))
        return True

    def due(self, *, now_s: float, now_ms: int) -> Frame | None:
        """Return the request to be sent now: a new one, or one that was not answered."""
        if self._now is None and self._waiting:
            self._now = replace(self._waiting.popleft(), qn=self._new_qn(now_ms))
        request = self._now
        if request is None:
            return None
        is_unanswered = request.state is RequestState.SENT and now_s - request.heard_s >= OVER_TIME_S
        if request.tries and not (is_unanswered and request.tries < TRIES_MAX):
            return None
        self._now = replace(request, tries=request.tries + 1, heard_s=now_s)
        flag = (self._version << 2) | FlagBits.ANSWER
        return self._frame(request.cn, request.qn, self._st, request.cp, flag=flag)

    def hear(self, frame: Frame, *, now_s: float) -> Request | None:
        """Take a packet of the logger; return the request that it ends."""
        request = self._now
        if request is None:
            return None
        if frame.cn in KINDS and frame.cn == request.cn:
            # History comes while the result is still awaited.
            self._now = replace(request, heard_s=now_s)
            return None
        event, code = _event(frame)
        if event is None or frame.qn != request.qn:
            return None
        return self._advance(event, code, now_s)

    def silent(self, *, now_s: float) -> Request | None:
        """Return the request that has waited too long, ended."""
        request = self._now
        if request is None or not request.tries:
            return None
        is_sent = request.state is RequestState.SENT
        if is_sent and request.tries < TRIES_MAX:
            return None
        if now_s - request.heard_s < (OVER_TIME_S if is_sent else RESULT_S):
            return None
        return self._advance(RequestEvent.SILENCE, "", now_s)

    def lost(self) -> None:
        """The connection is gone: what was asked is asked again by whoever still wants it."""
        self._now = None
        self._waiting.clear()

    def _advance(self, event: RequestEvent, code: str, now_s: float) -> Request | None:
        assert self._now is not None
        after = replace(self._now, state=advance(self._now.state, event), heard_s=now_s, answer=code)
        self._now = None if after.is_over else after
        return after if after.is_over else None

    def _new_qn(self, now_ms: int) -> str:
        self._last_qn_ms = max(self._last_qn_ms + 1, now_ms)
        return write_time(self._last_qn_ms, is_fine=True)

    def _frame(self, cn: str, qn: str, st: str, cp: str, *, flag: int) -> Frame:
        return Frame(qn=qn, st=st, cn=cn, pw=self._password, mn=self._mn, flag=flag, cp=cp)


def _event(frame: Frame) -> tuple[RequestEvent | None, str]:
    parameters = read_body(frame.cp).parameters
    if frame.cn == REQUEST_ANSWER:
        code = parameters.get("QnRtn", "")
        return (RequestEvent.READY if code == "1" else RequestEvent.REFUSAL), code
    if frame.cn == RESULT:
        code = parameters.get("ExeRtn", "")
        return (RequestEvent.DONE if code in {"1", "100"} else RequestEvent.FAILURE), code
    return None, ""

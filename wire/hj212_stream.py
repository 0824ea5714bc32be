"""Bytes of one HJ 212 connection as frames: reassembles them, finds the next one after rubbish, and stays small whatever comes.

A line ends with CR LF, which no data segment contains; so a wrong length or a torn frame costs that line and no more. Time is
the caller's: `flush` says that nothing has come for a while.
"""

from dataclasses import dataclass

from domain.logger import Mode
from wire.hj212 import (
    AROUND_BYTES,
    HEAD,
    SEGMENT_BYTES_LIMIT,
    TAIL,
    TOLERATED,
    Deviation,
    Frame,
    Refused,
    crc,
    decode_segment,
)

FRAME_BYTES_MAX = SEGMENT_BYTES_LIMIT + AROUND_BYTES
"""Most bytes kept between two calls; what is longer is no frame and is dropped."""
ATTEMPTS_MAX = 8
"""Check sums computed in one line: a line full of heads is rubbish, and shall not cost more than its bytes."""
_BEFORE = 6
"""Head and length."""
_AFTER = 4
"""Check sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubbish:
    """Bytes that gave no frame."""

    why: Deviation
    count: int
    """How many bytes."""
    detail: str = ""


Found = Frame | Rubbish


class FrameStream:
    """The receiving side of one connection."""

    def __init__(self, mode: Mode = Mode.LENIENT) -> None:
        self.mode = mode
        """May be set when the peer has said who it is."""
        self._buffer = bytearray()
        self._seen = 0
        """Bytes of the buffer in which there is no end of a line."""

    @property
    def waiting(self) -> int:
        """Bytes kept for the next call."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Found]:
        """Take what the connection has brought; return what it completes, in order."""
        found: list[Found] = []
        buffer = self._buffer
        buffer += data
        while True:
            end = buffer.find(TAIL, max(self._seen - 1, 0))
            if end < 0:
                break
            line = bytes(buffer[:end])
            del buffer[: end + len(TAIL)]
            self._seen = 0
            found += self._line(line, has_tail=True)
        self._seen = len(buffer)
        if len(buffer) > FRAME_BYTES_MAX:
            found += self._drop_overlong()
        return found

    def flush(self) -> list[Found]:
        """Take what is waiting as a line whose end is missing, if it is one already; a part of a frame goes on waiting."""
        if len(self._buffer) < AROUND_BYTES or not _is_whole(self._buffer):
            return []
        line = bytes(self._buffer)
        self._buffer.clear()
        self._seen = 0
        return self._line(line, has_tail=False)

    def _drop_overlong(self) -> list[Found]:
        """Keep what begins with the last head, if that may still become a frame."""
        buffer = self._buffer
        found = self._line(bytes(buffer), has_tail=False) if _is_whole(buffer) else []
        if any(isinstance(item, Frame) for item in found):
            buffer.clear()
        else:
            last = buffer.rfind(HEAD, 1)
            keep = len(buffer) - last if last > 0 and len(buffer) - last <= FRAME_BYTES_MAX else 0
            found = [Rubbish(why=Deviation.OVERSIZED, count=len(buffer) - keep)]
            del buffer[: len(buffer) - keep]
        self._seen = len(buffer)
        return found

    def _line(self, line: bytes, *, has_tail: bool) -> list[Found]:
        """Return the frames of one line, and what of it is none."""
        found: list[Found] = []
        start, place, attempts = 0, line.find(HEAD), 0
        worst: Rubbish | None = None
        while place >= 0:
            if attempts >= ATTEMPTS_MAX:
                worst = Rubbish(why=Deviation.GARBAGE, count=0, detail="too many heads in one line")
                break
            length, noted = _length(line, place, has_tail=has_tail)
            if length is None:
                place = line.find(HEAD, place + 1)
                continue
            attempts += 1
            end = place + _BEFORE + length
            if not _is_proved(line, place, end):
                worst = Rubbish(why=Deviation.CRC_WRONG, count=0, detail=_claim(line, place))
                place = line.find(HEAD, place + 1)
                continue
            if place > start:
                found.append(worst_of(worst, place - start))
            found.append(self._frame(line, place, end, noted))
            start, worst = end + _AFTER, None
            place = line.find(HEAD, start)
        if len(line) > start:
            found.append(worst_of(worst, len(line) - start))
        return found

    def _frame(self, line: bytes, place: int, end: int, noted: tuple[Deviation, ...]) -> Found:
        size = end + _AFTER - place
        if line[end : end + _AFTER].upper() != line[end : end + _AFTER]:
            noted = (*noted, Deviation.CRC_LOWER_CASE)
        try:
            frame = decode_segment(line[place + _BEFORE : end], noted)
        except Refused as refused:
            return Rubbish(why=refused.why, count=size, detail=str(refused))
        if self.mode is Mode.STRICT:
            for deviation in frame.deviations:
                if deviation not in TOLERATED:
                    detail = f"strict: {deviation.value} from {frame.mn}"
                    return Rubbish(why=deviation, count=size, detail=detail)
        return frame


def worst_of(worst: Rubbish | None, count: int) -> Rubbish:
    """Return what is said of `count` bytes that are no frame: what came nearest to one."""
    if worst is None:
        return Rubbish(why=Deviation.GARBAGE, count=count)
    return Rubbish(why=worst.why, count=count, detail=worst.detail)


def _is_whole(buffer: bytearray) -> bool:
    """Whether the buffer holds a frame whose tail alone is missing."""
    place = buffer.find(HEAD)
    if place < 0:
        return False
    claimed = buffer[place + 2 : place + _BEFORE]
    if len(claimed) < 4 or not claimed.isdigit():
        return len(buffer) > FRAME_BYTES_MAX
    end = place + _BEFORE + int(claimed)
    return len(buffer) >= end + _AFTER


def _length(line: bytes, place: int, *, has_tail: bool) -> tuple[int | None, tuple[Deviation, ...]]:
    """Return the bytes of the segment that begins at `place`, and what is odd about that; None: it cannot be one."""
    claimed = line[place + 2 : place + _BEFORE]
    if len(claimed) < 4 or not claimed.isdigit():
        return None, ()
    length, there = int(claimed), len(line) - place - _BEFORE - _AFTER
    if there < 0:
        return None, ()
    if length == there:
        return length, () if has_tail else (Deviation.TAIL_MISSING,)
    if length < there and line[place + _BEFORE + length + _AFTER :].startswith(HEAD):
        return length, (Deviation.TAIL_MISSING,)
    if line.find(HEAD, place + 2) >= 0:
        # Another head follows: this one was torn, and the rest of the line is not its.
        return None, ()
    segment = line[place + _BEFORE : place + _BEFORE + there]
    if length == _characters(segment):
        return there, (Deviation.LENGTH_IN_CHARACTERS,)
    return there, (Deviation.LENGTH_WRONG,)


def _characters(segment: bytes) -> int:
    """Return how many characters a segment has in the encoding that it seems to have; −1: in none."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return len(segment.decode(encoding))
        except UnicodeDecodeError:
            continue
    return -1


def _is_proved(line: bytes, place: int, end: int) -> bool:
    """Whether the check sum that stands at `end` is that of the segment."""
    written = line[end : end + _AFTER]
    try:
        expected = int(written, 16) if written.isalnum() else -1
    except ValueError:
        return False
    return len(written) == _AFTER and crc(line[place + _BEFORE : end]) == expected


def _claim(line: bytes, place: int) -> str:
    return line[place : place + 40].decode("ascii", "replace")

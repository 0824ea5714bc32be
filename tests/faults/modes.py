"""The ways in which a PLC's link can go wrong, and what each means for reads; values only."""

from enum import StrEnum


class Mode(StrEnum):
    FINE = "fine"
    CUT = "cut"
    """Connections break off, new ones are refused."""
    UNREACHABLE = "unreachable"
    """Connections break off, new ones get no answer at all (packets dropped)."""
    SILENT = "silent"
    """Half-open: accepts, and never answers."""
    WITHHELD = "withheld"
    """Half-open the other way: it serves the read, and the answer is lost."""
    SLOW = "slow"
    """Answers late; later than the gateway waits, when the delay is longer than its time-out."""
    DRIP = "drip"
    """Answers byte by byte."""
    RESET = "reset"
    """Breaks every connection off at its first request."""
    TORN = "torn"
    """Breaks off in the middle of an answer."""
    TWICE = "twice"
    """Says every answer twice."""
    STALE = "stale"
    """Answers under another transaction's number."""
    GARBAGE = "garbage"
    """Answers with random bytes."""


USABLE = frozenset({Mode.FINE, Mode.SLOW, Mode.DRIP, Mode.TWICE})
"""Modes in which an answer can arrive whole, if in time."""

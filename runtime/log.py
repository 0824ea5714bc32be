"""Logs as events with fields on standard error: one line per change of state, never prose, never one per failed poll.

log = logger("gateway")
log.info("link lost", broker="127.0.0.1:1883", reason="connection refused")
"""

import contextlib
import logging
import sys
from typing import Literal, TextIO, cast

import structlog

Level = Literal["debug", "info", "warning", "error"]
Logger = structlog.typing.FilteringBoundLogger

_NUMBERS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: Level) -> None:
    """Set up the process's log; libraries speak through it from `warning` on.

    Stamps are of the wall, also in scaled time: a log is read beside other logs of the machine.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lossy(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", force=True
    )


class _Lossy:
    """A stream that drops what cannot be written: on a full disk the log falls silent, the gateway does not."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, or lose it."""
        try:
            return self._stream.write(text)
        except OSError:
            return 0

    def flush(self) -> None:
        """Flush, or lose what was held."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def logger(part: str) -> Logger:
    """Return a logger whose every line names `part`."""
    return cast("Logger", structlog.get_logger().bind(part=part))

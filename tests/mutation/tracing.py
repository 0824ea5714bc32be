"""Notes which lines of the deciding modules each test runs; judges nothing."""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any


class Tracer:
    """Lines by file, gathered while `watching`."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._lines: dict[CodeType, set[int]] = {}
        self._all: dict[CodeType, int] = {}

    @contextmanager
    def watching(self) -> Iterator[dict[str, set[int]]]:
        """Fill the mapping that is handed out by the end of the block."""
        found: dict[str, set[int]] = {}
        self._lines = {}
        threading.settrace(self._called)
        sys.settrace(self._called)
        try:
            yield found
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            for code, lines in self._lines.items():
                found.setdefault(code.co_filename, set()).update(lines)

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in self._files:
            return None
        lines = self._lines.get(code)
        if lines is None:
            lines = self._lines[code] = {code.co_firstlineno}
            if code not in self._all:
                self._all[code] = len({line for _, _, line in code.co_lines() if line is not None})
        elif len(lines) >= self._all[code]:
            return None  # all of it was seen in this test

        def stepped(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "line":
                lines.add(frame.f_lineno)
            return stepped

        return stepped

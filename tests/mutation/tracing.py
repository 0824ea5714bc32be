"""Notes which lines of the deciding modules run; judges nothing."""

import sys
import threading
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any

_LENGTHS: dict[CodeType, int] = {}
"""Code → how many lines it has."""


class Watching:
    """Notes lines by file between its beginning and its end."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._lines: dict[CodeType, set[int]] = {}
        self._found: dict[str, set[int]] = {}

    def __enter__(self) -> dict[str, set[int]]:
        """Begin; what is handed out is filled at the end."""
        threading.settrace(self._called)
        sys.settrace(self._called)
        return self._found

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End; once more does nothing."""
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        for code, lines in self._lines.items():
            self._found.setdefault(code.co_filename, set()).update(lines)
        self._lines = {}

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in self._files:
            return None
        lines = self._lines.get(code)
        if lines is None:
            lines = self._lines[code] = {code.co_firstlineno}
            if code not in _LENGTHS:
                _LENGTHS[code] = len({line for _, _, line in code.co_lines() if line is not None})
        elif len(lines) >= _LENGTHS[code]:
            return None  # all of it was seen

        def stepped(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "line":
                lines.add(frame.f_lineno)
            return stepped

        return stepped

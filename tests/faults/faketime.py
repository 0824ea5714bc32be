"""The gateway's time of day under Debian's libfaketime: the whole process believes a file, not only our own clock."""

from collections.abc import Mapping
from pathlib import Path

REMEDY = "apt-get install faketime"


def library() -> Path | None:
    """Return where libfaketime lies; None when it is not installed."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class FakeTime:
    """The file, and what makes a process believe it."""

    def __init__(self, folder: Path) -> None:
        found = library()
        assert found is not None, f"libfaketime is not installed: {REMEDY}"
        self._file = folder / "faketime"
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(found),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.step(0)

    def step(self, offset_ms: int) -> None:
        """Make the time of day wrong by `offset_ms` from now on; a reader sees the old or the new file whole."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{offset_ms / 1000:+.3f}\n", encoding="ascii")
        draft.replace(self._file)

"""A journal's disk that is small and can be filled: a tmpfs of its own where we may mount one, else a limit on file sizes."""

import contextlib
import os
import resource
import subprocess
from pathlib import Path

BALLAST = "ballast"
NO_LIMIT = resource.RLIM_INFINITY


class Disk:
    """The bounded directory of one gateway's journal."""

    def __init__(self, folder: Path, *, bytes_max: int) -> None:
        self._folder = folder
        self._limited: int | None = None
        mount = ["mount", "-t", "tmpfs", "-o", f"size={bytes_max}", "tmpfs", str(folder)]
        self.is_mounted = os.geteuid() == 0 and _succeeds(mount)

    @property
    def how(self) -> str:
        """In which way the disk fills, for the report."""
        return "a tmpfs filled to its last byte" if self.is_mounted else "RLIMIT_FSIZE of the running process"

    def fill(self, pid: int | None) -> None:
        """Let no byte more go to the disk; `pid` is who writes to it, if anybody does."""
        if not self.is_mounted:
            self._limit(pid)
            return
        with (self._folder / BALLAST).open("wb", buffering=0) as ballast:
            for size in (65536, 4096, 512, 1):
                try:
                    while ballast.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def clear(self) -> None:
        """Make room again."""
        if self.is_mounted:
            (self._folder / BALLAST).unlink(missing_ok=True)
        elif self._limited is not None:
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile; its successor has no limit
                resource.prlimit(self._limited, resource.RLIMIT_FSIZE, (NO_LIMIT, NO_LIMIT))
            self._limited = None

    def close(self) -> None:
        """Take the disk away; what is on it must have been copied before."""
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self._folder)], check=True)
            self.is_mounted = False

    def _limit(self, pid: int | None) -> None:
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, NO_LIMIT))
            self._limited = pid


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0

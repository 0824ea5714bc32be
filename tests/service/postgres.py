"""A real PostgreSQL of Debian as a process of a test, with as many empty databases as tests ask for."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from stoplog.demo.ports import free_ports
from tests.service.brokers import CLOCK

USER = "stoplog"


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    """A server that can be killed and started again on its data."""

    def __init__(self) -> None:
        """Skip the test, saying what to install, when the server is not there."""
        bin_folder = programs()
        if bin_folder is None:
            pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
        self._bin = bin_folder
        (self.port,) = free_ports(1)
        self.folder = Path(tempfile.mkdtemp(prefix="stoplog-postgres-"))
        self._data = self.folder / "data"
        self._owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", USER, "--auth=trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        line = [
            str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1",
            "-c", f"unix_socket_directories={self.folder}", "-c", "max_connections=60", "-c", "shared_buffers=16MB",
        ]  # fmt: skip
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(line, stdout=log, stderr=log, **self._as_owner())
        end_s = CLOCK.monotonic() + 60
        while not self.answers():
            assert CLOCK.monotonic() < end_s, "PostgreSQL did not start"

    def answers(self) -> bool:
        line = [str(self._bin / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-t", "1", "-q"]
        return subprocess.run(line, check=False).returncode == 0

    def new_database(self) -> str:
        """Return the address of an empty database."""
        name = f"control_{os.getpid()}_{next(self._numbers)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, name)
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def ask(self, statement: str) -> None:
        """Say something to the server that changes it."""
        at = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", "postgres"]
        self._run("psql", *at, "-q", "-c", statement)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            # A server that is killed leaves those who serve the connections at work until they notice: a machine that dies does not.
            serving = psutil.Process(self._process.pid).children() if number is signal.SIGKILL else []
            os.kill(self._process.pid, number)
            for child in serving:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        line = [str(self._bin / program), *arguments]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, **self._as_owner())

    def _as_owner(self) -> dict[str, object]:
        """PostgreSQL does not run as root."""
        if self._owner is None:
            return {}
        return {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": [], "cwd": "/"}

"""Services as processes of a test, forked from one that has imported them already: importing is most of a start, and each test wants one.

What is started is the service's own `main` in a process of its own, to be killed at will; that the installed commands start them is
shown by the system tests.
"""

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import TimeoutExpired

ROOT = Path(__file__).parents[2]
SERVICES = ("control.app", "gateway.app", "ingest.app")

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(list(SERVICES))


class Forked:
    """A process, with what tests ask of `subprocess.Popen`."""

    def __init__(
        self,
        service: str,
        settings: Path,
        *,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        file_bytes_max: int | None = None,
    ) -> None:
        """Start `main(settings)` of the module `service`; it writes to the end of `log` (None: nowhere)."""
        arguments = (service, settings, log or Path(os.devnull), dict(environment or {}), file_bytes_max)
        self._process: ForkServerProcess = _CONTEXT.Process(target=_run, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise TimeoutExpired(str(self._process), timeout or 0.0)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(
    service: str, settings: Path, log: Path, environment: Mapping[str, str], file_bytes_max: int | None
) -> None:
    os.chdir(ROOT)
    os.environ.update(environment)
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    if file_bytes_max is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, resource.RLIM_INFINITY))
    sys.exit(import_module(service).main(settings))

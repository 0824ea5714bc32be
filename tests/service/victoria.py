"""A real VictoriaMetrics as a process of a test, killed and started again on its data."""

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from stoplog.demo.ports import free_ports
from stoplog.plain_http import NO_CERTIFICATES
from tests.service.brokers import CLOCK

BINARY = Path("/usr/bin/victoria-metrics")


class Victoria:
    """A server process that can be killed and started again on its data."""

    def __init__(self, folder: Path) -> None:
        """Skip the test, saying what to install, when the server is not there."""
        if not BINARY.exists():
            pytest.skip(f"{BINARY} is not installed: apt-get install victoria-metrics")
        (self.port,) = free_ports(1)
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> None:
        """`flags` come last, and stand over the usual ones."""
        self.process = subprocess.Popen(
            [BINARY, f"-storageDataPath={self.folder}", f"-httpListenAddr=127.0.0.1:{self.port}",
             "-dedup.minScrapeInterval=1ms", "-loggerLevel=ERROR", "-memory.allowedBytes=200MB", *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until_s = CLOCK.monotonic() + 60
        while not self.answers():
            assert CLOCK.monotonic() < until_s, "VictoriaMetrics did not start"

    def answers(self) -> bool:
        try:
            return httpx.get(
                f"http://127.0.0.1:{self.port}/health", timeout=0.2, trust_env=False, verify=NO_CERTIFICATES
            ).is_success
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

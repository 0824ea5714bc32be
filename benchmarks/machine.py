"""Says on what a benchmark ran: processor, kernel, Python, the programs and libraries measured, and the commit."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PROGRAMS = ("mosquitto", "victoria-metrics")
"""Debian packages; the store does not say its version itself."""
_LIBRARIES = ("pymodbus", "uvloop", "numpy", "protobuf")
_PATIENCE_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and with what figures were taken."""

    cpu: str
    cores: int
    """That this process may use."""
    kernel: str
    python: str
    commit: str
    """Of our own sources; a `+` behind it: they were changed since."""
    versions: dict[str, str] = field(default_factory=dict)
    """Program or library → version; absent ones are not named."""

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.cpu}, {self.cores} cores, Linux {self.kernel}, Python {self.python}, {versions}; "
            f"commit {self.commit}"
        )


def this_machine() -> Machine:
    """Return the machine that we run on."""
    programs = {name: _package(name) for name in _PROGRAMS}
    libraries = {name: _library(name) for name in _LIBRARIES}
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        commit=_commit(),
        versions={name: number for name, number in (programs | libraries).items() if number},
    )


def _cpu() -> str:
    text = Path("/proc/cpuinfo").read_text("utf-8")
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _package(name: str) -> str:
    try:
        return _said("dpkg-query", "-W", "-f", "${Version}", name)
    except (OSError, subprocess.SubprocessError):
        return ""


def _library(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    git = ("git", "-C", str(ROOT))
    try:
        changes = _said(*git, "status", "--porcelain", "-uno")
        return _said(*git, "rev-parse", "--short=12", "HEAD") + ("+" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _said(*command: str) -> str:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
    ).stdout.strip()

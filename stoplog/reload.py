"""`stoplog reload`: checks the changed park files as the services will, and only then asks them to read them again.

Each service checks them once more and refuses a bad one by itself; this is for the person, who learns it at once.
"""

import os
import signal
import tomllib
from pathlib import Path

from domain.errors import ConfigurationError, Fault, LinkLost
from runtime.exits import Exit
from runtime.parkfiles import load_park


def reload_service(settings: Path, pid: int) -> int:
    """Have the process `pid`, started with `settings`, read its park again; return the exit status.

    Raises ConfigurationError with every fault of the park, LinkLost when there is no such process.
    """
    _check(settings)
    _hang_up(pid, settings.stem)
    return Exit.OK


def reload_demo(state: Path) -> int:
    """Have every service of the demonstration in `state` read its park again; return the exit status.

    Ingest and control learn new points before gateways tell them. Raises as `reload_service`.
    """
    found = {path.stem: path for path in sorted((state / "settings").glob("*.toml"))}
    centre = [name for name in ("ingest", "control") if name in found]
    services = [*centre, *(name for name in found if name not in {"ingest", "control", "simulator"})]
    if not services:
        message = f"no demonstration runs in {state} — start one with `stoplog demo`, or name its folder with --state"
        raise LinkLost(message)
    _check(found[services[0]])
    for name in services:
        file = state / "logs" / f"{name}.pid"
        _hang_up(int(file.read_text("ascii")) if file.exists() else 0, name)
        print(f"{name}: asked to read its park again")
    return Exit.OK


def _check(settings: Path) -> None:
    try:
        said = tomllib.loads(settings.read_text("utf-8"))
        park = Path(said["park"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ConfigurationError(
            Fault(
                file=str(settings), line=0, field="park", kind="settings-file",
                message=f"names no park: {error}", remedy="name the settings that the service was started with",
            )
        ) from error  # fmt: skip
    overrides = said.get("device_overrides")
    load_park(park, Path(overrides) if overrides else None)


def _hang_up(pid: int, name: str) -> None:
    # kill(0) would be for our whole group, kill(1) for the machine's first process.
    reason = "there is no such process"
    if pid > 1:
        try:
            os.kill(pid, signal.SIGHUP)
        except (ProcessLookupError, PermissionError) as error:
            reason = error.strerror or reason
        else:
            return
    message = f"{name} does not run as process {pid}: {reason}"
    raise LinkLost(message)

"""Kill -9 of any one process leaves a system that is whole again within 30 s: nothing accepted is lost, nothing acts twice."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from runtime.parkfiles import load_park
from stoplog.oracle.judge import judge_samples
from tests.system.rig import CLOCK, ROOT, Api, Rig, demonstration, wait_for

pytestmark = pytest.mark.system

WHOLE_S_MAX = 30.0
NOTICED_S = 4.0
"""A gateway's silence shows at the centre after 3 s."""
PARTS = ("broker", "gw_east", "gw_west", "ingest", "control", "simulator")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kill") / "state"


@pytest.fixture(scope="module")
def rig(state: Path) -> Iterator[Rig]:
    with demonstration(state, "--speed", "10", "--keep-freed") as running:
        yield running


def is_whole(api: Api) -> bool | None:
    """Every gateway is online, and every point of every PLC is fresh."""
    try:
        live = api.get("/live")
    except (OSError, AssertionError, ValueError):
        return None
    gateways = all(gateway["state"] == "online" for gateway in live["gateways"])
    stale = [ref for ref, point in live["points"].items() if point["stale"]]
    return True if gateways and not stale else None


def wait_steady(api: Api, is_back: Callable[[], bool], *, since_s: float) -> float:
    """Wait until all is whole and stays so for longer than the centre takes to notice a silence.

    Returns the wall seconds from `since_s` to the beginning of that time; at most WHOLE_S_MAX are allowed.
    """
    whole_s: list[float] = []

    def probe() -> bool | None:
        try:
            is_now = is_back() and is_whole(api)
        except (httpx.HTTPError, FileNotFoundError, ValueError):
            is_now = False
        if not is_now:
            whole_s.clear()
            return None
        whole_s.append(CLOCK.monotonic())
        return True if whole_s[-1] - whole_s[0] > NOTICED_S else None

    wait_for("whole again", probe, seconds=WHOLE_S_MAX + NOTICED_S)
    return whole_s[0] - since_s


def close(api: Api, actuator: str) -> str:
    answer = api.command(actuator, "close", accept_warnings=["stale-input", "position-reached"])
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_comes_back_and_nothing_acts_twice(rig: Rig, part: str) -> None:
    api = _api(rig)
    wait_for("whole before", lambda: is_whole(api), seconds=WHOLE_S_MAX)
    actuator = {
        "broker": "hc_outlet",
        "gw_east": "ly_outlet",
        "gw_west": "jt_outlet",
        "ingest": "qs_outlet",
        "control": "bh_outlet",
        "simulator": "yx_outlet",
    }[part]
    before = _writes(rig)[f"{actuator} close"]
    command = close(api, actuator)
    old = rig.pid(part)
    os.kill(old, signal.SIGKILL)
    began_s = CLOCK.monotonic()

    took_s = wait_steady(api, lambda: rig.pid(part) != old, since_s=began_s)
    print(f"{part}: whole again after {took_s:.1f} s")
    view = api.outcome(command, seconds=90)
    assert view["state"] in {"confirmed", "unknown", "failed", "expired", "refused"}
    assert _writes(rig)[f"{actuator} close"] - before <= 1


def _writes(rig: Rig) -> Counter[str]:
    return Counter(str(line["meaning"]) for line in rig.writes())


_sessions: dict[int, Api] = {}


def _api(rig: Rig) -> Api:
    return (
        _sessions.setdefault(rig.port, rig.signed_in()) if rig.port not in _sessions else _sessions[rig.port]
    )


def test_the_supervisor_killed_leaves_no_orphans_and_starts_again(rig: Rig, state: Path) -> None:
    pids = {part: rig.pid(part) for part in PARTS}
    rig.process.kill()
    rig.process.wait()
    wait_for(
        "every part has ended", lambda: not any(_lives(pid) for pid in pids.values()) or None, seconds=10
    )
    with demonstration(state, "--speed", "10", "--keep-freed") as again:
        api = again.signed_in()
        wait_for("whole again", lambda: is_whole(api), seconds=WHOLE_S_MAX)
        command = close(api, "dc_outlet")
        assert api.outcome(command, seconds=60)["state"] == "confirmed"
        audit = api.get("/audit/verify")
        assert audit["verified"] is True, audit


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split(") ")[1][0] not in "ZX"
    except OSError:
        return False


def test_no_accepted_sample_was_lost(rig: Rig, state: Path) -> None:
    """After all the deaths: journals and freed segments against the store, one by one."""
    with demonstration(state, "--speed", "1", "--keep-freed") as again:
        api = again.signed_in()
        wait_for("whole again", lambda: is_whole(api), seconds=WHOLE_S_MAX)
        wait_for("the journals are drained", lambda: _drained(api), seconds=120)
    # The gateways stopped first, and had what they had accepted acknowledged.
    verdict = judge_samples(state, load_park(ROOT / "parks" / "lingang"))
    print(verdict.counts)
    assert verdict.problems == []
    assert verdict.accepted > 1000


def _drained(api: Api) -> bool | None:
    """Nothing older than the last seconds waits: what stands in the journals is only what is being said now."""
    return True if all(gateway["journal_depth"] < 100 for gateway in api.get("/live")["gateways"]) else None

"""The simulator as a process: played over its socket, killed in mid-travel, and found again as it stood."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from pymodbus.client import AsyncModbusTcpClient

from domain.errors import LinkLost
from domain.ids import DeviceId
from runtime.clock import PageClock
from runtime.parkfiles.loading import load_park
from simulators.client import SimulatorClient, SimulatorRefused
from simulators.happenings import What, read_happenings
from simulators.plc.served import read_served
from simulators.plc.written import read_writes
from stoplog.demo.ports import free_ports

ROOT = Path(__file__).parents[3]
PARK = ROOT / "parks" / "lingang"
START_S_MAX = 40.0
PROGRAM = (
    "import sys; from pathlib import Path; from simulators.app import main; sys.exit(main(Path(sys.argv[1])))"
)

Gate = Mapping[str, object]


class Simulator:
    """One simulated park of the demonstration, in a folder of its own."""

    def __init__(self, folder: Path, *, scenario: str, speed: float) -> None:
        self.folder = folder
        park = load_park(PARK)
        ports = free_ports(len(park.devices) + 1)
        self.control_port = ports[-1]
        self.devices = {
            device: {"host": "127.0.0.1", "port": port}
            for device, port in zip(park.devices, ports, strict=False)
        }
        (folder / "devices.json").write_text(json.dumps(self.devices))
        (folder / "simulator.toml").write_text(
            f'park = "{PARK}"\nstate = "{folder / "state"}"\ncontrol_port = {self.control_port}\n'
            f'device_overrides = "{folder / "devices.json"}"\nreads_log = "{folder / "reads"}"\nspeed = {speed}\n'
            f'scenario = "{PARK / "scenarios" / scenario}"\n[clock]\nkind = "page"\npage = "{folder / "clock.page"}"\n'
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", PROGRAM, str(self.folder / "simulator.toml")]
        with (self.folder / "err.log").open("ab") as errors:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=errors)

    async def ready(self) -> None:
        for _ in range(int(START_S_MAX / 0.1)):
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "err.log").read_text()
            try:
                async with SimulatorClient(self.control_port) as client:
                    await client.status()
                    return
            except LinkLost:
                await asyncio.sleep(0.1)
        pytest.fail("the simulator did not come up")

    def kill(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(timeout=15)
        self.process = None
        return status

    async def write_coil(self, device: str, address: int) -> None:
        client = AsyncModbusTcpClient(
            "127.0.0.1", port=cast("int", self.devices[DeviceId(device)]["port"]), retries=0
        )
        with closing(client):
            assert await client.connect()
            assert not (await client.write_coil(address, True, device_id=1)).isError()

    async def status(self) -> Mapping[str, object]:
        async with SimulatorClient(self.control_port) as client:
            return await client.status()

    async def gate(self, name: str) -> Gate:
        return cast("Mapping[str, Gate]", (await self.status())["actuators"])[name]


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    made = Simulator(tmp_path, scenario="spill-in-storm.yaml", speed=1)
    made.start()
    await made.ready()
    yield made
    if made.process is not None:
        made.kill(signal.SIGKILL)


async def test_killed_in_mid_travel_it_stands_where_it_stood(simulator: Simulator) -> None:
    async with SimulatorClient(simulator.control_port) as client:
        await client.ask("spill", enterprise="ly", kg=50, minutes=60)
        await client.ask("fault", kind="local", target="ly_outlet")
        await client.set_speed(4)
    await simulator.write_coil("plc_hc_outlet", 1)
    await simulator.write_coil("plc_ly_outlet", 1)
    for _ in range(400):
        if cast("float", (await simulator.gate("hc_outlet"))["opening"]) < 0.9:
            break
        await asyncio.sleep(0.05)
    clock = PageClock(simulator.folder / "clock.page")
    before, before_ms = await simulator.gate("hc_outlet"), clock.now_ms()
    simulator.kill(signal.SIGKILL)
    simulator.start()
    await simulator.ready()
    after = await simulator.gate("hc_outlet")
    assert float(cast("float", before["opening"])) - float(cast("float", after["opening"])) == pytest.approx(
        0, abs=0.06
    )
    assert after["moving"] is False
    assert clock.now_ms() >= before_ms
    status = await simulator.status()
    assert [
        cast("Mapping[str, object]", fault)["kind"] for fault in cast("list[object]", status["faults"])
    ] == ["local"]
    assert (await simulator.gate("ly_outlet"))["remote"] is False
    assert cast("Mapping[str, float]", status["speed"])["ceiling"] == 4
    spilled_kg = float(cast("float", status["spilled_kg"]))
    await asyncio.sleep(1.5)
    assert float(cast("float", (await simulator.status())["spilled_kg"])) > spilled_kg, "the spill goes on"
    writes = [
        (line.device, line.meaning, line.ignored)
        for line in read_writes(simulator.folder / "state" / "writes.jsonl")
    ]
    assert writes == [
        ("plc_hc_outlet", "hc_outlet close", None),
        ("plc_ly_outlet", "ly_outlet close", "local"),
    ]
    starts = [
        line
        for line in read_happenings(simulator.folder / "state" / "happenings.jsonl")
        if line.what is What.START
    ]
    assert len(starts) == 2


async def test_the_scenario_is_played_at_speed(simulator: Simulator) -> None:
    async with SimulatorClient(simulator.control_port) as client:
        await client.set_speed(240)
        status = await client.status()
        for _ in range(600):
            status = await client.status()
            if cast("Mapping[str, float]", status["scenario"])["elapsed_s"] > 1_800:
                break
            await asyncio.sleep(0.1)
        await client.set_speed(1)
        status = await client.status()
        baseline = await client.baseline_kg()
    assert cast("Mapping[str, int]", status["scenario"])["fired"] == 3
    escaped = cast("Mapping[str, float]", status["escaped_kg"])
    assert escaped["plant"] > 50
    same = cast("Mapping[str, float]", baseline["escaped_kg"])
    assert same["plant"] == pytest.approx(escaped["plant"], rel=0.2), "nobody acted here either"
    happened = [
        (line.what, line.kind) for line in read_happenings(simulator.folder / "state" / "happenings.jsonl")
    ]
    assert (What.BEGIN, "link_cut") in happened
    assert (What.END, "link_cut") in happened
    assert (What.END, "calibration") in happened


async def test_what_it_refuses_and_what_it_served(simulator: Simulator) -> None:
    async with SimulatorClient(simulator.control_port) as client:
        with pytest.raises(SimulatorRefused, match="none of them"):
            await client.ask("explode")
        with pytest.raises(SimulatorRefused, match="remote"):
            await client.ask("hand", actuator="hc_outlet", move="close")
        await client.ask("rain", storm="typhoon_120mm_6h")
        await client.ask("hand", actuator="hc_outlet", switch="local", move="close")
    assert (await simulator.gate("hc_outlet"))["moving"] is True
    await simulator.write_coil("plc_hc_outlet", 0)
    plc = AsyncModbusTcpClient(
        "127.0.0.1", port=cast("int", simulator.devices[DeviceId("plc_hc_outlet")]["port"])
    )
    with closing(plc):
        assert await plc.connect()
        bits = (await plc.read_discrete_inputs(0, count=7, device_id=1)).bits[:7]
    simulator.kill(signal.SIGKILL)
    (served,) = [line for line in read_served(simulator.folder / "reads") if line.device == "plc_hc_outlet"]
    assert (served.function, served.address, served.values) == (2, 0, tuple(int(bit) for bit in bits))


async def test_a_clean_stop_holds_time(simulator: Simulator) -> None:
    assert simulator.kill(signal.SIGTERM) == 0
    clock = PageClock(simulator.folder / "clock.page")
    assert clock.speed == 0
    held_ms = clock.now_ms()
    simulator.start()
    await simulator.ready()
    assert 0 <= clock.now_ms() - held_ms < 10_000


async def test_a_taken_port_is_one_clear_line(simulator: Simulator, tmp_path: Path) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    second = Simulator(folder, scenario="quiet-day.yaml", speed=1)
    text = (
        (folder / "simulator.toml")
        .read_text()
        .replace(str(folder / "devices.json"), str(simulator.folder / "devices.json"))
    )
    (folder / "simulator.toml").write_text(text)
    second.start()
    assert second.process is not None
    assert await asyncio.to_thread(second.process.wait, START_S_MAX) == 69
    said = (folder / "err.log").read_text()
    assert "cannot listen on 127.0.0.1:" in said
    assert "Traceback" not in said
    assert (folder / "clock.page").exists()

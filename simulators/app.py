"""Starts the simulated park: page of model time, water, PLCs, control socket; the only place where they meet."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.errors import ConfigurationError, Fault, StorageError
from domain.park import Park
from runtime.clock import ClockPage, RealClock
from runtime.log import configure
from runtime.metrics import HealthServer
from runtime.parkfiles.loading import load_park
from runtime.settings import read_settings
from runtime.supervisor import Supervised, run_service
from simulators.act_reader import DRY
from simulators.conductor import Conductor
from simulators.control_socket import ControlSocket
from simulators.happenings import HappeningLog, What
from simulators.plc.served import ServedLog
from simulators.plc.server import PlcServer
from simulators.plc.written import WriteLog
from simulators.record import Record
from simulators.saved import Saved, load
from simulators.scenario import Scenario, is_live, starts_at
from simulators.scenario_file import known_names, load_scenario
from simulators.settings import SimulatorSettings
from simulators.water.model import WaterConfig
from simulators.water.network import MOVING, Network, load_network
from simulators.waterworks import Waterworks, storm_of
from simulators.world import World

PRESENT_GAP_MS_MAX = 3_600_000
"""A park played in real time that was stopped for longer begins again at the present instead of catching up."""
LAG_READY_S = 2.0
"""Wall seconds behind beyond which the simulator says that it is not ready."""


def main(settings: Path) -> int:
    """Run the simulated park that `settings` describes until a signal; return the exit status."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    async def serve(tasks: Supervised) -> None:
        await _serve(read_settings(settings, SimulatorSettings), tasks)

    return run_service("simulator", serve)


async def _serve(settings: SimulatorSettings, tasks: Supervised) -> None:
    configure(settings.log.level)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    park = load_park(settings.park, settings.device_overrides)
    network = load_network(settings.park / "network" / "network.yaml")
    known = known_names(park, settings.park, frozenset(network.spill_places))
    scenario = None if settings.scenario is None else load_scenario(settings.scenario, known)
    _make_folders(settings)
    page, saved = _resume(settings, scenario)
    record = _record(settings, page)
    conductor = _conductor(settings, park, network, scenario, page, saved, record)
    health = HealthServer(
        _metrics(conductor, record),
        host=settings.metrics.host,
        port=settings.metrics.port,
        ready=lambda: _ready(conductor),
        stalled=tasks.liveness.stalled,
    )
    record.happened(What.START, page.clock.now_ms(), None, saved.scenario or "", "", None)
    try:
        await conductor.begin()
    except BaseException:
        await conductor.end()
        raise
    socket = ControlSocket(conductor, known=known, scenario=scenario, port=settings.control_port)
    tasks.start(conductor.run_plcs(), name="PLCs")
    tasks.start(conductor.run_water(), name="water")
    tasks.start(socket.run(), name="control socket")
    tasks.start(health.run(), name="health")
    tasks.start(_end_with(conductor, record), name="end")


async def _end_with(conductor: Conductor, record: Record) -> None:
    """Wait for the end of the service, and leave everything saved."""
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await conductor.end()
        record.close()


def _conductor(
    settings: SimulatorSettings,
    park: Park,
    network: Network,
    scenario: Scenario | None,
    page: ClockPage,
    saved: Saved,
    record: Record,
) -> Conductor:
    openings = {name: place.normal for name, place in network.facilities.items() if place.role in MOVING}
    openings |= {} if scenario is None else scenario.gates
    now_ms = page.clock.now_ms
    seed = settings.seed if settings.seed is not None else scenario.seed if scenario is not None else 0
    world = World(
        park,
        seed=seed,
        scenario=scenario,
        saved=saved,
        openings=openings,
        now_ms=now_ms(),
        note=record.happened,
    )
    storm = (saved.storm or DRY, saved.start_ms if saved.storm_start_ms is None else saved.storm_start_ms)
    water = WaterConfig(
        network=settings.park / "network" / "network.yaml",
        storm=storm_of(settings.park, storm[0]),
        start_ms=saved.start_ms,
        storm_start_ms=storm[1],
        workspace=settings.state / "water",
        openings=openings,
    )
    return Conductor(
        park_folder=settings.park,
        world=world,
        servers={
            device: PlcServer(
                station, host=settings.host, port=station.device.port, now_ms=now_ms, witness=record
            )
            for device, station in world.stations.items()
        },
        waterworks=Waterworks(water, checkpoint=settings.state / "water.checkpoint"),
        moving=frozenset(name for name, place in network.facilities.items() if place.role in MOVING),
        page=page,
        real=RealClock(),
        state=settings.state / "plcs.json",
        storm=storm,
        speed=settings.speed if saved.speed is None else saved.speed,
    )


def _resume(settings: SimulatorSettings, scenario: Scenario | None) -> tuple[ClockPage, Saved]:
    """Return the page of model time and where the park stands: as it was left, or at the scenario's beginning.

    Model time goes on from an existing page in any case, and never backwards.
    """
    path = _page_path(settings)
    real_ms = RealClock().now_ms()
    start_ms = starts_at(scenario, real_ms=real_ms, speed=settings.speed)
    saved = load(settings.state / "plcs.json")
    name = None if scenario is None else scenario.id
    is_resumed = saved is not None and saved.scenario == name
    try:
        page = ClockPage(path, start_ms=saved.at_ms if is_resumed and saved else start_ms, speed=0.0)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    if is_live(scenario, speed=settings.speed) and start_ms - page.clock.now_ms() > PRESENT_GAP_MS_MAX:
        page.skip_to(start_ms)
    if is_resumed and saved is not None:
        return page, saved
    (settings.state / "water.checkpoint").unlink(missing_ok=True)
    begin_ms = page.clock.now_ms() // 1000 * 1000
    storm, storm_at_s = (DRY, 0.0) if scenario is None else (scenario.storm, scenario.storm_at_s)
    storm_start_ms = begin_ms + round(storm_at_s * 1000)
    return page, Saved(
        scenario=name, start_ms=begin_ms, at_ms=begin_ms, storm=storm, storm_start_ms=storm_start_ms
    )


def _page_path(settings: SimulatorSettings) -> Path:
    if settings.clock.kind == "page" and settings.clock.page is not None:
        return settings.clock.page
    raise ConfigurationError(
        Fault(
            file="settings", line=0, field="clock", message="the simulator writes the page of model time",
            remedy='write kind = "page" and page = its path', kind="setting",
        )
    )  # fmt: skip


def _make_folders(settings: SimulatorSettings) -> None:
    try:
        (settings.state / "water").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{settings.state}: {error.strerror}") from error


def _record(settings: SimulatorSettings, page: ClockPage) -> Record:
    reads = settings.reads_log
    return Record(
        page.clock,
        writes=WriteLog(settings.writes_log or settings.state / "writes.jsonl"),
        reads=None if reads is None else ServedLog(reads, bytes_max=settings.reads_log_bytes_max),
        happenings=HappeningLog(settings.faults_log or settings.state / "happenings.jsonl"),
    )


def _ready(conductor: Conductor) -> tuple[bool, tuple[str, ...]]:
    reasons = (f"{conductor.lag_s:.1f} s behind",) if conductor.lag_s > LAG_READY_S else ()
    return not reasons, reasons


def _metrics(conductor: Conductor, record: Record) -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Requests(record))
    speed = Gauge("stoplog_simulator_speed", "Model seconds per wall second now", registry=registry)
    speed.set_function(lambda: conductor.speed)
    lag = Gauge(
        "stoplog_simulator_lag_seconds", "Wall seconds that the slowest part is behind", registry=registry
    )
    lag.set_function(lambda: conductor.lag_s)
    return registry


class _Requests(Collector):
    """Counts what the PLCs were asked."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "stoplog_simulator_requests", "Modbus requests that the PLCs answered.", labels=["kind"]
        )
        family.add_metric(["read"], self._record.reads)
        family.add_metric(["write"], self._record.writes)
        yield family

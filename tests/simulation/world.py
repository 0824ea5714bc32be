"""One simulated world from its first to its last second: who lives in it, what is written down, and how it ends."""

import contextlib
import gc
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from domain.ids import FacilityId
from domain.park import Park
from tests.simulation import acts
from tests.simulation.broker import Broker
from tests.simulation.centre import Centre, NoAnswer
from tests.simulation.chance import Chance
from tests.simulation.edge import CHALLENGE_VALIDITY_S, POLL_FLOOR_S, Edge
from tests.simulation.ground import START_MS, START_S, Ground
from tests.simulation.loop import SimLoop
from tests.simulation.pens import make_keys
from tests.simulation.people import STAFF, Act, Town
from tests.simulation.plcs import Plant
from tests.simulation.small_park import small_park
from tests.simulation.trace import Row, Setting, Trace
from tests.simulation.watchers import Watchers
from tests.simulation.weather import CALM_S, Weather
from wire.signing import Role

MEMORY = Path("/dev/shm")
FAIR_CALM_S = 10.0
"""Virtual seconds on average between two faults on a quiet watch."""
CLOSE_S = 120.0
"""Virtual seconds that a world gets to come to rest once its people have stopped."""


@dataclass(kw_only=True)
class Run:
    """What one world leaves behind."""

    trace: Trace
    commands: int
    """Of persons, of plans, of edges: those that came to be, and those that the gate at the centre refused."""
    outcomes: Mapping[str, int]
    """State → how many commands ended in it."""
    answers: Mapping[str, int]
    faults: Mapping[str, int]
    lasted_s: float
    turns: int
    bugs: list[BaseException] = field(default_factory=list)
    """Errors that ended a process by itself."""


def simulate(
    seed: int,
    *,
    commands: int,
    calm_s: float = CALM_S,
    is_signed: bool = False,
    is_fair: bool = False,
    is_last: bool = False,
) -> Run:
    """Play one world until so many commands came to be, and let it come to rest.

    `calm_s`: virtual seconds on average between two faults. `is_signed`: with real signatures instead of the cheap pen.
    `is_fair`: a quiet watch, on which openings come to their end; storms let hardly any. `is_last`: the process ends with it, by
    `os._exit`; nothing of it is let go of before.
    """
    chance = Chance(seed)
    with _uncollected(), _silent(), _folder() as folder, chance.drawn_by_services():
        world = World(chance, folder, calm_s=FAIR_CALM_S if is_fair else calm_s, is_signed=is_signed)
        try:
            return world.loop.run(world.play(commands, acts.FAIR if is_fair else acts.ACTS))
        finally:
            if is_last:
                _KEPT.append(world)
            else:
                world.loop.end()


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let nothing be collected while the block lasts: its end takes what the world made, and looks at nothing else."""
    was_on, is_fresh = gc.isenabled(), gc.get_freeze_count() > 0
    if not is_fresh:  # a process of its own has nothing to let go of
        gc.collect()  # the world before is let go of only now; frozen, it would stay for ever
        gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        if not is_fresh:
            gc.unfreeze()
        if was_on:
            gc.enable()


_KEPT: list[object] = []
"""Worlds that end with their process."""


class World:
    """The parts of one world."""

    def __init__(self, chance: Chance, folder: Path, *, calm_s: float, is_signed: bool) -> None:
        self.loop = SimLoop()  # type: ignore[abstract]
        self.park = park = small_park()
        self.trace = trace = Trace(chance.seed)
        loop = self.loop

        def clock_s() -> float:
            return loop.now_s - START_S

        def now_ms() -> int:
            return START_MS + round(clock_s() * 1000)

        trace.put(_setting(chance.seed, park))
        who = [(Role.CONTROL, "control"), *((Role.GATEWAY, key) for key in park.gateways)]
        self.ground = ground = Ground(
            loop=loop,
            trace=trace,
            chance=chance,
            keys=make_keys(chance.seed, who, is_real=is_signed),
            broker=Broker(loop, trace, chance.network, clock_s),
            plant=Plant(
                park,
                loop,
                trace,
                chance.wires,
                clock_s=clock_s,
                now_ms=now_ms,
                openings=_openings(park),
            ),
        )
        self.centre = Centre(ground, park, folder / "control")
        self.edges = tuple(Edge(ground, park, key, folder / key) for key in park.gateways)
        self.town = Town(ground, park, self.centre)
        self.weather = Weather(ground, park, self.centre, self.edges, calm_s=calm_s)
        self.watchers = Watchers(ground, park, self.centre, self.edges)

    async def play(self, commands: int, doings: Sequence[Act]) -> Run:
        """Begin, go on until so many commands came to be of what people do, and end."""
        loop, ground = self.loop, self.ground
        for edge in self.edges:
            edge.start()
        self.centre.start()
        await self._open()
        ground.work(self.weather.mend())
        ground.work(self.weather.blow())
        ground.work(self.watchers.watch())
        people = [loop.create_task(self.town.live(name, doings)) for name in STAFF]
        while self.watchers.commands < commands and not ground.bugs:
            await self.town.rest(1.0)
            self.watchers.count()
            for task in people:
                if task.done():
                    task.result()
        await self._close()
        return self._run()

    async def _open(self) -> None:
        """Sign everybody in, once control and the gateways know of each other."""
        for name, roles in STAFF.items():
            while name not in self.centre.sessions:
                with contextlib.suppress(NoAnswer):
                    await self.centre.sign_in(name, roles)
                await self.town.rest(0.1)
        await self.town.rest(3.0)

    async def _close(self) -> None:
        """Stop asking, mend everything, and wait until nothing is open."""
        self.town.is_closing = True
        self.weather.is_over = True
        until_s = self.loop.now_s + CLOSE_S
        quiet = 0
        while quiet < 4 and self.loop.now_s < until_s and not self.ground.bugs:
            await self.town.rest(2.0)
            quiet = quiet + 1 if self.watchers.is_quiet() else 0
        self.watchers.count()
        self.watchers.last()

    def _run(self) -> Run:
        return Run(
            # A copy: what coroutines do when they are closed after the end belongs to nobody.
            trace=Trace(self.trace.seed, list(self.trace.events)),
            commands=self.watchers.commands,
            outcomes=self.watchers.outcomes(),
            answers=dict(sorted(self.town.outcomes.items())),
            faults=dict(sorted(self.weather.played.items())),
            lasted_s=self.ground.clock_s(),
            turns=self.loop.turns,
            bugs=list(self.ground.bugs),
        )


def _setting(seed: int, park: Park) -> Setting:
    return Setting(
        at_s=0.0,
        seed=seed,
        park=park.id,
        actuators={key: _shown(park, key) for key in park.actuators},
        challenge_validity_s=CHALLENGE_VALIDITY_S,
        poll_s=POLL_FLOOR_S,
        periods_s={
            key: max(group.period_s for group in item.groups.values()) for key, item in park.devices.items()
        },
    )


def _shown(park: Park, key: FacilityId) -> Row:
    actuator = park.actuators[key]
    return {
        "gateway": park.gateway_of(key),
        "device": actuator.device,
        "tier": park.facilities[key].tier.value,
        "safe": actuator.safe_position.value,
        "drive": type(actuator.drive).__name__,
        "travel_s": actuator.travel_time_s,
        "pause_s": actuator.reversing_pause_s,
        "opened": actuator.point(actuator.feedback.opened),
        "closed": actuator.point(actuator.feedback.closed),
        "remote": actuator.point(actuator.feedback.remote),
    }


def _openings(park: Park) -> Mapping[FacilityId, float]:
    """Let every second gate stand open at the start."""
    return {key: float(place % 2) for place, key in enumerate(park.actuators)}


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="stoplog-world-", dir=where) as folder:
        yield Path(folder)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Let the services' logs go nowhere while the block lasts."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=False
    )
    try:
        yield
    finally:
        structlog.configure(**before)

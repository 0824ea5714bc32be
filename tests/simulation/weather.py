"""What the simulated world does to its parts: networks, machines, disks, clocks, PLCs and hands, each fault with a beginning and an end."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random

from domain.ids import FacilityId, PointRef
from domain.park import Park
from simulators.plc.drive import Ask, Asked
from tests.simulation.broker import Path
from tests.simulation.centre import Centre
from tests.simulation.disks import Disk
from tests.simulation.edge import Edge
from tests.simulation.ground import Ground, SimClock
from tests.simulation.loop import Process, Sleep
from tests.simulation.plcs import Wire
from tests.simulation.trace import Fault

CALM_S = 1.2
"""Virtual seconds on average between two faults."""
FLUSH_S = 2.0
"""Virtual seconds in which a gateway writes down what it held while its disk was full."""
RESTART_S = (2.6, 8.0)
"""Virtual seconds until a process that ended is started again; the sample clock needs more than two."""
ALWAYS = Path(lost=0.001, doubled=0.002, delayed=0.002)
"""What every network does on a good day."""


class Weather:
    """The hand against everybody."""

    def __init__(
        self, ground: Ground, park: Park, centre: Centre, edges: tuple[Edge, ...], *, calm_s: float = CALM_S
    ) -> None:
        self.ground = ground
        self.park = park
        self.centre = centre
        self.edges = edges
        self.draw: Random = ground.chance.weather
        self.played: dict[str, int] = {}
        """Fault → how often."""
        self.is_over = False
        self._calm_s = calm_s
        self._restarts: set[str] = set()
        self.cut_since_s: dict[str, float] = {}
        self.held_since_s: dict[Process, float] = {}
        """Processes that stand still, and since when."""
        for client in ("control", *(edge.gateway for edge in edges)):
            ground.broker.paths[client] = replace(ALWAYS)

    async def blow(self) -> None:
        """Begin one fault after the other, until the world closes."""
        kinds = list(FAULTS)
        while not self.is_over:
            await self.rest(self.draw.expovariate(1 / self._calm_s))
            kind = self.draw.choices(kinds, [FAULTS[item].weight for item in kinds])[0]
            if not self.is_over:
                self.ground.work(self._play(kind))

    async def mend(self) -> None:
        """Start again what has ended, for ever."""
        while True:
            for name, one in self.machines():
                if one.life and not one.is_alive and name not in self._restarts:
                    self._restarts.add(name)
                    wait_s = self.draw.uniform(*RESTART_S)
                    self.ground.loop.later(wait_s, self._start, name, one)
            self._look_at_links()
            await self.rest(0.5)

    async def rest(self, seconds: float) -> None:
        """Let time pass."""
        await Sleep(self.ground.loop, self.ground.loop.now_s + seconds)

    async def last(self, kind: str, where: str, seconds: float, detail: str = "") -> None:
        """Put a fault into the trace and let it last; it ends early when the world closes."""
        self.note(kind, where, is_on=True, detail=detail)
        until_s = self.ground.loop.now_s + seconds
        while not self.is_over and self.ground.loop.now_s < until_s:
            await self.rest(min(1.0, until_s - self.ground.loop.now_s))
        self.note(kind, where, is_on=False, detail=detail)

    def note(self, kind: str, where: str, *, is_on: bool, detail: str = "") -> None:
        """Put a fault, or its end, into the trace."""
        self.ground.trace.put(
            Fault(at_s=self.ground.clock_s(), kind=kind, where=where, is_on=is_on, detail=detail)
        )

    def lasting(self, shortest_s: float, longest_s: float) -> float:
        """Return how long a fault lasts: mostly short."""
        return shortest_s * float((longest_s / shortest_s) ** self.draw.random())

    def client(self) -> str:
        """Return a client of the broker."""
        return self.draw.choice(["control", *(edge.gateway for edge in self.edges)])

    def machines(self) -> "list[tuple[str, Centre | Edge]]":
        """Return every machine that runs a process of ours."""
        found: list[tuple[str, Centre | Edge]] = [("control", self.centre)]
        return found + [(edge.gateway, edge) for edge in self.edges]

    def machine(self) -> tuple[str, Centre | Edge]:
        """Return a machine."""
        return self.draw.choice(self.machines())

    def holds_in_memory(self, one: "Centre | Edge") -> bool:
        """Whether a gateway's disk takes nothing, or did a moment ago: killed now it would forget what memory alone holds, and may.

        A gateway closes also with a full disk, and tells of it from memory; control writes before it sends, and may be killed always.
        Time in which the gateway stands still is none in which it writes.
        """
        if one.process is None:
            return False
        now_s = self.held_since_s.get(one.process, self.ground.loop.now_s)
        return isinstance(one, Edge) and (one.disk.is_full or now_s - one.disk.full_until_s < FLUSH_S)

    def actuator(self) -> FacilityId:
        """Return an actuator."""
        return self.draw.choice(list(self.park.actuators))

    async def _play(self, kind: str) -> None:
        self.played[kind] = self.played.get(kind, 0) + 1
        await FAULTS[kind].play(self)

    def _start(self, name: str, one: "Centre | Edge") -> None:
        self._restarts.discard(name)
        if not one.is_alive:
            one.start()

    def _look_at_links(self) -> None:
        for client, path in self.ground.broker.paths.items():
            since_s = self.cut_since_s.get(client)
            if path.is_cut and since_s is not None:
                self.ground.broker.notice(client, cut_s=self.ground.loop.now_s - since_s)


async def cut(world: Weather) -> None:
    """The network between a client and the broker goes away; what was sent into it is lost, or arrives afterwards."""
    client = world.client()
    path = world.ground.broker.path(client)
    if path.is_cut:
        return
    path.is_cut, path.keeps = True, world.draw.random() < 0.5
    world.cut_since_s[client] = world.ground.loop.now_s
    await world.last("cut", f"{client}-broker", world.lasting(0.3, 30.0), "keeps" if path.keeps else "loses")
    path.is_cut = False
    world.ground.broker.healed(client)


async def storm(world: Weather) -> None:
    """A client's messages are lost, doubled and delayed in numbers."""
    client = world.client()
    path = world.ground.broker.path(client)
    path.lost, path.doubled, path.delayed = 0.08, 0.15, 0.3
    await world.last("storm", f"{client}-broker", world.lasting(2.0, 15.0))
    path.lost, path.doubled, path.delayed = ALWAYS.lost, ALWAYS.doubled, ALWAYS.delayed


async def kill(world: Weather) -> None:
    """A process is killed at some await, or in the midst of what it writes."""
    name, one = world.machine()
    process = one.process
    if process is None or not one.is_alive or world.holds_in_memory(one):
        return
    if world.draw.random() < 0.5:
        process.steps_left = world.draw.randrange(300)
    else:
        process.effects_left = world.draw.randrange(1, 12)
    world.note("kill", name, is_on=True)


async def power(world: Weather) -> None:
    """A gateway's machine loses its power: what was not synced is gone."""
    edge = world.draw.choice(world.edges)
    if edge.process is None or not edge.is_alive or world.holds_in_memory(edge):
        return
    world.note("power", edge.gateway, is_on=True)
    edge.process.kill()
    edge.disk.lose_power()


async def hold(world: Weather) -> None:
    """A process stands still for a while, and then goes on as if nothing had been."""
    name, one = world.machine()
    process = one.process
    if process is None or process.is_held or not one.is_alive:
        return
    process.hold()
    world.held_since_s[process] = world.ground.loop.now_s
    await world.last("hold", name, world.lasting(0.2, 25.0))
    is_owing = one.process is process and world.holds_in_memory(one)
    del world.held_since_s[process]
    if is_owing:
        one.disk.full_until_s = world.ground.loop.now_s
    process.go_on()


async def full(world: Weather) -> None:
    """A disk takes nothing."""
    name, one = world.machine()
    disk: Disk = one.disk
    if one.process is None or one.process.steps_left is not None or one.process.effects_left is not None:
        return  # it is about to be killed
    disk.is_full = True
    if isinstance(one, Centre) and world.draw.random() < 0.7:
        one.is_database_full = True
    await world.last("full", f"{name} disk", world.lasting(0.5, 20.0))
    disk.is_full = False
    disk.full_until_s = world.ground.loop.now_s
    if isinstance(one, Centre):
        one.is_database_full = False


async def gone(world: Weather) -> None:
    """Control's database does not answer."""
    world.centre.is_database_gone = True
    await world.last("gone", "control database", world.lasting(0.3, 20.0))
    world.centre.is_database_gone = False


async def step(world: Weather) -> None:
    """The time of day of a machine is set wrong, and right again."""
    name, one = world.machine()
    clock: SimClock = one.clock
    by_ms = round(math.copysign(10 ** world.draw.uniform(3, 6.6), world.draw.random() - 0.5))
    clock.offset_ms = by_ms
    await world.last("step", f"{name} clock", world.lasting(2.0, 40.0), f"{by_ms} ms")
    clock.offset_ms = 0


async def wire(world: Weather) -> None:
    """The network to a PLC, or its Modbus port, misbehaves."""
    name, plc = world.draw.choice(list(world.ground.plant.plcs.items()))
    found: Wire = plc.wire
    how = world.draw.choice(("cut", "hung", "refused", "slow", "answers lost"))
    match how:
        case "cut":
            found.is_cut = True
        case "hung":
            found.is_hung = True
        case "refused":
            found.is_refused = True
        case "slow":
            found.slow_s = world.draw.uniform(0.1, 1.5)
        case _:
            found.answers_lost = 0.4
    await world.last(how, name, world.lasting(0.3, 12.0))
    match how:
        case "cut":
            found.is_cut = False
        case "hung":
            found.is_hung = False
        case "refused":
            found.is_refused = False
        case "slow":
            found.slow_s = 0.0
        case _:
            found.answers_lost = 0.0
    if not found.is_cut and not found.is_hung:
        world.ground.plant.wake(found, share=world.draw.choice((0.0, 0.5, 1.0)))


async def local(world: Weather) -> None:
    """Somebody turns the local switch, and may drive the gate by its panel."""
    name = world.actuator()
    plc = world.ground.plant.of(name)
    if not plc.station.actuators[name].is_remote:
        return
    plc.change("switch", lambda now_ms: plc.station.switch(name, is_remote=False, now_ms=now_ms))
    lasts_s = world.lasting(0.5, 12.0)
    if world.draw.random() < 0.6:
        asked = Asked(ask=world.draw.choice((Ask.OPEN, Ask.CLOSE, Ask.STOP)))
        plc.change("hand", lambda now_ms: plc.station.hand(name, asked, now_ms))
    await world.last("local", name, lasts_s)
    plc.change("switch", lambda now_ms: plc.station.switch(name, is_remote=True, now_ms=now_ms))


async def jam(world: Weather) -> None:
    """Something lies in the way of a gate."""
    name = world.actuator()
    plc, at = world.ground.plant.of(name), world.draw.random()
    plc.change("jam", lambda now_ms: plc.station.jam(name, at=at, now_ms=now_ms))
    await world.last("jam", name, world.lasting(2.0, 20.0))
    plc.change("jam", lambda now_ms: plc.station.jam(name, at=None, now_ms=now_ms))


async def halt(world: Weather) -> None:
    """A drive loses its supply, or its protection trips."""
    name = world.actuator()
    plc, is_power = world.ground.plant.of(name), world.draw.random() < 0.5
    plc.change(
        "power" if is_power else "fault",
        lambda now_ms: plc.station.halt(name, has_power=not is_power, has_fault=not is_power, now_ms=now_ms),
    )
    await world.last("no power" if is_power else "trip", name, world.lasting(1.0, 12.0))
    plc.change(
        "power" if is_power else "fault",
        lambda now_ms: plc.station.halt(name, has_power=True, has_fault=False, now_ms=now_ms),
    )


async def lie(world: Weather) -> None:
    """Both limit switches of a gate show made."""
    name = world.actuator()
    plc = world.ground.plant.of(name)
    plc.station.lie(name, both_limits=True)
    await world.last("lie", name, world.lasting(1.0, 8.0))
    plc.station.lie(name, both_limits=False)


async def reboot(world: Weather) -> None:
    """A PLC starts again: contactors drop, connections are lost."""
    name, plc = world.draw.choice(list(world.ground.plant.plcs.items()))
    plc.wire.is_refused = True
    plc.restart()
    await world.last("reboot", name, world.lasting(0.3, 5.0))
    plc.wire.is_refused = False


async def spill(world: Weather) -> None:
    """The water turns bad, and good again."""
    name, bad, good = world.draw.choice(
        (
            ("hc_analyser/conductivity", 2600.0, 500.0),
            ("hc_analyser/conductivity", 1200.0, 500.0),
            ("hc_analyser/ph", 3.0, 7.2),
            ("hc_pool/level", 4.95, 1.0),
            ("yx_analyser/ph", 5.0, 7.2),
            ("river_sluice_3/level_up", 5.0, 2.0),
        )
    )
    ref = PointRef(name)
    plc = world.ground.plant.of_point(ref)
    plc.put(ref, bad)
    await world.last("spill", name, world.lasting(3.0, 20.0))
    plc.put(ref, good)


@dataclass(frozen=True, slots=True)
class Play:
    """One kind of fault."""

    play: Callable[[Weather], Awaitable[None]]
    weight: float


FAULTS: dict[str, Play] = {
    "cut": Play(cut, 12),
    "storm": Play(storm, 8),
    "kill": Play(kill, 10),
    "power": Play(power, 3),
    "hold": Play(hold, 5),
    "full": Play(full, 5),
    "gone": Play(gone, 5),
    "step": Play(step, 5),
    "wire": Play(wire, 14),
    "local": Play(local, 12),
    "jam": Play(jam, 5),
    "halt": Play(halt, 6),
    "lie": Play(lie, 2),
    "reboot": Play(reboot, 4),
    "spill": Play(spill, 3),
}
"""What happens, and how often."""

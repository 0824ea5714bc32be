"""Bugs planted into the product on purpose, one real function each: what the checker must find, under the invariant's own name.

A plant replaces one function of the running services by a faulty one, as a careless change would. Its scene is what makes the
bug matter within few commands: which faults come often, what people do most. The same scene without the plant must be clean.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import control.alarms.watch
import control.api.plans
import control.commands.desk
import control.commands.overrides
import control.commands.reports
import control.commands.ticket
import control.commands.tickets
import control.database.recorder
import control.live.pulse
import control.people.roles
import control.plans.run
import domain.admission
import gateway.challenges
import gateway.checks
import gateway.desk
import gateway.executor
import gateway.field
import gateway.proof
import gateway.transcript
import gateway.watch
from control.database.change import Change
from domain.command import Event, State, next_state
from domain.errors import RemoteProtocolError, StorageError
from domain.interlock import Truth
from domain.park import SafePosition
from tests.simulation import acts as deeds
from tests.simulation import people, weather
from tests.simulation.checker_story import read
from tests.simulation.planted_scenes import (
    ALONE,
    BORROWING,
    DRILL,
    EDITS,
    MURKY,
    OVERRIDING,
    POISON,
    STRETCHING,
    TICKETS,
    Scene,
)
from tests.simulation.trace import Trace
from tests.simulation.world import World, simulate
from wire.signing import Role, Signed

Faulty = Callable[[Any], Any]
"""Takes the real function, returns the one that stands in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One bug."""

    invariant: str
    words: str
    """What the careless change does."""
    owner: Any
    """The module or class whose function is replaced."""
    name: str
    faulty: Faulty
    scene: Scene = field(default_factory=Scene)
    commands: int = 60
    case: str = ""
    """Which of several bugs against one invariant."""

    @property
    def has_own_scene(self) -> bool:
        """Whether its scene holds more than what every world has anyway."""
        return bool(self.scene.more) or self.scene.beside is not None

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        """Let the bug be there while the block lasts."""
        real = (
            self.owner.__dict__[self.name] if isinstance(self.owner, type) else getattr(self.owner, self.name)
        )
        setattr(self.owner, self.name, self.faulty(real))
        try:
            yield
        finally:
            setattr(self.owner, self.name, real)

    def play(self, seed: int, *, is_planted: bool = True) -> Trace:
        """Return what happens in the plant's scene, with the bug or without."""
        with self.planted() if is_planted else contextlib.nullcontext(), staged(self.scene):
            return simulate(seed, commands=self.commands, calm_s=self.scene.calm_s).trace


@contextlib.contextmanager
def staged(scene: Scene) -> Iterator[None]:
    """Let the world be as `scene` has it while the block lasts."""
    faults, acts, opened = dict(weather.FAULTS), deeds.ACTS, World._open

    async def open_(world: World) -> None:
        await opened(world)
        if scene.beside is not None:
            world.loop.create_task(scene.beside(world))

    if scene.faults:
        for name, play in faults.items():
            weather.FAULTS[name] = replace(play, weight=scene.faults.get(name, 0.0))
    weights = scene.acts
    kept = tuple(replace(act, weight=weights.get(act.do.__name__, 0.0)) for act in acts) if weights else acts
    deeds.ACTS = (*kept, *scene.more)
    think_s = people.THINK_S
    people.THINK_S = scene.think_s or think_s
    World._open = open_  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        weather.FAULTS.update(faults)
        deeds.ACTS, people.THINK_S = acts, think_s
        World._open = opened  # type: ignore[method-assign]


def always(value: Any) -> Faulty:
    """Whatever is asked, it answers `value`."""
    return lambda _real: lambda *_args, **_named: value


def _never_rests(_real: Any) -> Any:
    async def reverse(_self: Any, _job: Any, **_named: Any) -> float:
        return 0.0

    return reverse


def _silence_is_failure(_real: Any) -> Any:
    def following(state: State, event: Event) -> State:
        return State.FAILED if event is Event.SILENCE else next_state(state, event)

    return following


def _unknown_is_true(real: Any) -> Any:
    def truth(*args: Any) -> Truth:
        return real(*args) if real(*args) is Truth.TRUE else Truth.TRUE

    return truth


def _nothing_stands(_real: Any) -> Any:
    def standing(*_args: Any, **_named: Any) -> Iterator[Any]:
        return iter(())

    return standing


def _alternatives_run(_real: Any) -> Any:
    return lambda _self, _step: control.plans.run._Way.GO


def _the_other_end(real: Any) -> Any:
    def move(self: Any, actuator: Any, *args: Any, **named: Any) -> Any:
        other = SafePosition.OPEN if actuator.safe_position is SafePosition.CLOSED else SafePosition.CLOSED
        return real(self, replace(actuator, safe_position=other), *args, **named)

    return move


def _forgets(real: Any) -> Any:
    return lambda self, _alarms, system: real(self, (), system)


def _unwritten(real: Any) -> Any:
    return lambda *args, **named: Change(writes=real(*args, **named).writes)


def _as_if_written(real: Any) -> Any:
    async def as_if(self: Any, change: Change) -> None:
        with contextlib.suppress(StorageError):
            await real(self, change)

    return as_if


def _believes(real: Any) -> Any:
    """Whoever signed it, it is taken: a drill's pen as well, which no gateway trusts."""

    class Credulous:
        def __init__(self, verifier: Any) -> None:
            self._verifier = verifier

        def verify(self, token: bytes, **named: Any) -> Signed:
            try:
                found: Signed = self._verifier.verify(token, **named)
            except RemoteProtocolError:
                found = Signed(identity="control", role=Role.CONTROL, body=dict(read(token)))
            return found

    def take(self: Any, token: bytes) -> None:
        held = self._verifier
        self._verifier = Credulous(held)
        try:
            real(self, token)
        finally:
            self._verifier = held

    return take


def _any_select(real: Any) -> Any:
    async def operate(desk: Any, request: Any, person: Any, select: Any, key: Any, warnings: Any) -> Any:
        tracked = desk._book.get(select) if select is not None else None
        if tracked is None or tracked.state is not State.SELECTED:
            return await real(desk, request, person, select, key, warnings)
        return await desk._operate_once(tracked, request, person, key, warnings)

    return operate


def _any_ticket(real: Any) -> Any:
    def faulty(ticket: Any, **asked: Any) -> Any:
        return real(ticket, **asked) if ticket.approval is None else None

    return faulty


def _anybody_approves(_real: Any) -> Any:
    async def approve(run: str, body: Any, service: Any, who: Any) -> Any:
        found = service.runner.runs[run]
        await service.runner.approve(found, who, dispatch_order=body.dispatch_order, emergency=None)
        return {}

    return approve


PLANTS: Mapping[str, Plant] = {
    f"{plant.invariant} {plant.case}".rstrip(): plant
    for plant in (
        Plant(
            invariant="I1", words="anybody's select serves anybody", owner=control.commands.desk.Desk,
            name="_operate_selected", faulty=_any_select, scene=BORROWING,
            commands=40,
        ),
        Plant(
            invariant="I2", words="a drive is turned without a rest", owner=gateway.executor.Executor, name="_reverse",
            faulty=_never_rests, scene=Scene(acts={"open_up": 50.0, "secure": 40.0}, faults={"storm": 1.0}), commands=50,
        ),
        Plant(
            invariant="I3", words="every challenge is young", owner=gateway.challenges.Challenges, name="age_s",
            faulty=always(0.0), scene=Scene(faults={"cut": 30.0, "kill": 20.0, "power": 10.0}, calm_s=1.0),
            commands=40,
        ),
        Plant(
            invariant="I4", words="accepted is called executed", owner=gateway.proof, name="_is_reached",
            faulty=always(True), scene=Scene(acts={"secure": 50.0, "open_up": 40.0}, faults={"wire": 1.0}), commands=30,
        ),
        Plant(
            invariant="I5", words="silence is called a failure", owner=gateway.transcript, name="next_state",
            faulty=_silence_is_failure, scene=Scene(faults={"wire": 1.0}, acts={"secure": 1.0, "open_up": 1.0}, calm_s=0.4, think_s=20.0), commands=20,
        ),
        Plant(
            invariant="I6", words="what is not known true lets through", owner=domain.admission, name="truth_now",
            faulty=_unknown_is_true, scene=MURKY,
        ),
        Plant(
            invariant="I7", words="local and tags stop nothing", owner=domain.admission, name="_standing",
            faulty=_nothing_stands, scene=Scene(faults={"local": 1.0}, calm_s=0.7),
        ),
        Plant(
            invariant="I8", words="one person overrides an interlock alone", owner=control.commands.overrides,
            name="objection", faulty=always(None), scene=OVERRIDING,
        ),
        Plant(
            invariant="I9", words="whoever started it may approve it", owner=control.api.plans, name="approve",
            faulty=_anybody_approves, scene=ALONE, commands=12,
        ),
        Plant(
            invariant="I9", case="own ticket", words="whoever asked for a ticket may agree to it",
            owner=control.commands.ticket, name="by_another", faulty=always(None), scene=TICKETS, commands=30,
        ),
        Plant(
            invariant="I9", case="any ticket", words="a ticket that was agreed to serves for every move",
            owner=control.commands.tickets, name="unusable", faulty=_any_ticket, scene=STRETCHING, commands=30,
        ),
        Plant(
            invariant="I10", words="an alternative runs though nothing failed", owner=control.plans.run._Outlook,
            name="_as_alternative", faulty=_alternatives_run,
            scene=Scene(acts={"run_plan": 30.0, "secure": 10.0, "open_up": 10.0}, faults={"storm": 1.0}),
            commands=12,
        ),
        Plant(
            invariant="I11", words="a cut-off moves to the other end", owner=gateway.watch.Watch, name="_move_to_safe",
            faulty=_the_other_end, scene=POISON, commands=40,
        ),
        Plant(
            invariant="I12", words="a start forgets what stood", owner=control.alarms.watch.Watch, name="load",
            faulty=_forgets, scene=Scene(faults={"kill": 5.0, "local": 10.0}, calm_s=0.5, think_s=30.0), commands=20,
        ),
        Plant(
            invariant="I13", words="a change is written without its record", owner=control.commands.reports, name="applied",
            faulty=_unwritten, commands=10,
        ),
        Plant(
            invariant="I14", words="everybody has every role", owner=control.people.roles.Person, name="has",
            faulty=always(True), scene=Scene(think_s=8.0), commands=30,
        ),
        Plant(
            invariant="I15", words="silence makes nothing stale", owner=control.live.pulse.Pulse, name="is_fresh",
            faulty=always(True), scene=Scene(faults={"cut": 1.0}, calm_s=0.7, think_s=15.0), commands=20,
        ),
        Plant(
            invariant="I16", words="a drill's signature is believed", owner=gateway.desk.Desk, name="take", faulty=_believes, scene=DRILL,
        ),
        Plant(
            invariant="I17", words="a record is acknowledged though nothing was written",
            owner=control.database.recorder.Recorder, name="begin", faulty=_as_if_written,
            scene=Scene(faults={"gone": 1.0}, calm_s=1.5),
            commands=30,
        ),
        Plant(
            invariant="I18", words="the edge compares no definitions", owner=gateway.checks, name="_authority",
            faulty=always(None), scene=EDITS,
        ),
    )
}  # fmt: skip

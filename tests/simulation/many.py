"""Plays one world by its number and judges it, in a process of its own; adds up what came of many."""

import gc
import logging
import os
import pickle
import traceback
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

import structlog

SIGNED_EVERY = 20
"""One world in so many is played with real signatures; the others with the cheap pen (tests/simulation/pens.py)."""
FAIR_EVERY = 8
"""One world in so many is a quiet watch: in the others hardly an opening comes to its end."""
OPENED = "confirmed away from safe"
"""Of the confirmed ones."""
WORLDS = 1_000_000
"""World numbers of one seed."""


@dataclass(kw_only=True)
class Result:
    """What came of one world, or of many."""

    worlds: int = 0
    commands: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    events: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    kinds: tuple[str, ...] = ()
    """Every kind of fault that there is."""
    digests: list[str] = field(default_factory=list)
    """A hash over the trace of each world: the same world gives the same."""

    def add(self, other: "Result") -> None:
        """Take another into this one."""
        self.worlds += other.worlds
        self.kinds = other.kinds
        self.commands += other.commands
        self.virtual_s += other.virtual_s
        self.cpu_s += other.cpu_s
        self.events += other.events
        self.outcomes += other.outcomes
        self.answers += other.answers
        self.faults += other.faults
        self.broken += other.broken
        self.digests += other.digests

    def missing(self) -> list[str]:
        """Return what should have happened in so many commands and did not: then the rest says less than it seems to."""
        states = ("confirmed", "expired", "failed", "preempted", "refused", "unknown", "withdrawn")
        asked = ("run", "approve", "reopen", "consent", "tag", "cancel", "select", "operate")
        found = [f"no command ended {state}" for state in (*states, OPENED) if not self.outcomes[state]]
        found += [f"nobody's {what} was accepted" for what in asked if not self.answers[f"{what}: accepted"]]
        return found + [f"the fault {kind} was never played" for kind in self.kinds if not self.faults[kind]]


def has_signatures(world: int) -> bool:
    """Whether a world is played with real signatures instead of the cheap pen."""
    return world % SIGNED_EVERY == SIGNED_EVERY - 1


def play(seed: int, world: int, *, commands: int) -> Result:
    """Play one world and judge it, in a process that ends with it: what a world leaves behind is never looked through."""
    _prepare()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as told:
                told.write(pickle.dumps(_played(seed, world, commands=commands)))
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as heard:
        said = heard.read()
    _, status = os.waitpid(child, 0)
    if status or not said:
        message = f"world {world} of seed {seed} did not come to its end: {os.waitstatus_to_exitcode(status)}"
        raise RuntimeError(message)
    found: Result = pickle.loads(said)
    return found


@cache
def _prepare() -> None:
    """Import and load what every world needs, once for all of them."""
    # A log line for each of a million commands tells nobody anything; set before the services bind their loggers.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for module in ("checker", "weather", "world"):
        import_module(f"tests.simulation.{module}")
    from tests.simulation.small_park import small_park

    small_park()
    gc.collect()
    gc.freeze()


def _played(seed: int, world: int, *, commands: int) -> Result:
    from tests.simulation.checker import violations
    from tests.simulation.weather import FAULTS
    from tests.simulation.world import simulate

    begun_s = os.times().user + os.times().system
    run = simulate(
        seed * WORLDS + world,
        commands=commands,
        is_signed=has_signatures(world),
        is_fair=world % FAIR_EVERY == 2,
        is_last=True,
    )
    found = [f"world {world}: {item}" for item in violations(run.trace)]
    found += [f"world {world}: a process ended itself: {error!r}" for error in run.bugs]
    if found:
        found.append(
            f"replay: python -m tests.simulation --seed {seed} --world {world} --per-world {commands}"
        )
    return Result(
        worlds=1,
        commands=run.commands,
        virtual_s=run.lasted_s,
        cpu_s=os.times().user + os.times().system - begun_s,
        events=len(run.trace.events),
        outcomes=Counter(run.outcomes),
        answers=Counter(run.answers),
        faults=Counter(run.faults),
        broken=found,
        digests=[run.trace.digest()],
        kinds=tuple(FAULTS),
    )

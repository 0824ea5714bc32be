"""Plays many worlds side by side and judges each: `python -m tests.simulation --commands N --seed S`; no violation, exit status 0.

A world has its own number, from which all its chance follows; a violation is printed with the line that plays that world again.
"""

import argparse
import hashlib
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from benchmarks.machine import this_machine
from runtime.clock import RealClock
from tests.simulation.many import SIGNED_EVERY, Result, has_signatures, play

TELLING = 20_000
"""In so many commands everything that can happen should have."""
PER_WORLD = 1_000
"""Commands of one world: enough for some hundred faults, few enough that a trace fits into memory beside others."""


def main() -> int:
    """Play, say what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", type=int, help="play this world alone, again")
    parser.add_argument(
        "--first", type=int, default=0, help="begin with this world: the rest of a run that was stopped"
    )
    parser.add_argument("--per-world", type=int, default=PER_WORLD, help="commands of one world")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of texts follows this: a replay in another process must see the same.
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    print(f"machine: {this_machine()}; seed {asked.seed}", flush=True)
    began_s = RealClock().monotonic()
    count = -(-asked.commands // asked.per_world)
    worlds = [asked.world] if asked.world is not None else list(range(asked.first, asked.first + count))
    total = _all(worlds, partial(play, asked.seed, commands=asked.per_world), jobs=asked.jobs)
    if total.commands >= TELLING:
        total.broken += total.missing()
    _say(total, wall_s=RealClock().monotonic() - began_s)
    return 1 if total.broken else 0


def _all(worlds: list[int], doing: "partial[Result]", *, jobs: int) -> Result:
    total = Result()
    # A world with real signatures takes longest: begun last, it would keep one core busy alone.
    order = sorted(worlds, key=lambda world: (world // SIGNED_EVERY, not has_signatures(world)))
    with ProcessPoolExecutor(max_workers=min(jobs, len(worlds)), mp_context=get_context("spawn")) as pool:
        playing = {world: pool.submit(doing, world) for world in order}
        for number, world in enumerate(worlds, 1):
            found = playing.pop(world).result()
            total.add(found)
            for line in found.broken:
                print(line, flush=True)
            if number % 50 == 0:
                print(
                    f"… {number} worlds, {total.commands} commands, {len(total.broken)} lines of violations",
                    flush=True,
                )
    return total


def _say(total: Result, *, wall_s: float) -> None:
    from tests.simulation.checker import CHECKS

    per_command_ms = 1000 * total.cpu_s / max(1, total.commands)
    print(f"worlds: {total.worlds}, commands: {total.commands}, events: {total.events}")
    print(
        f"virtual time: {total.virtual_s / 3600:.2f} h; wall {wall_s:.0f} s; CPU {per_command_ms:.2f} ms a command"
    )
    for name, counts in (("outcomes", total.outcomes), ("answers", total.answers), ("faults", total.faults)):
        print(f"{name}: " + ", ".join(f"{key} {counts[key]}" for key in sorted(counts)))
    print(f"checks: {', '.join(CHECKS)}; the invariants I1 to I18 in each world")
    print(f"trace: {hashlib.sha256(''.join(total.digests).encode()).hexdigest()}")
    for line in total.broken:
        print(line)
    print("no invariant was broken" if not total.broken else "BROKEN")


if __name__ == "__main__":
    sys.exit(main())

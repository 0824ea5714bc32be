"""`make bench`: one command, one table. Names given as arguments pick measurements."""

import platform
import sys

from benchmarks import conditions, journalling, telegrams

MEASUREMENTS = {
    "telegrams": telegrams.measure,
    "conditions": conditions.measure,
    "journalling": journalling.measure,
}


def main() -> int:
    picked = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := set(picked) - set(MEASUREMENTS):
        print(
            f"no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}",
            file=sys.stderr,
        )
        return 2
    print(f"Python {platform.python_version()}, {platform.machine()}; best of 5 rounds, one process")
    for name in picked:
        for figure in MEASUREMENTS[name]():
            print(f"{figure.name:24} {figure.value:10.2f} {figure.unit:10} {figure.of}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

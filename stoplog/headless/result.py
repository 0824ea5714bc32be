"""What a headless run found, as a JSON file and as a table; decides from it whether the run passed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

LINES = ("plant", "park", "river")
"""Past the enterprise's outlet, past the park's sluices and pump, into the river."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the scenario asks of a run."""

    spilled_kg_min: float
    baseline_park_kg_min: float
    """What must have gone past the park with nobody acting, or the scenario proves nothing."""
    kept_share_min: float
    """Share of that which the closure must keep back, 0–1."""


@dataclass(slots=True, kw_only=True)
class Result:
    """One run; kilograms of pollutant as COD, seconds of model time unless said otherwise."""

    scenario: str
    seed: int
    spilled_kg: float
    escaped_kg: Mapping[str, float]
    baseline_kg: Mapping[str, float]
    held_kg: Mapping[str, float]
    """By pool."""
    spill_to_alarm_s: float | None
    alarm_to_closed_s: float | None
    """From the alarm to the last proof of the enterprise's plan; None: not closed."""
    alarm_to_park_closed_s: float | None
    speed_asked: float
    speed_reached: float
    wall_s: float
    samples: Mapping[str, int]
    audit: Mapping[str, int | bool]
    restarts: int
    problems: list[str] = field(default_factory=list)
    """Why the run did not pass; empty when it did."""

    @property
    def kept_share(self) -> float:
        """Share of what nobody acting lets past the park that this run kept back; 0 when that is nothing."""
        baseline = self.baseline_kg["park"]
        return 1.0 - self.escaped_kg["park"] / baseline if baseline > 0 else 0.0

    def as_dict(self) -> dict[str, object]:
        """Return the form of `--json`."""
        return {**asdict(self), "kept_share": round(self.kept_share, 4), "passed": not self.problems}


def judge(result: Result, expected: Expectation) -> list[str]:
    """Return what the run failed to do."""
    problems = []
    if result.spilled_kg < expected.spilled_kg_min:
        problems.append(f"only {result.spilled_kg:.1f} kg were spilled, {expected.spilled_kg_min:.0f} asked")
    if result.baseline_kg["park"] < expected.baseline_park_kg_min:
        problems.append(
            f"with nobody acting only {result.baseline_kg['park']:.1f} kg pass the park: nothing is proved"
        )
    if result.kept_share < expected.kept_share_min:
        problems.append(
            f"kept back {result.kept_share:.1%} of what would have passed the park, {expected.kept_share_min:.0%} asked"
        )
    if result.alarm_to_closed_s is None:
        problems.append("the enterprise was not closed with proof")
    if not result.audit["verified"]:
        problems.append("the audit log does not verify")
    return problems


def table(result: Result) -> str:
    """Return the result for a terminal."""
    rows = [
        ("kg past", *LINES),
        ("nobody acting", *_kg(result.baseline_kg)),
        ("this run", *_kg(result.escaped_kg)),
    ]
    lines = ["", *("  " + "".join(f"{cell:>16}" for cell in row) for row in rows), ""]
    facts: Sequence[tuple[str, str]] = (
        (
            "spilled",
            f"{result.spilled_kg:.1f} kg, {result.kept_share:.1%} of what would have passed the park kept back",
        ),
        ("spill → alarm", _seconds(result.spill_to_alarm_s)),
        ("alarm → enterprise closed, proved", _seconds(result.alarm_to_closed_s)),
        ("alarm → park closed, proved", _seconds(result.alarm_to_park_closed_s)),
        (
            "speed",
            f"{result.speed_reached:.1f} of {result.speed_asked:.0f} asked; {result.wall_s:.0f} s on the wall",
        ),
        ("samples", ", ".join(f"{count} {name}" for name, count in result.samples.items())),
        (
            "audit",
            f"{result.audit['records']} records, {'verified' if result.audit['verified'] else 'NOT VERIFIED'}",
        ),
    )
    lines += [f"  {name:<36}{value}" for name, value in facts]
    lines += [f"  ✗ {problem}" for problem in result.problems] or ["  ✓ passed"]
    return "\n".join(lines)


def _kg(ledger: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{ledger[line]:.2f}" for line in LINES)


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f} s of model time"

"""Says how many mutants each module's tests killed, and which survived for what reason; runs nothing."""

import os
import platform
import subprocess
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from runtime.clock import RealClock
from tests.mutation.modules import ROOT
from tests.mutation.pool import End
from tests.mutation.run import Result

REASONS = Path(__file__).with_name("survivors.toml")
PAGE = ROOT / "docs" / "mutation.md"
BEGIN, FINISH = "<!-- made by python -m tests.mutation --keep -->\n", "<!-- end of what is made -->\n"
ADVICE = "no reason given in tests/mutation/survivors.toml"


@dataclass(frozen=True)
class Reason:
    """Why some mutants may live."""

    module: str
    mutant: str
    is_equivalent: bool
    words: str

    def covers(self, result: Result) -> bool:
        return fnmatchcase(result.module, self.module) and fnmatchcase(result.mutant, self.mutant)


def reasons(text: str) -> list[Reason]:
    """Read the reasons; brackets mean themselves in a pattern, since mutants are full of them."""
    return [
        Reason(
            module=item["module"],
            mutant=item["mutant"].replace("[", "[[]"),
            is_equivalent=item.get("equivalent", False),
            words=item["reason"],
        )
        for item in tomllib.loads(text)["survivor"]
    ]


@dataclass(frozen=True)
class Count:
    """Mutants of a module, or of all."""

    killed: int
    survived: int
    timeout: int
    equivalent: int

    @property
    def share(self) -> float:
        """Killed, or ended by time, of all that are not equivalent."""
        of = self.killed + self.timeout + self.survived
        return (self.killed + self.timeout) / of if of else 1.0


class Report:
    """The ends of a run's mutants."""

    def __init__(self, results: Sequence[Result], reasons_text: str | None = None) -> None:
        self._results = [result for result in results if result.end is not End.SAME]
        self._reasons = reasons(REASONS.read_text(encoding="utf-8") if reasons_text is None else reasons_text)

    @property
    def share(self) -> float:
        return self.total.share

    @cached_property
    def total(self) -> Count:
        return self._count(self._results)

    def table(self) -> str:
        """Return the table of modules and its total."""
        by_module: dict[str, list[Result]] = defaultdict(list)
        for result in self._results:
            by_module[result.module].append(result)
        lines = [
            "| module | killed | survived | timeout | equivalent | share |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        lines += [_row(name, self._count(results)) for name, results in sorted(by_module.items())]
        return "\n".join([*lines, _row("**total**", self.total)])

    def runs(self) -> str:
        """Say when each mutant was made, and at which commit."""
        count = Counter(result.run for result in self._results)
        return "Made on " + ", ".join(f"{run} ({count[run]} mutants)" for run in sorted(count))

    def survivors(self) -> str:
        """Return every mutant that survived, with its reason."""
        return "\n".join(
            f"{result.module}:{result.line} {result.mutant} ({self._words(result)})"
            for result in self._alive()
        )

    def groups(self) -> str:
        """Return the reasons, with the mutants that each covers."""
        found: dict[str, list[Result]] = defaultdict(list)
        for result in self._alive():
            found[self._words(result)].append(result)
        lines = []
        for words, results in sorted(found.items(), key=lambda item: -len(item[1])):
            lines += [f"* **{len(results)}: {words}**"]
            lines += [f"  * `{result.module}` {_code(result.mutant)}" for result in results]
        return "\n".join(lines)

    def _alive(self) -> Iterable[Result]:
        return (result for result in self._results if result.end is End.SURVIVED)

    def _reason(self, result: Result) -> Reason | None:
        return next((reason for reason in self._reasons if reason.covers(result)), None)

    def _words(self, result: Result) -> str:
        reason = self._reason(result)
        if reason is None:
            return ADVICE
        return f"equivalent: {reason.words}" if reason.is_equivalent else reason.words

    def _count(self, results: Iterable[Result]) -> Count:
        count = {"killed": 0, "survived": 0, "timeout": 0, "equivalent": 0}
        for result in results:
            reason = self._reason(result) if result.end is End.SURVIVED else None
            count["equivalent" if reason is not None and reason.is_equivalent else str(result.end)] += 1
        return Count(**count)


def keep(report: Report, *, workers: int, drawn: str) -> None:
    """Write what was found between the page's marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(FINISH, 1)
    head = f"{report.runs()}; {_machine()}, {workers} workers, Python {platform.python_version()}. {drawn}"
    made = f"{head}\n\n{report.table()}\n\n### Survivors\n\n{report.groups()}"
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{FINISH}{after}", encoding="utf-8")


def _row(name: str, count: Count) -> str:
    shown = f"{count.killed} | {count.survived} | {count.timeout} | {count.equivalent} | {count.share:.1%}"
    return f"| {name} | {shown} |"


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def this_run() -> str:
    """Say when and at which commit."""
    return f"{datetime.fromtimestamp(RealClock().now_ms() / 1000, UTC):%Y-%m-%d} at commit {_commit()}"


def _commit() -> str:
    """Name the commit, and say when what was run is not all in it."""
    number = _git("rev-parse", "--short", "HEAD") or "unknown"
    return f"{number} and later changes" if _git("status", "--porcelain", "--", "*.py") else number


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _machine() -> str:
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
        if line.startswith("model name")
    ]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}"

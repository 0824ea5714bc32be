"""`stoplog verify` proves the demonstration park, and of each park with a planted fault it tells the right story."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationError
from runtime.parkfiles.loading import load_park
from runtime.parkfiles.properties import load_properties
from stoplog.verify.app import run_verify
from stoplog.verify.cuts import check_cuts
from stoplog.verify.finding import Finding, Verdict
from stoplog.verify.locks import check_locks
from stoplog.verify.plans import check_plans
from stoplog.verify.promises import prove
from stoplog.verify.rules import check_rules

PARK = Path("parks/lingang")
Edit = Callable[[str, str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PARK, tmp_path / "park"))


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replace text in one of the park's files; it must be there exactly once."""

    def replace(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old, text.count(old))
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return replace


@dataclass(frozen=True, slots=True)
class Run:
    """What one run over the demonstration park printed and wrote."""

    status: int
    printed: str
    found: Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    report, said = tmp_path_factory.mktemp("verify") / "report.json", io.StringIO()
    with contextlib.redirect_stdout(said):
        status = run_verify(PARK, report=report, is_brief=True)
    written = json.loads(report.read_text(encoding="utf-8"))
    return Run(status, said.getvalue(), {item["check"]: item for item in written})


def one(folder: Path, check: str) -> Finding:
    """Return one finding; later checks are not made."""
    park = load_park(folder)
    promises = [item for item in load_properties(folder, park) if item.id == check]
    checks = (
        map(partial(prove, park=park), promises),
        check_locks(park),
        check_plans(park),
        check_rules(park),
    )
    return next(item for item in chain(*checks, check_cuts(park)) if item.check == check)


def story(folder: Path, check: str) -> str:
    """Return the English story of a check that must be broken."""
    found = one(folder, check)
    assert found.verdict is Verdict.BROKEN, found
    return " | ".join(words.en for words in found.story)


def lock(folder: Path, actuator: str, key: str) -> str:
    """Return the line of an interlock."""
    text = (folder / "interlocks.yaml").read_text(encoding="utf-8")
    after = text.split(f"\n  {actuator}:\n", 1)[1]
    return next(line for line in after.splitlines() if f"id: {key}," in line)


def relax(folder: Path, actuator: str, key: str, old: str, new: str) -> None:
    """Change the condition of one interlock of one actuator."""
    path = folder / "interlocks.yaml"
    text = path.read_text(encoding="utf-8")
    head, tail = text.split(f"\n  {actuator}:\n", 1)
    line = lock(folder, actuator, key)
    assert old in line
    path.write_text(
        f"{head}\n  {actuator}:\n{tail.replace(line, line.replace(old, new), 1)}", encoding="utf-8"
    )


class TestTheDemonstrationPark:
    def test_every_property_is_proved_with_method_bound_and_witness(self, run: Run) -> None:
        assert run.status == 0
        assert {key: item["story"] for key, item in run.found.items() if item["verdict"] != "proved"} == {}
        assert all(
            item["method"]["zh"] and item["bound"]["en"] and item["witness"] for item in run.found.values()
        )

    def test_each_enterprise_is_contained_and_needs_the_interlocks_it_names(self, run: Run) -> None:
        for key in load_park(PARK).enterprises:
            assert run.found[f"{key}_contained"]["relies_on"] == [
                f"{key}_{gate}/{name}"
                for gate in ("outlet", "diversion")
                for name in ("fast_quality", "slow_quality")
            ]

    def test_it_prints_a_summary(self, run: Run) -> None:
        assert f"{len(run.found)} checks, {len(run.found)} proved, 0 not" in run.printed


class TestParksWithAFault:
    def test_a_limit_too_high_lets_an_outlet_open_in_an_accident(self, folder: Path) -> None:
        relax(folder, "hc_outlet", "fast_quality", "<= 900 * uS_cm", "<= 9000 * uS_cm")
        told = story(folder, "hc_contained")
        assert "commands Hengchuan rain outlet to open" in told
        assert "conductivity" in told

    def test_a_reversed_comparison_lets_acid_pass(self, folder: Path) -> None:
        relax(folder, "ly_outlet", "fast_quality", "ly_analyser.ph >= 6", "ly_analyser.ph <= 6")
        assert "commands Lanyuan rain outlet to open" in story(folder, "ly_contained")

    def test_interlocks_that_only_look_at_positions_lose_a_race(self, folder: Path) -> None:
        path = folder / "interlocks.yaml"
        text = path.read_text(encoding="utf-8")
        for gate, other in (
            ("qs_outlet", "not qs_diversion.closed"),
            ("qs_diversion", "not qs_outlet.opened"),
        ):
            for key in ("fast_quality", "slow_quality"):
                line = lock(folder, gate, key)
                head, tail = text.split(f"\n  {gate}:\n", 1)
                words = "words: {zh: 位置, en: position}"
                text = f"{head}\n  {gate}:\n" + tail.replace(
                    line, f'      - {{id: {key}, when: "{other}", {words}}}', 1
                )
                path.write_text(text, encoding="utf-8")
        assert "is being executed" in story(folder, "qs_contained")

    def test_an_interlock_beyond_the_range_of_its_instrument_can_never_be_met(self, folder: Path) -> None:
        relax(folder, "net_pump", "not_dry", ">= 0.3 * m", ">= 300 * m")
        assert "not_dry cannot be met" in story(folder, "net_pump interlocks")

    def test_a_looser_copy_of_an_interlock_is_shadowed(self, folder: Path) -> None:
        line = lock(folder, "bh_outlet", "pool_margin")
        copy = line.replace("pool_margin", "pool_looser").replace("<= 4.5", "<= 4.8")
        path = folder / "interlocks.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(line, f"{line}\n{copy}"), encoding="utf-8")
        assert "pool_looser is shadowed" in story(folder, "bh_outlet interlocks")

    def test_an_inhibit_that_always_blocks_is_found(self, folder: Path) -> None:
        relax(folder, "dc_diversion", "pool_full", ">= 4.9 * m", ">= -1 * m")
        assert "always blocks" in story(folder, "dc_diversion interlocks")

    def test_an_inhibit_that_waits_lets_through_meanwhile(self, folder: Path) -> None:
        flood = "river_sluice_1.level_up >= 4.8 * m"
        relax(folder, "river_sluice_1", "flood", flood, f"held({flood}, 30 * s)")
        told = story(folder, "river_sluice_1_flood")
        assert "commands river sluice 1 to close" in told
        assert f"held({flood}, 30 * s) is not known to hold" in told

    def test_a_permit_that_waits_is_as_good_as_one_that_does_not(self, folder: Path) -> None:
        quality = "hc_analyser.cod <= 100 * mg_L and hc_analyser.nh3n <= 15 * mg_L"
        for gate in ("hc_outlet", "hc_diversion"):
            relax(folder, gate, "slow_quality", quality, f"held({quality}, 10 * min)")
        assert one(folder, "hc_contained").verdict is Verdict.PROVED

    def test_counting_too_few_lets_an_accident_pass(self, folder: Path) -> None:
        relax(
            folder,
            "hc_outlet",
            "slow_quality",
            "hc_analyser.cod <= 100 * mg_L and hc_analyser.nh3n <= 15 * mg_L",
            "count(1, hc_analyser.cod <= 100 * mg_L, hc_analyser.nh3n <= 15 * mg_L)",
        )
        assert "commands Hengchuan rain outlet to open" in story(folder, "hc_contained")

    def test_a_rate_beyond_what_the_range_allows_can_never_be(self, folder: Path) -> None:
        relax(folder, "river_sluice_2", "calm", "<= 3 * m / h", "<= -9000 * m / h")
        assert "calm cannot be met" in story(folder, "river_sluice_2 interlocks")

    def test_a_plan_whose_steps_wait_for_each_other_deadlocks(self, folder: Path, edit: Edit) -> None:
        relax(folder, "hc_diversion", "pool_full", "hc_pool.level >= 4.9 * m", "not hc_outlet.closed")
        edit(
            "plans.yaml",
            "- {id: outlet, actuator: hc_outlet, action: close, on_failure: alternative, alternative: trunk}\n"
            "      - {id: diversion, actuator: hc_diversion, action: open}\n"
            "      - {id: bund, actuator: hc_bund, action: close}\n"
            "      - {id: sewage, actuator: hc_sewage, action: close}\n"
            "      - {id: trunk, actuator: net_sluice_1, action: close}\n"
            "  close_ly:",
            "- {id: outlet, actuator: hc_outlet, action: close, after: [diversion]}\n"
            "      - {id: diversion, actuator: hc_diversion, action: open}\n"
            "  close_ly:",
        )
        told = story(folder, "close_hc runs to its end")
        assert "outlet (Hengchuan rain outlet) waits for diversion" in told
        assert "diversion (Hengchuan diversion valve) is never let through" in told

    def test_a_pipe_past_every_gate_leaves_an_enterprise_without_a_cut(
        self, folder: Path, edit: Edit
    ) -> None:
        edit(
            "facilities.yaml",
            "[hc_bund, hc_firstflush, hc_sewage]",
            "[hc_bund, hc_firstflush, hc_sewage, net_n1]",
        )
        assert story(folder, "hc enterprise cut").startswith("Hengchuan risk unit → storm node 1")

    def test_a_premise_that_cannot_be_is_vacuous(self, folder: Path, edit: Edit) -> None:
        edit("properties.yaml", "net_n6.level < 0.3 * m", "net_n6.level < -99 * m")
        assert one(folder, "net_pump_wet").verdict is Verdict.VACUOUS

    def test_an_interlock_named_in_vain_is_vacuous(self, folder: Path, edit: Edit) -> None:
        edit("properties.yaml", "[hc_outlet/fast_quality,", "[hc_outlet/pool_margin, hc_outlet/fast_quality,")
        found = one(folder, "hc_contained")
        assert found.verdict is Verdict.VACUOUS
        assert "hc_outlet/pool_margin" in found.story[0].en

    def test_inhibits_that_shut_in_an_accident_are_found(self, folder: Path) -> None:
        relax(
            folder,
            "ml_diversion",
            "pool_full",
            "ml_pool.level >= 4.9 * m",
            "ml_analyser.conductivity > 1125 * uS_cm",
        )
        path = folder / "interlocks.yaml"
        inhibit = '    inhibits:\n      - {id: wrong, when: "ml_analyser.conductivity > 1125 * uS_cm", words: {zh: 错, en: wrong}}\n'
        text = path.read_text(encoding="utf-8").replace("\n  ml_outlet:\n", f"\n  ml_outlet:\n{inhibit}", 1)
        path.write_text(text, encoding="utf-8")
        assert "every move toward safe is blocked" in story(folder, "ml_contained")

    def test_a_cut_off_that_moves_a_gate_nobody_commissioned_is_found(self, folder: Path) -> None:
        path = folder / "commissioning.yaml"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "  hc_outlet:" not in line), encoding="utf-8")
        assert "is not commissioned" in story(folder, "hc_acid cut-off")


class TestTheFileOfProperties:
    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("hc_outlet/fast_quality,", "hc_outlet/fast,", "there is no interlock `hc_outlet/fast`"),
            ('never: "net_pump.running"', 'never: "net_pump.runing"', "there is no point `net_pump.runing`"),
            ('never: "net_pump.running"', 'never: "net_n6.level < 3 * m"', "no actuator is in it"),
            ("net_n6.level < 0.3 * m", "net_n6.level < 0.3", "combines"),
            ("net_n6.level < 0.3 * m", "held(net_n6.level < 0.3 * m, 30 * s)", "speaks of the past"),
            ('never: "net_pump.running"', 'nevr: "net_pump.running"', "did you mean `never`?"),
        ],
    )
    def test_what_is_wrong_is_said_with_file_line_and_remedy(
        self, folder: Path, edit: Edit, old: str, new: str, words: str
    ) -> None:
        edit("properties.yaml", old, new)
        with pytest.raises(ConfigurationError) as error:
            load_properties(folder, load_park(folder))
        assert words in str(error.value)
        assert "properties.yaml:" in str(error.value)

    def test_a_park_that_states_nothing_is_not_verified(self, folder: Path) -> None:
        (folder / "properties.yaml").unlink()
        with pytest.raises(ConfigurationError, match="states no safety property"):
            run_verify(folder)

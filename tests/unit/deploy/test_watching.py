"""Prometheus' rules and Grafana's board: valid, tried on made-up series, and over metrics that the services do make."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy/prometheus"
GRAFANA = ROOT / "dashboards/grafana"
SERVICES = ("gateway", "ingest", "control", "runtime", "stores")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool is missing: `make test` installs it"
    return subprocess.run(
        [program, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")],
    ids=["check", "test"],
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    result = promtool(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for group in load(PROMETHEUS / "rules.yml")["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads((GRAFANA / "boards/health.json").read_text("utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_every_rule_is_tried_and_speaks_both_languages() -> None:
    tried = {
        case["alertname"]
        for test in load(PROMETHEUS / "rules_test.yml")["tests"]
        for case in test["alert_rule_test"]
    }
    assert {rule["alert"] for rule in rules()} == tried
    assert not [rule["alert"] for rule in rules() if set(rule["annotations"]) != {"summary", "zh"}]


def made_metrics() -> set[str]:
    """Names of the metrics that the services' sources make, as Prometheus sees them."""
    suffixes = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_count", "_sum")}
    made = set()
    for path in (path for folder in SERVICES for path in (ROOT / folder).rglob("*.py")):
        text = path.read_text("utf-8")
        named = re.findall(r'(Counter|Gauge|Histogram)(?:MetricFamily)?\(\s*"(stoplog_\w+)"', text)
        # Shown by the gateway's own functions.
        named += [
            (kind.title(), name) for kind, name in re.findall(r'\.(gauge|counter)\(\s*"(stoplog_\w+)"', text)
        ]
        # Several of one kind, made by a local function from a common beginning.
        for kind, beginning in re.findall(r'(Counter|Gauge|Histogram)\(f"(stoplog_\w+)\{name\}"', text):
            named += [(kind, beginning + name) for name in re.findall(rf'\b{kind.lower()}\(\s*"(\w+)"', text)]
        made |= {name.removesuffix("_total") + suffix for kind, name in named for suffix in suffixes[kind]}
    return made


def test_rules_and_board_name_metrics_that_are_made() -> None:
    expressions = [rule["expr"] for rule in rules()]
    expressions += [target["expr"] for panel in panels() for target in panel["targets"]]
    used = {name for expression in expressions for name in re.findall(r"\bstoplog_\w+", expression)}
    assert used
    assert used - made_metrics() == set()


def test_every_panel_asks_the_provisioned_source() -> None:
    source = load(GRAFANA / "provisioning/datasources/prometheus.yaml")["datasources"][0]["uid"]
    asked = {panel["datasource"]["uid"] for panel in panels()}
    asked |= {target["datasource"]["uid"] for panel in panels() for target in panel["targets"]}
    assert asked == {source}


def test_the_board_covers_every_service() -> None:
    board = json.loads((GRAFANA / "boards/health.json").read_text("utf-8"))
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert [title.split(" · ")[1] for title in rows] == ["Parts", "Gateways", "Ingest", "Control"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_expressions_of_the_board_are_promql(tmp_path: Path) -> None:
    """Each expression as a recording rule, which promtool parses."""
    recorded = [
        {"record": f"board:{number}", "expr": target["expr"]}
        for number, target in enumerate(target for panel in panels() for target in panel["targets"])
    ]
    path = tmp_path / "board.json"
    path.write_text(json.dumps({"groups": [{"name": "board", "rules": recorded}]}))
    result = promtool("check", "rules", str(path))
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_scraped_target_is_a_container() -> None:
    services = load(ROOT / "docker-compose.yml")["services"]
    targets = [
        target
        for job in load(PROMETHEUS / "prometheus.yml")["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    assert not [target for target in targets if target.split(":")[0] not in services]

"""The settings in deploy/ are what the services read: each passes the model of its service."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from control.settings import ControlSettings
from gateway.settings import GatewaySettings
from ingest.settings import IngestSettings
from runtime.settings import read_settings

ROOT = Path(__file__).parents[3]
MODELS: dict[str, type[BaseModel]] = {
    "control": ControlSettings,
    "gw_east": GatewaySettings,
    "gw_west": GatewaySettings,
    "ingest": IngestSettings,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_service_reads_its_settings(name: str) -> None:
    read_settings(ROOT / f"deploy/settings/{name}.toml", MODELS[name])


def test_there_are_settings_for_each() -> None:
    assert {path.stem for path in (ROOT / "deploy/settings").glob("*.toml")} == set(MODELS)

"""docker-compose.yml is valid by the Compose schema, and whatever it names in this tree exists.

No container engine runs here: that the images start is not shown.
"""

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema.validators import validator_for
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
OURS = {"gw_east", "gw_west", "ingest", "control"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    # Compose's `<<` is YAML 1.1's merge key, which ruamel.yaml reads in its safe mode.
    loaded = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The Compose specification's schema, Apache-2.0, as check-jsonschema carries it."""
    text = (files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_it_is_valid_by_the_schema(compose: dict[str, Any], schema: dict[str, Any]) -> None:
    validator = validator_for(schema, default=Draft7Validator)(schema)
    assert not [f"{error.json_path}: {error.message}" for error in validator.iter_errors(compose)]


def test_the_schema_does_bite(compose: dict[str, Any], schema: dict[str, Any]) -> None:
    validator = validator_for(schema, default=Draft7Validator)(schema)
    broken = compose | {"services": compose["services"] | {"ingest": {"image": "x", "volumen": []}}}
    assert list(validator.iter_errors(broken))


def test_every_part_of_a_park_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert OURS | {"broker", "victoria-metrics", "prometheus", "grafana", "influxdb2"} <= set(services)
    assert services["influxdb2"]["profiles"] == ["influxdb2"]
    assert [name for name, service in services.items() if "profiles" in service] == ["influxdb2"]


def test_mounts_name_what_exists(compose: dict[str, Any]) -> None:
    used = set()
    for name, service in compose["services"].items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), f"{name}: {source}"
            else:
                used.add(source)
    assert used == set(compose["volumes"])


def test_dependencies_are_services(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])


@pytest.mark.parametrize("name", sorted(OURS))
def test_settings_name_what_the_container_holds(compose: dict[str, Any], name: str) -> None:
    """Every absolute path in a service's settings lies under one of its mounts."""
    service = compose["services"][name]
    targets = [mount.split(":")[1] for mount in service["volumes"]]
    source = next(
        mount.split(":")[0] for mount in service["volumes"] if ":/etc/stoplog/settings.toml" in mount
    )
    text = (ROOT / source).read_text("utf-8")
    said = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    paths = re.findall(r'"(?:sqlite:///)?(/[^"]+)"', said)
    assert paths
    assert not [path for path in paths if not any(path.startswith(target) for target in targets)]
    settings = tomllib.loads(text)
    assert settings["broker"]["host"] in compose["services"]
    assert (ROOT / "parks" / Path(settings["park"]).name).is_dir()


@pytest.mark.parametrize("name", sorted(OURS))
def test_an_image_installs_its_own_lock(compose: dict[str, Any], name: str) -> None:
    part = compose["services"][name]["build"]["args"]["SERVICE"]
    assert (ROOT / "requirements" / f"{part}.txt").exists()
    assert compose["services"][name]["command"][0] == part


def test_the_image_recipe_copies_what_exists() -> None:
    recipe = (ROOT / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", recipe, re.MULTILINE)
    names = [name for line in copied for name in line.split() if "${" not in name]
    assert names
    assert not [name for name in names if not (ROOT / name).exists()]


def test_nothing_listens_to_the_whole_network(compose: dict[str, Any]) -> None:
    """A plain-text port leaves this host only through a proxy of the site's."""
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert not [port for port in ports if not port.startswith("127.0.0.1:")]

"""The OpenAPI document that lies in the tree is the one that the application describes."""

import json
from pathlib import Path

from control.api.application import application
from control.api.rules import RULES

DOCUMENT = Path(__file__).parents[3] / "docs" / "protocols" / "openapi.json"


def test_the_document_is_up_to_date() -> None:
    assert json.loads(DOCUMENT.read_text("utf-8")) == application(None).openapi(), (
        "write it anew: python -m control.api.schema docs/protocols/openapi.json"
    )


def test_it_names_every_route_for_people() -> None:
    paths = json.loads(DOCUMENT.read_text("utf-8"))["paths"]
    named = {
        (method.upper(), path.removeprefix("/api/v1")) for path, item in paths.items() for method in item
    }
    health = {("GET", f"/health/{word}") for word in ("live", "ready", "leading")}
    hidden = {("WS", "/live"), ("GET", "/metrics"), *health}
    assert named == set(RULES) - hidden

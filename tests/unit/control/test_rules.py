"""Every route has a rule, every rule a route; and the rules say what the roles may do."""

import re
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from control.api.application import application
from control.api.guard import PREFIX
from control.api.matrix import table
from control.api.rules import NOT_CONFINED, RULES, Area
from control.people.roles import Role

PUBLIC_ROUTES = {
    ("GET", "/setup"), ("POST", "/setup"), ("POST", "/session"), ("POST", "/session/link"),
    ("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/health/leading"),
    ("GET", "/metrics"), ("GET", "/session/oidc"), ("GET", "/session/oidc/callback"),
}  # fmt: skip


DOCUMENT = Path(__file__).parents[3] / "docs" / "protocols" / "routes.md"


def routes() -> set[tuple[str, str]]:
    """Every route of the application but the console's files."""
    found = set()
    for context in iter_route_contexts(application(None).routes):
        if not context.path or context.path == "/":
            continue
        for method in context.methods or {"WS"}:
            found.add((method, context.path.removeprefix(PREFIX)))
    return found


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    assert routes() == set(RULES)


def test_only_what_must_be_public_is() -> None:
    assert {key for key, rule in RULES.items() if rule.roles is None} == PUBLIC_ROUTES
    assert {key for key, rule in RULES.items() if not rule.needs_csrf} == {
        key for key in PUBLIC_ROUTES if key[0] == "POST"
    }


@pytest.mark.parametrize("key", [key for key in sorted(RULES) if "{" in key[1]])
def test_a_route_with_an_id_is_held_against_an_area(key: tuple[str, str]) -> None:
    assert RULES[key].area not in {Area.NONE, Area.FILTERED}
    name = re.findall(r"{(\w+)}", key[1])[0]
    assert RULES[key].area.value in {name, "command", "reopening"}


def test_a_confined_person_gets_nothing_of_the_whole_park() -> None:
    enterprise = {
        key for key, rule in RULES.items() if rule.roles is not None and Role.ENTERPRISE in rule.roles
    }
    own_session = {key for key, rule in RULES.items() if rule.is_for_people and key[1].startswith("/session")}
    for key in enterprise - own_session:
        assert RULES[key].area is not Area.NONE, key
    people = {Area.NONE, Area.USER, Area.TOKEN, Area.REOPENING}
    whole = {key for key, rule in RULES.items() if rule.area in people and rule.roles is not None}
    assert whole - own_session == set(NOT_CONFINED)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.SYSTEM])
def test_who_only_looks_moves_nothing(role: Role) -> None:
    writes = {key for key, rule in RULES.items() if key[0] not in {"GET", "WS"} and rule.roles is not None}
    may = {key for key in writes if role in (RULES[key].roles or ())}
    assert all(RULES[key].is_for_people and key[1].startswith("/session") for key in may), may


def test_the_table_for_people_is_what_the_service_obeys() -> None:
    """Who loosens a rule changes a line that a reviewer reads."""
    assert DOCUMENT.read_text("utf-8") == table(), (
        "look at the difference, then: python -m control.api.matrix docs/protocols/routes.md"
    )

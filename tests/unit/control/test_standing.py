"""How well a person has proved who they are, and for what that is enough: every standing x every way and route."""

import pytest

from control.api.rules import FRESH, FROM_LOCKED, HEARS_PIN, RULES, WITH_PIN, may_grant, needs_of
from control.commands.gate import MAY_OPEN
from control.people.roles import POSITION, Role
from control.people.standing import FRESH_MS, Due, Needs, Standing, lacking, standing_of
from control.people.standing import needs_of as needs_of_way
from domain.admission import Direction
from domain.refusal import Code
from tests.unit.control.world import person

LOCKED = {Standing.LOCKED, Standing.NO_PIN, Standing.PIN_WRONG, Standing.PIN_VOID}
MAY_CLOSE = set(Standing) - LOCKED


@pytest.mark.parametrize("standing", Standing)
def test_stop_asks_for_nothing_a_closure_for_a_pin_an_opening_for_a_fresh_proof(standing: Standing) -> None:
    assert lacking(standing, needs_of_way(Direction.NONE)) is None
    assert (lacking(standing, needs_of_way(Direction.TOWARD_SAFE)) is None) == (standing in MAY_CLOSE)
    away = lacking(standing, needs_of_way(Direction.AWAY_FROM_SAFE))
    assert (away is None) == (standing is Standing.FRESH)
    if away is not None:
        assert away.code in {Code.PROOF, Code.CREDENTIALS, Code.POSITION_LOCKED}


@pytest.mark.parametrize(
    ("standing", "code", "pin", "is_enough_for"),
    [
        (Standing.HELD, Code.PROOF, None, Needs.UNLOCKED),
        (Standing.GIVEN_PASSWORD, Code.CREDENTIALS, None, Needs.UNLOCKED),
        (Standing.OLD_PASSWORD, Code.CREDENTIALS, None, Needs.UNLOCKED),
        (Standing.NO_SECOND_FACTOR, Code.CREDENTIALS, None, Needs.UNLOCKED),
        (Standing.PIN, Code.POSITION_LOCKED, None, Needs.PIN),
        (Standing.LOCKED, Code.POSITION_LOCKED, None, Needs.NOTHING),
        (Standing.NO_PIN, Code.POSITION_LOCKED, "none", Needs.NOTHING),
        (Standing.PIN_WRONG, Code.POSITION_LOCKED, "wrong", Needs.NOTHING),
        (Standing.PIN_VOID, Code.POSITION_LOCKED, "void", Needs.NOTHING),
    ],
)
def test_each_standing_says_what_it_lacks_and_the_screen_what_is_wrong_with_a_pin(
    standing: Standing, code: Code, pin: str | None, is_enough_for: Needs
) -> None:
    assert [needs for needs in Needs if lacking(standing, needs) is None] == list(Needs)[: is_enough_for + 1]
    lack = lacking(standing, Needs.FRESH)
    assert lack is not None
    assert (lack.code, dict(lack.values)) == (code, {} if pin is None else {"pin": pin})


@pytest.mark.parametrize("standing", Standing)
def test_what_was_done_by_nobody_knows_whom_is_not_laid_to_who_had_signed_in(standing: Standing) -> None:
    zhao = person(Role.OPERATOR)
    author = type(zhao)(
        username="zhao", display_name="赵", roles=zhao.roles, session="s", standing=standing
    ).as_author
    assert author.username == (f"{POSITION}zhao" if standing in LOCKED else "zhao")


@pytest.mark.parametrize(
    ("age_ms", "is_locked", "due", "wanted"),
    [
        (0, False, None, Standing.FRESH),
        (FRESH_MS - 1, False, None, Standing.FRESH),
        (FRESH_MS, False, None, Standing.HELD),
        (-1, False, None, Standing.HELD),
        (0, False, Due.GIVEN_PASSWORD, Standing.GIVEN_PASSWORD),
        (0, False, Due.OLD_PASSWORD, Standing.OLD_PASSWORD),
        (0, False, Due.NO_SECOND_FACTOR, Standing.NO_SECOND_FACTOR),
        (0, True, None, Standing.LOCKED),
        (0, True, Due.OLD_PASSWORD, Standing.LOCKED),
    ],
)
def test_a_proof_grows_old(age_ms: int, is_locked: bool, due: Due | None, wanted: Standing) -> None:
    assert FRESH_MS == 5 * 60 * 1000
    now_ms = 10**12
    locked = Standing.LOCKED if is_locked else None
    assert standing_of(proved_ms=now_ms - age_ms, now_ms=now_ms, locked=locked, due=due) is wanted


def test_a_locked_position_shows_stops_and_closes_and_nothing_else() -> None:
    assert set(RULES) >= FROM_LOCKED | WITH_PIN | FRESH
    assert not FROM_LOCKED & FRESH
    assert not FROM_LOCKED & WITH_PIN
    writes = {key for key in FROM_LOCKED | WITH_PIN if key[0] not in {"GET", "WS"}}
    assert writes == HEARS_PIN | {("DELETE", "/session"), ("POST", "/session/unlock")}
    for path in ("/audit", "/users", "/tokens", "/system", "/history"):
        assert needs_of(("GET", path)) is Needs.UNLOCKED


def test_what_opens_or_approves_or_changes_who_may_asks_for_a_fresh_proof() -> None:
    words = ("approve", "override", "reopen", "release", "select", "users", "tokens", "second-factor", "pin")
    exempt = {
        ("DELETE", "/selects/{select}"), ("POST", "/session/second-factor"), ("DELETE", "/session/pin"),
        ("POST", "/reopening-runs/{run}/abort"), ("DELETE", "/overrides/{override}"),
    }  # fmt: skip
    """They take something back, or change nothing yet."""
    asked = {
        key
        for key, rule in RULES.items()
        if rule.roles is not None and key[0] not in {"GET", "WS"} and any(word in key[1] for word in words)
    }
    assert {key for key in asked - exempt if needs_of(key) is not Needs.FRESH} == set()


ROLES = [
    ({Role.ENGINEER}, {Role.VIEWER}, True),
    ({Role.ENGINEER}, {Role.AUDITOR, Role.SYSTEM}, True),
    ({Role.ENGINEER}, {Role.ENGINEER}, True),
    ({Role.ENGINEER}, {Role.OPERATOR}, False),
    ({Role.ENGINEER}, {Role.SHIFT_CHIEF}, False),
    ({Role.ENGINEER}, {Role.ENTERPRISE}, False),
    ({Role.ENGINEER}, {Role.ADMINISTRATOR}, False),
    ({Role.ENGINEER}, {Role.VIEWER, Role.ADMINISTRATOR}, False),
    ({Role.ENGINEER, Role.OPERATOR}, {Role.OPERATOR}, True),
    ({Role.ADMINISTRATOR}, {Role.OPERATOR, Role.ENGINEER}, True),
    ({Role.ADMINISTRATOR}, {Role.ADMINISTRATOR}, True),
]


@pytest.mark.parametrize(("holder", "given", "is_right"), ROLES)
def test_nobody_gives_more_than_they_have(holder: set[Role], given: set[Role], is_right: bool) -> None:
    assert may_grant(frozenset(holder), frozenset(given)) is is_right


def test_administrators_move_nothing() -> None:
    assert Role.ADMINISTRATOR not in MAY_OPEN
    assert not (RULES["POST", "/commands"].roles or frozenset()) & {Role.ADMINISTRATOR}

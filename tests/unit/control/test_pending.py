"""What waits for a second person: bound to all that is shown, to ten minutes, and to two identities in two sessions (I9)."""

from dataclasses import replace

import pytest

from control.commands.pending import Pending, What, objection, overdue
from control.people.roles import Person, Role
from domain.approval import VALID_MS
from domain.order import Order, OrderKind
from domain.refusal import Code
from tests.unit.control.world import OUTLET, RIVER, person

NOW_MS = 1_800_000_000_000
ORDER = Order(
    id="o1", kind=OrderKind.OVERRIDE, actuator=OUTLET, by="qian", reason="标定", since_ms=NOW_MS,
    until_ms=NOW_MS + 1, interlock="clean", condition="True",
)  # fmt: skip
WISH = Pending(
    id="w1", what=What.OVERRIDE, order=ORDER, by="qian", session="s1", roles=frozenset({Role.SHIFT_CHIEF}),
    reason="标定", at_ms=NOW_MS,
)  # fmt: skip
ENGINEER = replace(person(Role.ENGINEER, username="sun"), session="s2")
PAIR = (Role.SHIFT_CHIEF, Role.ENGINEER)


@pytest.mark.parametrize(
    "other",
    [
        replace(WISH, what=What.LIFT),
        replace(WISH, by="li"),
        replace(WISH, reason="别的"),
        replace(WISH, order=replace(ORDER, actuator=RIVER)),
        replace(WISH, order=replace(ORDER, until_ms=NOW_MS + 2)),
        replace(WISH, order=replace(ORDER, interlock="other")),
        replace(WISH, order=replace(ORDER, condition="False")),
        replace(WISH, order=replace(ORDER, reason="别的")),
    ],
)
def test_the_hash_is_of_everything_that_is_shown(other: Pending) -> None:
    assert len(WISH.content_hash) == 64
    assert other.content_hash != WISH.content_hash
    assert replace(WISH, id="w2", session="s9", at_ms=1).content_hash == WISH.content_hash


def test_the_hash_is_the_same_in_the_next_release() -> None:
    assert WISH.content_hash == "29c75b5de4df657ebc503354df222117be66f15c0d67d9a4ae3e29966c6b77ce"


def no(
    who: Person = ENGINEER, *, now_ms: int = NOW_MS, content_hash: str = "", paired: bool = True
) -> Code | None:
    found = objection(
        WISH,
        who,
        content_hash=content_hash or WISH.content_hash,
        pair=PAIR if paired else None,
        now_ms=now_ms,
    )
    assert found is None or (found.words.zh and found.words.en)
    return None if found is None else found.code


def test_the_second_person_is_another_in_another_session_in_time_and_on_the_same() -> None:
    assert no() is None
    assert no(now_ms=NOW_MS + VALID_MS - 1) is None
    assert no(now_ms=NOW_MS + VALID_MS) is Code.TIME_LIMIT
    assert no(replace(ENGINEER, username="qian")) is Code.APPROVAL
    assert no(replace(ENGINEER, session="s1")) is Code.APPROVAL
    assert no(content_hash="0" * 64) is Code.APPROVAL
    same = objection(
        WISH, replace(ENGINEER, session="s1"), content_hash=WISH.content_hash, pair=None, now_ms=NOW_MS
    )
    assert same is not None
    assert same.values == {"by": "qian"}


def test_who_need_be_no_pair_may_have_any_role() -> None:
    assert no(replace(ENGINEER, roles=frozenset({Role.SHIFT_CHIEF})), paired=False) is None
    assert no(replace(ENGINEER, roles=frozenset({Role.SHIFT_CHIEF}))) is Code.APPROVAL
    assert [*What] == ["override", "lift"]


@pytest.mark.parametrize(
    ("one", "other", "is_pair"),
    [
        ({Role.SHIFT_CHIEF}, {Role.ENGINEER}, True),
        ({Role.ENGINEER}, {Role.SHIFT_CHIEF}, True),
        ({Role.SHIFT_CHIEF, Role.ENGINEER}, {Role.SHIFT_CHIEF}, True),
        ({Role.SHIFT_CHIEF}, {Role.SHIFT_CHIEF}, False),
        ({Role.ENGINEER}, {Role.ENGINEER}, False),
        ({Role.SHIFT_CHIEF}, {Role.OPERATOR}, False),
        ({Role.OPERATOR}, {Role.ENGINEER}, False),
    ],
)
def test_of_a_pair_each_has_one_role(one: set[Role], other: set[Role], is_pair: bool) -> None:
    found = objection(
        replace(WISH, roles=frozenset(one)),
        replace(ENGINEER, roles=frozenset(other)),
        content_hash=WISH.content_hash,
        pair=PAIR,
        now_ms=NOW_MS,
    )
    assert (found is None) is is_pair


def test_what_nobody_agreed_to_in_time() -> None:
    waiting = {"a": WISH, "b": replace(WISH, id="b", at_ms=NOW_MS + 1)}
    assert overdue(waiting, now_ms=NOW_MS + VALID_MS - 1) == ()
    assert overdue(waiting, now_ms=NOW_MS + VALID_MS) == (WISH,)
    assert overdue(waiting, now_ms=NOW_MS + VALID_MS + 1) == tuple(waiting.values())
    assert WISH.until_ms == NOW_MS + 600_000

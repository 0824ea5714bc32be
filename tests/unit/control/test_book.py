"""Which commands control follows: the newest, the open, the one under way, the doubt, and what is forgotten."""

from dataclasses import replace

from control.commands import book as module
from control.commands.book import Book
from control.commands.tracked import Tracked
from domain.command import Action, Command, Phase, State
from domain.ids import CommandId, FacilityId, GatewayId
from tests.unit.control.world import GW, OUTLET, RIVER


def command(
    name: str,
    *,
    state: State = State.REQUESTED,
    action: Action = Action.CLOSE,
    at_ms: int = 1,
    actuator: FacilityId = OUTLET,
    key: str | None = None,
) -> Tracked:
    made = Command(
        id=CommandId(name),
        actuator=actuator,
        action=action,
        author="zhao",
        reason="r",
        state=state,
        changed_ms=1,
    )
    return Tracked(
        command=made, gateway=GW, created_ms=at_ms, expires_ms=9, is_away=False, idempotency_key=key
    )


def held(*commands: Tracked) -> Book:
    book = Book()
    book.load(commands, now_s=5.0)
    return book


def ids(*commands: Tracked | None) -> list[str | None]:
    return [None if item is None else item.id for item in commands]


def test_it_finds_by_id_by_key_and_by_place() -> None:
    one, two = command("a", key="k"), command("b", at_ms=2, actuator=RIVER)
    book = held(one, two)
    assert book.get(one.id) is one
    assert book.get(CommandId("z")) is None
    assert book.by_key("zhao", "k") is one
    assert book.by_key("zhao", "other") is None
    assert book.by_key("li", "k") is None
    assert ids(*book.open()) == ["a", "b"]
    assert ids(*book.open_on(OUTLET)) == ["a"]
    assert book.open_on(FacilityId("none")) == ()


def test_the_newest_is_the_one_made_last_and_of_two_at_once_the_one_heard_of_last() -> None:
    book = held(command("a", at_ms=2), command("b", at_ms=1))
    assert ids(book.newest(OUTLET), book.newest(RIVER)) == ["a", None]
    book.put(command("c", at_ms=2), now_s=6.0)
    assert ids(book.newest(OUTLET)) == ["c"]


def test_what_ended_is_not_open_and_stays_known() -> None:
    one = command("a")
    book = held(one)
    book.put(replace(one, command=replace(one.command, state=State.CONFIRMED)), now_s=6.0)
    assert ids(*book.open(), book.get(one.id)) == ["a"]
    assert book.open_on(OUTLET) == ()


def test_only_what_may_move_is_under_way() -> None:
    moving = command("a", state=State.OPERATING)
    said = replace(command("b"), sent=frozenset({Phase.OPERATE}))
    for item in (moving, said):
        book = held(item)
        assert ids(book.under_way(OUTLET)) == [item.id]
        assert book.executing(OUTLET) is Action.CLOSE
        assert book.under_way(OUTLET, but=item.id) is None
        assert book.executing(OUTLET, but=item.id) is None
        assert book.executing(RIVER) is None
    selected = replace(command("c", state=State.SELECTED), sent=frozenset({Phase.SELECT}))
    looking = command("d", state=State.OPERATING, action=Action.VERIFY)
    assert held(selected, looking).under_way(OUTLET) is None
    assert held(command("e"), moving).under_way(OUTLET) is moving


def test_an_unknown_outcome_leaves_doubt_from_when_it_was_heard_of() -> None:
    unknown = command("a", state=State.UNKNOWN)
    book = held(unknown)
    assert book.doubt_since_s(OUTLET) == 5.0
    assert book.doubted() == (OUTLET,)
    book.put(unknown, now_s=9.0)
    assert book.doubt_since_s(OUTLET) == 5.0, "said again is no new doubt"
    book.end_doubt(OUTLET)
    book.end_doubt(OUTLET)
    assert (book.doubt_since_s(OUTLET), book.doubted()) == (None, ())
    book.put(unknown, now_s=9.0)
    assert book.doubted() == ()
    book.put(command("b", state=State.FAILED), now_s=9.0)
    assert book.doubted() == ()
    seen = command("c")
    book.put(seen, now_s=9.0)
    book.put(replace(seen, command=replace(seen.command, state=State.UNKNOWN)), now_s=10.0)
    assert book.doubt_since_s(OUTLET) == 10.0


def test_a_void_challenge_is_asked_for_again_once_a_newer_beat_was_heard() -> None:
    one = command("a")
    book = held(one)
    heard = {GW: 6.0}
    assert book.take_void(lambda gateway: heard[gateway]) is None
    book.void(one.id, now_s=6.0)
    assert book.is_void(one.id)
    assert not book.is_void(CommandId("b"))
    assert book.take_void(lambda gateway: heard[gateway]) is None, "no newer challenge is known yet"
    heard[GW] = 6.1
    assert book.take_void(lambda gateway: heard[gateway]) is one
    assert not book.is_void(one.id)
    assert book.take_void(lambda gateway: heard[gateway]) is None
    book.void(CommandId("gone"), now_s=6.0)
    assert book.take_void(lambda gateway: 0.0) is None
    assert not book.is_void(CommandId("gone"))


def test_old_ends_are_forgotten_with_their_keys_but_never_the_open_nor_the_newest() -> None:
    assert module.ENDED_MAX == 2_000
    waits = command("waits", at_ms=0)
    alone = command("alone", state=State.CONFIRMED, actuator=RIVER, at_ms=1)
    book = held(waits, alone)
    ended = [
        command(f"{n}", state=State.CONFIRMED, at_ms=2 + n, key=f"k{n}") for n in range(module.ENDED_MAX)
    ]
    for item in ended[:-2]:
        book.put(item, now_s=1.0)
    assert book.get(ended[0].id) is ended[0], "as many as that are kept"
    for item in ended[-2:]:
        book.put(item, now_s=1.0)
    assert book.get(waits.id) is waits
    assert book.get(alone.id) is alone
    assert book.get(ended[0].id) is None
    assert book.by_key("zhao", "k0") is None
    assert all(book.get(item.id) is item for item in ended[1:]), "no more than need be"
    assert book._keys.keys() == {
        ("zhao", f"k{n}") for n in range(module.ENDED_MAX) if book.get(CommandId(f"{n}"))
    }
    assert ids(book.newest(OUTLET)) == [ended[-1].id]
    assert GatewayId("gw") == GW

"""Commissioning (联调): what must be seen of an actuator before anybody may command it, and whose word stands for that now.

The word is a standing order that centre and edge hold alike, or a line in the park's folder; either is about one drive, by its
hash: an edit of the drive voids it. Before there is one, only the engineer who checks the device moves it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.command import ACTION_WORDS, Action
from domain.drive import Drive, MaintainedCoil, Setpoint, writes
from domain.ids import FacilityId, PointRef
from domain.order import OrderKind, OrderSet
from domain.park import Actuator, Park, Point
from domain.sample import Reading
from domain.words import Words

LOW_PERCENT, HIGH_PERCENT = 5.0, 95.0
"""An opening was seen at its two ends below the one and above the other."""
_STATES = {True: Words("为 1", "shows 1"), False: Words("为 0", "shows 0")}
_HOW = {
    "opened": Words("把闸开到位,再离开开限位", "open it to the limit, then leave the limit"),
    "closed": Words("把闸关到位,再离开关限位", "close it to the limit, then leave the limit"),
    "moving": Words("让闸动一次再停下", "let it move once and come to rest"),
    "remote": Words("把选择开关打到就地,再打回远程", "turn the selector to local and back to remote"),
    "fault": Words("由电工模拟一次故障再复位", "have an electrician simulate a fault and reset it"),
    "over_torque": Words(
        "由电工模拟一次过力矩再复位", "have an electrician simulate over-torque and reset it"
    ),
    "power": Words("断开主电源再合上", "switch the mains off and on again"),
}


class Part(StrEnum):
    """What kind of thing is to be seen."""

    POINT = "point"
    """A feedback point at one of its values."""
    ACTION = "action"
    """An action commanded in this check and proved."""
    TRAVEL = "travel"
    """A full travel, measured."""
    SITE = "site"
    """What somebody beside the gate saw it do, by their word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that must be seen."""

    id: str
    part: Part
    words: Words
    how: Words
    point: PointRef | None = None
    value: bool | None = None
    """Of a state: at which value it is to be seen. Of an opening: True is its upper end."""
    action: Action | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of one actuator, as far as it has come."""

    actuator: FacilityId
    drive: str
    """Hash of the drive that is checked."""
    items: tuple[Item, ...]
    seen: Mapping[str, int] = field(default_factory=dict)
    """Item → model time at which it was seen."""

    @property
    def missing(self) -> tuple[Item, ...]:
        """What has still to be seen, in the order of the list."""
        return tuple(item for item in self.items if item.id not in self.seen)


def is_commissioned(actuator: Actuator, drive: str, orders: OrderSet) -> bool:
    """Whether somebody's word stands for `actuator` as its `drive` is now."""
    signed = orders.standing(actuator.facility, OrderKind.COMMISSIONED)
    if any(order.condition == drive for order in signed):
        return True
    is_void = bool(orders.standing(actuator.facility, OrderKind.COMMISSION_VOID))
    return actuator.commissioned_by is not None and not is_void


def may_be_driven(actuator: Actuator, drive: str, orders: OrderSet, *, author: str) -> bool:
    """Whether `author` may command `actuator`: it is commissioned, or it is they who check it just now."""
    if is_commissioned(actuator, drive, orders):
        return True
    return is_checked_by(actuator, drive, orders, author=author)


def is_checked_by(actuator: Actuator, drive: str, orders: OrderSet, *, author: str) -> bool:
    """Whether `author` checks `actuator` just now."""
    checks = orders.standing(actuator.facility, OrderKind.COMMISSIONING)
    return any(order.by == author and order.condition == drive for order in checks)


def is_trial(actuator: Actuator, drive: str, orders: OrderSet, *, author: str) -> bool:
    """Whether a command of `author` is part of a check (联调) of an actuator for which nobody has signed yet.

    Its moves are watched by whoever stands beside the gate, who is named with the signature; once somebody has signed, a move
    of whoever checks it anew is one like any other. So it stays when the word was taken back: that takes one person, who must
    not come by it to move alone what took two.
    """
    is_checked = is_checked_by(actuator, drive, orders, author=author)
    is_void = bool(orders.standing(actuator.facility, OrderKind.COMMISSION_VOID))
    return is_checked and not is_void and not is_commissioned(actuator, drive, orders)


def items_of(actuator: Actuator, park: Park) -> tuple[Item, ...]:
    """Return what must be seen of `actuator`: every feedback toggled, every action proved, travel, and the eyes on site."""
    return (*_points(actuator, park), *_actions(actuator.drive), *_travels(), *_sites(actuator.drive))


def shown_by(check: Check, point: PointRef, reading: Reading) -> tuple[str, ...]:
    """Return the items still missing that a fresh, good `reading` of `point` shows."""
    if not reading.is_trusted:
        return ()
    return tuple(
        item.id
        for item in check.missing
        if item.point == point and item.value is not None and _shows(reading.value, is_high=item.value)
    )


def proved_by(check: Check, action: Action, *, travel_s: float | None) -> tuple[str, ...]:
    """Return the items still missing that a confirmed `action` shows; `travel_s`: it was a whole travel of that many seconds."""
    shown = [Part.ACTION] if travel_s is None else [Part.ACTION, Part.TRAVEL]
    return tuple(item.id for item in check.missing if item.action is action and item.part in shown)


def _shows(value: float | bool | str | None, *, is_high: bool) -> bool:  # noqa: FBT001  (a value of any type)
    match value:
        case bool():
            return value is is_high
        case int() | float():
            return value >= HIGH_PERCENT if is_high else value <= LOW_PERCENT
        case _:
            return False


def _points(actuator: Actuator, park: Park) -> Iterator[Item]:
    names = actuator.feedback
    for role in ("opened", "closed", "moving", "remote", "fault", "over_torque", "power"):
        name = getattr(names, role)
        point = park.points.get(actuator.point(name)) if name is not None else None
        if point is None:
            continue
        for value, shows in _STATES.items():
            words = Words(f"{point.words.zh}{shows.zh}", f"{point.words.en} {shows.en}")
            yield _point_item(point, words, _HOW[role], value=value)
    opening = park.points.get(actuator.point(names.position)) if names.position is not None else None
    if opening is not None:
        how = Words("把闸从一端走到另一端", "move it from one end to the other")
        high = Words(f"开度 ≥ {HIGH_PERCENT:.0f} %", f"opening ≥ {HIGH_PERCENT:.0f} %")
        low = Words(f"开度 ≤ {LOW_PERCENT:.0f} %", f"opening ≤ {LOW_PERCENT:.0f} %")
        yield _point_item(opening, high, how, value=True)
        yield _point_item(opening, low, how, value=False)


def _point_item(point: Point, words: Words, how: Words, *, value: bool) -> Item:
    name = f"point:{point.name}:{'1' if value else '0'}"
    return Item(id=name, part=Part.POINT, words=words, how=how, point=point.ref, value=value)


def _commanded(drive: Drive) -> tuple[Action, ...]:
    wanted = [Action.OPEN, Action.CLOSE]
    # A coil that holds has no stop of its own.
    if writes(drive, Action.STOP) and not isinstance(drive, MaintainedCoil):
        wanted.append(Action.STOP)
    if isinstance(drive, Setpoint):
        wanted.append(Action.SET)
    return tuple(wanted)


def _actions(drive: Drive) -> Iterator[Item]:
    for action in _commanded(drive):
        verb = ACTION_WORDS[action]
        words = Words(f"遥控{verb.zh}并到位", f"{verb.en}: commanded and proved")
        how = Words(f"在本页下发“{verb.zh}”", f"give the command here: {verb.en}")
        yield Item(id=f"action:{action.value}", part=Part.ACTION, words=words, how=how, action=action)


def _travels() -> Iterator[Item]:
    for action in (Action.OPEN, Action.CLOSE):
        verb = ACTION_WORDS[action]
        words = Words(f"实测{verb.zh}全行程时间", f"full travel measured: {verb.en}")
        how = Words("从一个限位走到另一个限位,中途不停", "from one limit to the other without a stop")
        yield Item(id=f"travel:{action.value}", part=Part.TRAVEL, words=words, how=how, action=action)


def _sites(drive: Drive) -> Iterator[Item]:
    for action in _commanded(drive):
        verb = ACTION_WORDS[action]
        words = Words(f"现场看到:遥控{verb.zh}的正是这台", f"seen on site: {verb.en} moves this very one")
        how = Words("请现场配合人口头确认,再点“确认”", "have the person on site say so, then press confirm")
        yield Item(id=f"site:{action.value}", part=Part.SITE, words=words, how=how)

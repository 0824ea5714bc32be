"""Decides what a leader takes of what another control has left: its entries as they are, of its rows only what is still true.

A command that it let out is followed to its end; a move away from safe that it had not let out is void; somebody whom it shut
out stays out. Its alarms, sessions and what it held of runs that are over, the leader has by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from control.commands.tracked import Tracked, tracked
from control.database.change import Change
from control.plans.entries import run as run_of
from control.plans.run import Run
from domain.command import Phase
from domain.errors import RemoteProtocolError
from domain.order import Order
from wire.fields import Fields
from wire.messages import order_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What one handed change asks the leader to take."""

    commands: tuple[Tracked, ...] = ()
    orders: tuple[Order, ...] = ()
    dead: tuple[Order, ...] = ()
    """Orders that were ended, as an override that was lifted: dead for ever, whoever holds them."""
    runs: tuple[Run, ...] = ()
    shut_out: tuple[str, ...] = ()
    """User names."""
    revoked: tuple[str, ...] = ()
    """Ids of API tokens."""


def left(change: Change) -> Left:
    """Return what of the rows of `change` counts; rows that cannot be read are left out: their entries are kept all the same."""
    found = Left()
    for write in change.writes:
        if write.kind == "remove":
            continue
        fields = Fields(write.row)
        try:
            match write.table:
                case "commands":
                    held = tracked(fields.mapping("body"))
                    # It may have gone out: to believe that it has not would let it end as never sent.
                    found = _with(found, commands=(held.published(),))
                case "orders" if write.row.get("is_released"):
                    found = _with(found, dead=(order_of(fields),))
                case "orders":
                    found = _with(found, orders=(order_of(fields),))
                case "runs":
                    run = run_of(fields.mapping("body"))
                    found = _with(found, runs=() if run.is_over else (run,))
                case "users" if write.row.get("is_disabled"):
                    found = _with(found, shut_out=(fields.text("username"),))
                case "tokens" if write.row.get("revoked_ms") is not None:
                    found = _with(found, revoked=(fields.text("id"),))
                case _:
                    pass
        except (RemoteProtocolError, ValueError):
            continue
    return found


def void(commands: Iterable[Tracked]) -> tuple[Tracked, ...]:
    """Return those of another term's `commands` that must not be let out any more: away from safe and not operated (I2).

    A select of that term is void at the edge as soon as it hears of this one; who held it selects again.
    """
    return tuple(
        item
        for item in commands
        if item.is_away and not item.state.is_final and Phase.OPERATE not in item.sent
    )


def _with(
    found: Left,
    *,
    commands: tuple[Tracked, ...] = (),
    orders: tuple[Order, ...] = (),
    dead: tuple[Order, ...] = (),
    runs: tuple[Run, ...] = (),
    shut_out: tuple[str, ...] = (),
    revoked: tuple[str, ...] = (),
) -> Left:
    return Left(
        commands=found.commands + commands,
        orders=found.orders + orders,
        dead=found.dead + dead,
        runs=found.runs + runs,
        shut_out=found.shut_out + shut_out,
        revoked=found.revoked + revoked,
    )

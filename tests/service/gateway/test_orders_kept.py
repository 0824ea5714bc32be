"""A sluice that an order keeps closed, opened behind a dead link: brought back only when the PLC's counters say that nobody was there."""

from dataclasses import replace
from pathlib import Path

from domain.ids import FacilityId
from domain.order import Order, OrderKind, OrderSet
from simulators.plc.actuator import switched
from simulators.plc.server import Link
from tests.service.gateway.plcs import GW
from tests.service.gateway.rig import Peer, Rig, running
from wire.messages import OrdersMessage

SLUICE, PLC = FacilityId("net_sluice_1"), "plc_net_a"
KEPT = OrderSet().with_orders(
    Order(id="0" * 32, kind=OrderKind.KEEP_CLOSED, actuator=SLUICE, by="zhao", reason="COD", since_ms=1)
)


async def opened_behind_a_dead_link(rig: Rig, peer: Peer, *, by_hand: bool) -> None:
    await rig.plcs.servers[PLC].set_link(Link.HUNG)
    await peer.until(lambda: (peer.beats[-1].ages_ms[PLC] or 0) > 3000)
    station = rig.plcs.stations[PLC]
    gate = station.actuators[SLUICE]
    if by_hand:
        gate = switched(switched(gate, is_remote=False), is_remote=True)
    station._become(SLUICE, replace(gate, opening=1.0, target=None))
    await rig.plcs.servers[PLC].set_link(Link.UP)


def acts(peer: Peer) -> list[object]:
    found = sorted(peer.kinds("reassert"), key=lambda item: item.offset)
    return [item.body["act"] for item in found]


async def test_it_is_brought_back_unless_somebody_was_there(tmp_path: Path) -> None:
    async with running(tmp_path, speed=100.0) as (rig, peer):
        await peer.orders(OrdersMessage(park=rig.park.id, gateway=GW, term=1, orders=KEPT))
        await peer.until(lambda: peer.beats[-1].orders == KEPT.hash())
        count = len(peer.beats)
        await peer.until(lambda: len(peer.beats) > count + 1)  # seen closed under its order meanwhile
        await opened_behind_a_dead_link(rig, peer, by_hand=False)
        await peer.until(lambda: acts(peer) == ["reassert"])
        await peer.until(lambda: peer.kinds("command"))
        assert {item.body["author"] for item in peer.kinds("command")} == {f"edge:{GW}"}
        await peer.until(lambda: rig.plcs.stations[PLC].openings()[SLUICE] == 0.0)
        await peer.until(lambda: "confirmed" in {item.body["state"] for item in peer.kinds("command")})

        count, writes = len(peer.beats), len(rig.plcs.writes)
        await peer.until(lambda: len(peer.beats) > count + 1)
        await opened_behind_a_dead_link(rig, peer, by_hand=True)
        await peer.until(lambda: len(acts(peer)) == 2)
        assert acts(peer) == ["reassert", "confirm"]
        assert len(rig.plcs.writes) == writes

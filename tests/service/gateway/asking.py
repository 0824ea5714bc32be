"""What a person asks of a gateway in these tests, as control would sign it."""

from domain.command import Action, Phase
from tests.service.gateway.rig import Peer


async def open_gate(peer: Peer, actuator: str) -> str:
    command = await select(peer, actuator)
    assert peer.states(command) == ["selected"], peer.of(command)[-1].body
    await peer.command(actuator, Action.OPEN, command=command, evidence=calm(peer))
    await peer.until(lambda: "operating" in peer.states(command))
    return command


async def select(peer: Peer, actuator: str) -> str:
    command = await peer.command(actuator, Action.OPEN, phase=Phase.SELECT, evidence=calm(peer))
    await peer.until(lambda: peer.states(command))
    return command


async def peer_refuses_opening(peer: Peer, actuator: str) -> list[str]:
    command = await select(peer, actuator)
    assert peer.states(command) == ["refused"]
    return peer.codes(command)


def calm(peer: Peer) -> tuple[object, ...]:
    return ()

"""Routes of the live image: the snapshot once, or a WebSocket with a snapshot and then numbered deltas."""

import asyncio

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from control.api.guard import COOKIE, bearer
from control.api.parts import Service, Who, area_of
from control.api.shapes import LiveShape, says
from control.live.hub import Watcher
from wire.canonical import Json

router = APIRouter(tags=["live"])
TRY_AGAIN_LATER = 1013
"""WebSocket close code (IANA registry): too slow, or too many."""
SEND_S_MAX = 10.0
"""Wall seconds for one message to leave; a watcher that takes longer is dropped."""


@router.get("/live", **says(LiveShape))
async def snapshot(service: Service, who: Who) -> dict[str, Json]:
    """Return the live image within the person's area."""
    return {"type": "snapshot", "n": 0, **service.hub.snapshot(area_of(who, service.park))}


@router.websocket("/live")
async def live(socket: WebSocket, service: Service, who: Who) -> None:
    """Send the live image as it changes."""
    if service.hub.is_full:
        await socket.close(TRY_AGAIN_LATER)
        return
    await socket.accept()
    token, secret = socket.cookies.get(COOKIE), bearer(socket)

    def is_in() -> bool:
        if secret is not None:
            return service.tokens.find(secret) is not None
        return service.sessions.find(token) is not None

    watcher = service.hub.join(area_of(who, service.park), is_in)
    try:
        await _serve(socket, watcher)
    finally:
        service.hub.leave(watcher)


async def _serve(socket: WebSocket, watcher: Watcher) -> None:
    """Send until either side leaves; what a watcher says is read and ignored."""
    sending = asyncio.create_task(_send(socket, watcher), name="live: send")
    listening = asyncio.create_task(_listen(socket), name="live: listen")
    try:
        await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, listening):
            task.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)


async def _send(socket: WebSocket, watcher: Watcher) -> None:
    try:
        while (message := await watcher.messages.get()) is not None:
            async with asyncio.timeout(SEND_S_MAX):
                await socket.send_text(message)
        await socket.close(TRY_AGAIN_LATER)
    except (WebSocketDisconnect, RuntimeError, TimeoutError, OSError):
        return  # the watcher has gone


async def _listen(socket: WebSocket) -> None:
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return

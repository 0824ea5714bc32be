"""Runs the embedded broker (amqtt) in a process of its own until it is told to stop."""

import asyncio
import logging
import signal
import sys
from pathlib import Path

from amqtt.broker import Broker
from amqtt.errors import BrokerError

from runtime.exits import Exit


def main(users_file: Path, host: str, port: int) -> int:
    """Serve MQTT on host:port; return the exit status."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)  # what it finds is said once, below
    logging.getLogger("transitions").setLevel(logging.ERROR)
    return asyncio.run(_serve(users_file, host, port))


async def _serve(users_file: Path, host: str, port: int) -> int:
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}", "max_connections": 200}},
        "plugins": {
            "stoplog.broker.access.PasswordOfRole": {"users_file": str(users_file)},
            "stoplog.broker.access.AccessOfRole": {"users_file": str(users_file)},
        },
    }
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    broker = Broker(config)
    try:
        await broker.start()
    except (BrokerError, OSError) as error:
        print(f"broker: cannot listen on {host}:{port}: {error.__cause__ or error}", file=sys.stderr)
        return Exit.UNAVAILABLE
    await stopped.wait()
    await broker.shutdown()
    return Exit.OK

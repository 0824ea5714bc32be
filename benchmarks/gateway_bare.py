"""A bare pymodbus client: polls every PLC without a pause, looks at nothing and tells nobody; what any gateway must pay first."""

import asyncio
import json
import sys

import uvloop
from pymodbus.client import AsyncModbusTcpClient

from runtime.clock import RealClock


async def poll(ports: list[int], registers: int, seconds: float) -> int:
    """Return how many registers were read in that time."""
    clock = RealClock()
    clients = [AsyncModbusTcpClient("127.0.0.1", port=port) for port in ports]
    for client in clients:
        await client.connect()
    until_s = clock.monotonic() + seconds

    async def one(client: AsyncModbusTcpClient) -> int:
        total = 0
        while clock.monotonic() < until_s:
            answer = await client.read_holding_registers(0, count=registers)
            total += len(answer.registers)
        return total

    return sum(await asyncio.gather(*map(one, clients)))


def main() -> None:
    ports, registers, seconds, loop = (
        json.loads(sys.argv[1]),
        int(sys.argv[2]),
        float(sys.argv[3]),
        sys.argv[4],
    )
    run = uvloop.run if loop == "uvloop" else asyncio.run
    sys.stdout.write(f"{run(poll(ports, registers, seconds))}\n")
    sys.stdout.flush()
    sys.stdin.readline()  # stays until its CPU time was read


if __name__ == "__main__":
    main()

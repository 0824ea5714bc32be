"""The parts of the demonstration as processes: which command starts each, in which order, and when it counts as ready."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from domain.park import Park
from stoplog.demo.ports import HOST
from stoplog.demo.settings import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process."""

    name: str
    command: tuple[str, ...]
    health_port: int | None
    """Port of /health/ready; None: it is ready when it listens on `listens`."""
    listens: int | None = None


def parts(layout: Layout, park: Park) -> Sequence[Sequence[Part]]:
    """Return the parts in the order in which they start; those of one stage start side by side.

    The simulator makes the page of model time, which every service reads.
    """
    gateways = [
        _service("gateway", layout, name=gateway, health_port=layout.gateway_metrics_ports[gateway])
        for gateway in park.gateways
    ]
    simulator = _service(
        "simulator", layout, name="simulator", health_port=None, listens=layout.simulator_port
    )
    centre = (
        _service("ingest", layout, name="ingest", health_port=layout.ingest_metrics_port),
        _service("control", layout, name="control", health_port=layout.control_metrics_port),
    )
    first = (_broker(layout), simulator) if layout.broker.is_embedded else (simulator,)
    return first, centre, gateways


def _service(
    service: str, layout: Layout, *, name: str, health_port: int | None, listens: int | None = None
) -> Part:
    settings = layout.settings / f"{name}.toml"
    command = (
        sys.executable,
        "-m",
        "stoplog",
        "--with-parent",
        str(os.getpid()),
        service,
        "--settings",
        str(settings),
    )
    return Part(name=name, command=command, health_port=health_port, listens=listens)


def _broker(layout: Layout) -> Part:
    port = layout.broker.port
    tail = ("--users", str(layout.users), "--host", HOST, "--port", str(port))
    return Part(
        name="broker",
        command=(sys.executable, "-m", "stoplog", "--with-parent", str(os.getpid()), "broker", *tail),
        health_port=None,
        listens=port,
    )

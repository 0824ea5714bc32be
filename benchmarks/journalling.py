"""Measures the journal on this machine's disk: appended payloads, and a record synced before an act."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure, seconds_each
from benchmarks.telegrams import POINTS, payload
from runtime.clock import RealClock
from runtime.journal import Journal
from wire.sparkplug import encode


def measure() -> Iterator[Figure]:
    data = encode(payload())
    topic = "spBv1.0/lingang/DDATA/gw_east/plc_hc_outlet"
    # Beside the sources, not in /tmp, which may be memory: the disk is the subject.
    with TemporaryDirectory(dir=Path(__file__).parent.parent, prefix="state-bench-") as folder:
        journal = Journal.open(
            Path(folder), gateway="gw_east", epoch="0" * 32, clock=RealClock(), bytes_max=200_000_000
        )
        each = seconds_each(partial(keep_bounded, journal, topic, data))
        yield Figure(
            name="journal append",
            value=each / POINTS * 1e6,
            unit="µs/point",
            of=f"{len(data)} bytes a payload",
        )
        each = seconds_each(
            partial(journal.append, "stoplog/1/lingang/gw_east/records", b"r" * 400, sync=True)
        )
        yield Figure(name="journal append, synced", value=each * 1e3, unit="ms", of="a record of 400 bytes")
        journal.close()


def keep_bounded(journal: Journal, topic: str, data: bytes) -> None:
    """Append, and push out the oldest as a gateway in a long outage does."""
    offset = journal.append(topic, data)
    if offset % 1000 == 0:
        journal.trim()

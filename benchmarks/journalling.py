"""Measures the journal on this machine's disk: appended payloads, and a record synced before an act."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Report, Row, Size
from benchmarks.telegrams import POINTS, payload
from benchmarks.timing import seconds_each
from runtime.clock import RealClock
from runtime.journal import Journal
from wire.sparkplug import encode

NAME = "journalling"


def run(size: Size) -> Report:
    data, record = encode(payload()), b"r" * 400
    topic = "spBv1.0/lingang/DDATA/gw_east/plc_hc_outlet"
    # Beside the sources, not in /tmp, which may be memory: the disk is the subject.
    with TemporaryDirectory(dir=Path(__file__).parent.parent, prefix="state-bench-") as folder:
        journal = Journal.open(
            Path(folder), gateway="gw_east", epoch="0" * 32, clock=RealClock(), bytes_max=200_000_000
        )
        append = seconds_each(partial(keep_bounded, journal, topic, data), size)
        synced = seconds_each(
            partial(journal.append, "stoplog/1/lingang/gw_east/records", record, sync=True), size
        )
        journal.close()
    of = f"a payload of {POINTS} points, {len(data)} bytes"
    return Report(
        benchmark=NAME,
        rows=[
            Row(load=of, metric="append_us_per_point", value=append / POINTS * 1e6, unit="µs/point"),
            Row(load="a record of 400 bytes", metric="append_synced_ms", value=synced * 1e3, unit="ms"),
        ],
    )


def keep_bounded(journal: Journal, topic: str, data: bytes) -> None:
    """Append, and push out the oldest as a gateway in a long outage does."""
    offset = journal.append(topic, data)
    if offset % 1000 == 0:
        journal.trim()

"""Measures the journal on this machine's disk: appended payloads, a record synced before an act, and what an outage packs to."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.report import Report, Row, Size
from benchmarks.telegrams import POINTS, payload
from benchmarks.timing import seconds_each
from runtime.clock import RealClock
from runtime.journal import Journal
from runtime.journal_format import BLOCK_BYTES, pack_block, unpack_block
from wire.journal_planes import Kept
from wire.sparkplug import DataType, Metric, Payload, encode, payload_uuid

NAME = "journalling"
KINDS = ("two decimals", "singles", "doubles")
"""Random walks as 16-bit registers with a scale of 0.01 give them, as singles, and with all digits of a double."""


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
            Row(load=of, metric="append_us_per_payload", value=append * 1e6, unit="µs"),
            Row(load="a record of 400 bytes", metric="append_synced_ms", value=synced * 1e3, unit="ms"),
            *(row for kind in KINDS for row in packing(kind, size)),
        ],
    )


def keep_bounded(journal: Journal, topic: str, data: bytes) -> None:
    """Append, and push out the oldest as a gateway in a long outage does."""
    offset = journal.append(topic, data)
    if offset % 1000 == 0:
        journal.trim()


def packing(kind: str, size: Size) -> Iterator[Row]:
    """Yield what a block of an outage packs to, and what packing and restoring it costs."""
    records = list(outage(kind))
    points, plain = len(records) * POINTS, sum(len(record.payload) for record in records)
    packed = pack_block(0, records, after=len(records))
    load = f"random walks, {kind}, {plain / points:.0f} bytes a point plain"
    yield Row(load=load, metric="packed_bytes_per_point", value=len(packed) / points, unit="B")
    pack = seconds_each(partial(pack_block, 0, records, after=len(records)), size)
    yield Row(load=load, metric="pack_us_per_point", value=pack / points * 1e6, unit="µs")
    restore = seconds_each(partial(unpack_block, packed), size)
    yield Row(load=load, metric="restore_us_per_point", value=restore / points * 1e6, unit="µs")


def outage(kind: str) -> Iterator[Kept]:
    """Yield a block of polls of four devices, each value new."""
    chance = np.random.default_rng(1)
    walks = chance.uniform(20, 80, (4, POINTS))
    offset = taken = 0
    while taken < BLOCK_BYTES:
        walks = np.abs(walks + chance.normal(0, 0.05, walks.shape))
        match kind:
            case "two decimals":
                values = np.rint(walks * 100) * 0.01
            case "singles":
                values = walks.astype(np.float32).astype(np.float64)
            case _:
                values = walks
        for device, row in enumerate(values.tolist()):
            at_ms = 1_700_000_000_000 + 250 * offset
            metrics = tuple(
                Metric(
                    name=f"hc_unit{device}/point_{n}",
                    value=value,
                    datatype=DataType.DOUBLE,
                    timestamp_ms=at_ms,
                )
                for n, value in enumerate(row)
            )
            uuid = payload_uuid("0123456789abcdef" * 2, offset)
            data = encode(Payload(timestamp_ms=at_ms + 3, metrics=metrics, uuid=uuid))
            yield Kept(at_ms, f"spBv1.0/lingang/DDATA/gw_east/plc_{device}".encode(), data)
            offset, taken = offset + 1, taken + len(data)

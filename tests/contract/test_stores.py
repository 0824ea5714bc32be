"""What every time-series store promises, asked of each: SQLite in a file, VictoriaMetrics as a process, the fake.

No InfluxDB 2 runs here. Its adapter is asked the same at a stand-in that holds each request against InfluxDB's published API
contract, and for its writing side at VictoriaMetrics' compatible endpoint.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.ids import GatewayId, ParkId, PointRef
from domain.quality import Quality, Reason
from runtime.clock import RealClock
from stores.buckets import sum_up
from stores.open import open_history, open_store
from stores.port import Gap, History, PayloadName, Row, StoredPayload, TimeSeriesStore
from stores.rows import payload_of, rows_of, track_of
from stores.settings import StoreSettings
from tests.fakes import influx_server
from tests.fakes.influx_server import InfluxServer
from tests.fakes.memory_store import MemoryServer, MemoryStore
from tests.service.victoria import Victoria

PARK = ParkId("lingang")
CLOCK = RealClock()
NOW_MS = CLOCK.now_ms() // 3_600_000 * 3_600_000 - 3_600_000
"""A full hour in the recent past: within every retention."""
COD, CLOSED = PointRef("hc_analyser/cod"), PointRef("hc_outlet/closed")


class Bench:
    """One kind of store under test, opened as often as a test wants."""

    def __init__(self, settings: StoreSettings | MemoryServer, server: Victoria | None = None) -> None:
        self.settings = settings
        self.server = server

    @asynccontextmanager
    async def opened(self, park: ParkId = PARK) -> AsyncIterator[TimeSeriesStore]:
        store = self._store(park)
        try:
            yield store
        finally:
            await store.close()

    def _store(self, park: ParkId) -> TimeSeriesStore:
        if isinstance(self.settings, MemoryServer):
            return MemoryStore(self.settings, park=park)
        return open_store(self.settings, park=park, clock=CLOCK)

    def history(self) -> History:
        if isinstance(self.settings, MemoryServer):
            return MemoryStore(self.settings, park=PARK)
        return open_history(self.settings, park=PARK)


@pytest.fixture(params=["memory", "sqlite", "victoriametrics", "influxdb2"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    match request.param:
        case "memory":
            return Bench(MemoryServer())
        case "sqlite":
            return Bench(StoreSettings(kind="sqlite", path=tmp_path / "store.sqlite"))
        case remote:
            found = request.getfixturevalue("victoria" if remote == "victoriametrics" else "influx")
            assert isinstance(found, Bench)
            return found


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[Bench]:
    server = Victoria(tmp_path / "victoria")
    server.start()
    yield Bench(StoreSettings(kind="victoriametrics", url=f"http://127.0.0.1:{server.port}"), server)
    server.kill()


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "token").write_text(f"{influx_server.TOKEN}\n")
    with InfluxServer() as server:
        yield Bench(
            StoreSettings(kind="influxdb2", url=server.url, token_file=tmp_path / "token",
                          organisation=influx_server.ORGANISATION, bucket=influx_server.BUCKET)
        )  # fmt: skip
        assert server.violations == []


def row(at_s: float, value: float | None, point: PointRef = COD, quality: Quality = Quality.GOOD,
        reason: Reason | None = None) -> Row:  # fmt: skip
    return Row(point, NOW_MS + round(at_s * 1000), value, quality, reason)


def payload(offset: int, *rows: Row, epoch: str = "a" * 32, is_first: bool = True) -> StoredPayload:
    return payload_of(PayloadName(GatewayId("gw_east"), epoch, offset), rows, is_first=is_first)


async def is_durable(store: TimeSeriesStore, *payloads: StoredPayload) -> bool:
    """Whether they are, when the store has had its say."""
    secured = await store.secure()
    return store.is_durable_when_written or {payload.name for payload in payloads} <= {*secured}


async def eventually(ask: Callable[[], Awaitable[object]], wanted: object) -> None:
    """A remote store may show what it took a moment later."""
    found = None
    for _ in range(100):
        found = await ask()
        if found == wanted:
            return
        await asyncio.sleep(0.1)
    assert found == wanted


async def read(store: TimeSeriesStore, point: PointRef = COD) -> Sequence[Row]:
    return list(await store.raw(point, from_ms=NOW_MS - 3_600_000, to_ms=NOW_MS + 7_200_000))


async def test_what_was_written_is_read_back_with_quality_and_reason(bench: Bench) -> None:
    rows = [
        row(1, 12.5),
        row(2, -0.125, quality=Quality.UNCERTAIN, reason=Reason.STALE),
        row(3, None, quality=Quality.BAD, reason=Reason.LINK),
        row(4, 123_456.789, quality=Quality.BAD),
    ]
    async with bench.opened() as store:
        await store.write([first := payload(0, *rows, row(1, 1.0, CLOSED))])
        assert await is_durable(store, first)
        await eventually(lambda: read(store), rows)
        await eventually(lambda: read(store, CLOSED), [row(1, 1.0, CLOSED)])
        assert dict(await store.counts()) == {COD: 4, CLOSED: 1}
        assert await store.latest([COD, CLOSED, PointRef("no/such")]) == {
            COD: rows[-1], CLOSED: row(1, 1.0, CLOSED)
        }  # fmt: skip


async def test_the_span_is_half_open(bench: Bench) -> None:
    async with bench.opened() as store:
        await store.write([payload(0, *(row(second, float(second)) for second in range(4)))])
        await store.secure()
        await eventually(lambda: read(store), [row(second, float(second)) for second in range(4)])
        found = await store.raw(COD, from_ms=NOW_MS + 1000, to_ms=NOW_MS + 3000)
        assert [item.value for item in found] == [1.0, 2.0]


async def test_buckets_sum_up_and_show_the_worst_quality(bench: Bench) -> None:
    rows = [row(second, float(second)) for second in range(10)]
    rows[7] = row(7, None, quality=Quality.UNCERTAIN, reason=Reason.RANGE)
    async with bench.opened() as store:
        await store.write([payload(0, *rows)])
        await store.secure()
        await eventually(lambda: read(store), rows)
        low, high = await store.buckets(COD, from_ms=NOW_MS, to_ms=NOW_MS + 10_000, count=2)
        assert (low.start_ms, low.min, low.max, low.mean, low.last, low.count, low.quality) == (
            NOW_MS, 0.0, 4.0, 2.0, 4.0, 5, Quality.GOOD
        )  # fmt: skip
        assert (high.min, high.max, high.mean, high.last, high.count, high.quality) == (
            5.0, 9.0, 7.0, 9.0, 5, Quality.UNCERTAIN
        )  # fmt: skip


async def test_buckets_are_the_same_from_every_store(bench: Bench) -> None:
    dice = random.Random(20261122)
    qualities = [(Quality.GOOD, None)] * 6 + [(Quality.UNCERTAIN, Reason.STALE), (Quality.BAD, Reason.RANGE)]
    rows = []
    for at_ms in sorted(dice.sample(range(100_000), 400)):
        quality, reason = dice.choice(qualities)
        value = None if quality is not Quality.GOOD and dice.random() < 0.3 else dice.randrange(-800, 800) / 8
        rows.append(row(at_ms / 1000, value, quality=quality, reason=reason))
    async with bench.opened() as store:
        await store.write([payload(offset, *rows[offset::7]) for offset in range(7)])
        await store.secure()
        await eventually(lambda: read(store), rows)
        for from_ms, to_ms, count in (
            (0, 100_000, 10),
            (0, 100_000, 7),
            (1, 99_999, 300),
            (50_000, 50_500, 3),
        ):
            span = {"from_ms": NOW_MS + from_ms, "to_ms": NOW_MS + to_ms, "count": count}
            assert list(await store.buckets(COD, **span)) == list(sum_up(track_of(rows), **span))


async def test_gaps_are_told_with_their_ends(bench: Bench) -> None:
    rows = [row(10, 1.0), row(11, None, quality=Quality.BAD, reason=Reason.LINK), row(30, 2.0)]
    async with bench.opened() as store:
        await store.write([payload(0, *rows)])
        await store.secure()
        await eventually(lambda: read(store), rows)
        span = {"from_ms": NOW_MS, "to_ms": NOW_MS + 60_000}
        assert list(await store.gaps(COD, **span, longer_ms=9_999)) == [
            Gap(NOW_MS, NOW_MS + 10_000), Gap(NOW_MS + 11_000, NOW_MS + 30_000), Gap(NOW_MS + 30_000, NOW_MS + 60_000),
        ]  # fmt: skip
        assert list(await store.gaps(COD, **span, longer_ms=19_000)) == [
            Gap(NOW_MS + 30_000, NOW_MS + 60_000)
        ]
        assert list(await store.gaps(CLOSED, **span, longer_ms=1)) == [Gap(NOW_MS, NOW_MS + 60_000)]


async def test_a_sample_of_this_very_moment_and_one_from_a_clock_ahead_are_found(bench: Bench) -> None:
    now_s = (CLOCK.now_ms() - NOW_MS) / 1000
    async with bench.opened() as store:
        await store.write([payload(0, row(now_s, 1.0), row(now_s + 3600, 2.0, CLOSED))])
        await store.secure()

        async def latest() -> object:
            return await store.latest([COD, CLOSED])

        await eventually(latest, {COD: row(now_s, 1.0), CLOSED: row(now_s + 3600, 2.0, CLOSED)})
        assert dict(await store.counts()) == {COD: 1, CLOSED: 1}


async def test_a_payload_that_comes_again_changes_nothing_and_is_counted(bench: Bench) -> None:
    first = payload(0, row(1, 1.0), row(2, 2.0))
    async with bench.opened() as store:
        assert not store.was_seen(first.name)
        await store.write([first])
        await store.secure()
        assert store.was_seen(first.name)
        await eventually(lambda: read(store), rows_of(first.samples))
        await store.write([first, payload(1, row(3, 3.0))])
        await store.secure()
        await eventually(lambda: read(store), [*rows_of(first.samples), row(3, 3.0)])
        tally = await store.tally()
        assert (tally.samples, tally.duplicates, tally.conflicts, tally.redelivered) == (3, 2, 0, 1)


async def test_a_conflicting_value_never_replaces_the_first(bench: Bench) -> None:
    async with bench.opened() as store:
        await store.write([payload(0, row(1, 9.0), row(2, 2.0))])
        await store.secure()
        await eventually(lambda: read(store), [row(1, 9.0), row(2, 2.0)])
        await store.write([payload(0, row(1, 99.0), row(2, 2.0))])
        await store.secure()
        await eventually(lambda: read(store), [row(1, 9.0), row(2, 2.0)])
        tally = await store.tally()
        assert (tally.samples, tally.conflicts) == (2, 1)


async def test_what_another_process_wrote_is_neither_doubled_nor_replaced(bench: Bench) -> None:
    """Two workers share the load: a redelivery reaches the one that has never seen the payload, while it is still fresh."""
    if isinstance(bench.settings, StoreSettings) and bench.settings.kind == "sqlite":
        with pytest.raises(StorageError, match="another process"):
            async with bench.opened(), bench.opened():
                pass
        return
    first = payload(0, row(1, 9.0), row(2, 2.0), row(3, 3.0, quality=Quality.BAD, reason=Reason.RANGE))
    again = payload(0, row(1, 99.0), row(2, 2.0), row(3, 3.0), row(4, 4.0), is_first=False)
    async with bench.opened() as one, bench.opened() as other:
        await one.write([first])
        await other.write([again, payload(1, row(5, 5.0), is_first=False)])
        await other.secure()
        wanted = [*rows_of(first.samples), row(4, 4.0), row(5, 5.0)]
        await eventually(lambda: read(other), wanted)
        tally = await other.tally()
        assert (tally.samples, tally.duplicates, tally.conflicts) == (5, 1, 2)


async def test_late_samples_fall_into_place(bench: Bench) -> None:
    async with bench.opened() as store:
        await store.write([payload(5, row(10, 10.0), row(4000, 4000.0))])
        await store.write([payload(2, row(5, 5.0), row(3599.999, 1.0))])
        await store.secure()
        wanted = [row(5, 5.0), row(10, 10.0), row(3599.999, 1.0), row(4000, 4000.0)]
        await eventually(lambda: read(store), wanted)


async def test_a_payload_without_samples_is_remembered(bench: Bench) -> None:
    async with bench.opened() as store:
        await store.write([payload(7)])
        assert await is_durable(store, payload(7))
        assert store.was_seen(payload(7).name)
        assert (await store.tally()).samples == 0


async def test_parks_do_not_mix(bench: Bench) -> None:
    async with bench.opened() as store:
        await store.write([payload(0, row(1, 1.0))])
        await store.secure()
        await eventually(lambda: read(store), [row(1, 1.0)])
    async with bench.opened(ParkId("elsewhere")) as other:
        assert await read(other) == []
        assert not await other.counts()


async def test_history_reads_beside_the_writer(bench: Bench) -> None:
    history = bench.history()
    async with bench.opened() as store:
        await store.write([payload(0, row(1, 1.0))])
        await store.secure()

        async def beside() -> Sequence[Row]:
            return list(await history.raw(COD, from_ms=NOW_MS, to_ms=NOW_MS + 2000))

        await eventually(beside, [row(1, 1.0)])
    await history.close()


async def test_what_is_durable_survives_a_killed_server(victoria: Bench) -> None:
    assert victoria.server is not None
    rows = [row(second / 10, float(second)) for second in range(1000)]
    async with victoria.opened() as store:
        assert not store.is_durable_when_written
        await store.write([payload(0, *rows)])
        assert await is_durable(store, payload(0))
        victoria.server.kill()
        victoria.server.start()
        await eventually(lambda: read(store), rows)


async def test_a_restart_between_write_and_snapshot_is_not_called_durable(victoria: Bench) -> None:
    assert victoria.server is not None
    async with victoria.opened() as store:
        await store.write([payload(0, row(1, 1.0))])
        victoria.server.kill()
        await asyncio.sleep(1.1)  # its start is told in whole seconds
        victoria.server.start()
        assert not await is_durable(store, payload(0))
        await store.write([payload(0, row(1, 1.0))])
        assert await is_durable(store, payload(0))
        await eventually(lambda: read(store), [row(1, 1.0)])


async def test_rows_thrown_away_by_the_server_are_not_called_durable(victoria: Bench) -> None:
    async with victoria.opened() as store:
        await store.write([payload(0, row(-400 * 86_400, 1.0))])
        assert not await is_durable(store, payload(0))
        assert store.oldest_ms(NOW_MS) > NOW_MS - 400 * 86_400_000


async def test_a_server_that_would_keep_what_comes_twice_twice_is_refused(victoria: Bench) -> None:
    assert victoria.server is not None
    victoria.server.kill()
    victoria.server.start("-dedup.minScrapeInterval=0s")
    async with victoria.opened() as store:
        with pytest.raises(StorageError, match=r"start VictoriaMetrics with -dedup\.minScrapeInterval=1ms"):
            await store.write([payload(0, row(1, 1.0))])
        assert not store.was_seen(payload(0).name)


async def test_a_server_that_is_gone_is_a_storage_error(victoria: Bench) -> None:
    assert victoria.server is not None
    async with victoria.opened() as store:
        await store.write([payload(0, row(1, 1.0))])
        victoria.server.kill()
        with pytest.raises(StorageError):
            await store.write([payload(1, row(2, 2.0))])
        with pytest.raises(StorageError):
            await store.secure()
        with pytest.raises(StorageError):
            await read(store)


async def test_the_influxdb_adapter_writes_lines_that_a_compatible_server_takes(victoria: Bench) -> None:
    assert isinstance(victoria.settings, StoreSettings)
    influx = Bench(victoria.settings.model_copy(update={"kind": "influxdb2"}))
    async with influx.opened() as writer, victoria.opened() as reader:
        assert writer.is_durable_when_written
        await writer.write([payload(0, row(1, 1.5), row(2, None, quality=Quality.BAD, reason=Reason.LINK))])
        await reader.secure()
        await eventually(
            lambda: read(reader), [row(1, 1.5), row(2, None, quality=Quality.BAD, reason=Reason.LINK)]
        )


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 500, 503])
async def test_each_refusal_of_influxdb_s_contract_is_a_storage_error(tmp_path: Path, status: int) -> None:
    with InfluxServer() as server:
        server.refuse_with = status
        bench = Bench(StoreSettings(kind="influxdb2", url=server.url))
        async with bench.opened() as store:
            with pytest.raises(StorageError, match="does not take"):
                await store.write([payload(0, row(1, 1.0))])
            assert not store.was_seen(payload(0).name)
            with pytest.raises(StorageError, match="does not answer"):
                await store.counts()
        assert server.violations == []

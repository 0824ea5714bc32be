"""Text points are kept once by point and time, the first one stays, and old ones go with their retention."""

from pathlib import Path

from domain.ids import GatewayId, PointRef
from domain.quality import Quality, Reason
from ingest.database import OwnDatabase
from ingest.judge import Text
from ingest.texts import TextRow, Texts, TextTally, read_texts, tally_texts
from stores.codes import code_of
from stores.port import PayloadName

POINT = PointRef("hc_analyser/serial")
LOST = code_of(Quality.BAD, Reason.LINK)


def text(at_ms: int, value: str | None, code: int = 0) -> Text:
    return Text(0, POINT, at_ms, value, code)


def name(offset: int) -> PayloadName:
    return PayloadName(GatewayId("gw_east"), "a" * 32, offset)


async def test_the_same_text_is_kept_once_and_a_differing_one_apart(tmp_path: Path) -> None:
    path = tmp_path / "ingest.sqlite"
    for start in range(2):
        database = OwnDatabase(path)
        texts = Texts(database)
        await texts.keep([(name(0), text(1, "A")), (name(0), text(2, None, LOST))])
        await texts.keep([(name(start), text(1, "B"))])
        await database.close()
    found = read_texts(path, POINT, from_ms=0, to_ms=10)
    assert found == [
        TextRow(POINT, 1, "A", Quality.GOOD, None), TextRow(POINT, 2, None, Quality.BAD, Reason.LINK)
    ]  # fmt: skip
    assert tally_texts(path) == TextTally(samples=2, conflicts=1)
    assert read_texts(path, POINT, from_ms=2, to_ms=2) == []


async def test_two_workers_of_a_machine_share_the_database(tmp_path: Path) -> None:
    path = tmp_path / "ingest.sqlite"
    one, other = OwnDatabase(path), OwnDatabase(path)
    await Texts(one).keep([(name(0), text(1, "A"))])
    await Texts(other).keep([(name(0), text(1, "A")), (name(1), text(2, "B"))])
    await Texts(one).forget(2)
    assert [row.value for row in read_texts(path, POINT, from_ms=0, to_ms=10)] == ["B"]
    await one.close()
    await other.close()

"""Whatever a disk makes of a journal: it opens, what it gives out is what was put in, and what is damaged takes no other along."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import StorageError
from runtime.clock import ManualClock
from runtime.journal import Journal
from runtime.journal_format import Entry

PAYLOADS = tuple(b"payload %d " % number * 5 for number in range(40))


def opened(folder: Path, epoch: str) -> Journal:
    return Journal.open(folder, gateway="gw", epoch=epoch, clock=ManualClock(), segment_bytes=1_000)


def written(folder: Path) -> None:
    journal = opened(folder, "a" * 32)
    for payload in PAYLOADS:
        journal.append("topic", payload, is_sent=False)
    journal.close()


def damage(data: bytes, chance: random.Random, junk: bytes) -> bytes:
    first, last = sorted((chance.randrange(len(data)), chance.randrange(len(data))))
    return (
        data[:first],
        data[:first] + junk + data[first:],
        data[:first] + junk + data[last:],
        data[:first] + bytes([data[first] ^ 1 << chance.randrange(8)]) + data[first + 1 :],
        bytes(len(data)),
    )[chance.randrange(5)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(chance=st.randoms(use_true_random=False), junk=st.binary(max_size=40))
def test_a_damaged_segment_gives_out_nothing_false_and_takes_no_other_along(
    chance: random.Random, junk: bytes
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        written(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
        spoilt = chance.choice(files)
        spoilt.write_bytes(damage(spoilt.read_bytes(), chance, junk))
        journal = opened(folder, "b" * 32)
        try:
            found = [entry.payload for entry in everything(journal)]
        except StorageError:
            return
        finally:
            journal.close()
        assert set(found) <= set(PAYLOADS)
        assert len(found) == len(set(found))
        of_one_segment = 1_000 // len(PAYLOADS[0]) + 2
        assert len(found) >= len(PAYLOADS) - of_one_segment


def everything(journal: Journal) -> list[Entry]:
    found: list[Entry] = []
    while batch := list(journal.due(1e6 + len(found))):
        found += batch
        journal.received(batch[0].epoch, tuple((entry.offset, entry.offset) for entry in batch))
        journal.durable(batch[0].epoch, tuple((entry.offset, entry.offset) for entry in batch))
    return found

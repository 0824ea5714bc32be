"""The page that says what stands in the store is true."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np

from stores.codes import MEANINGS
from stores.lines import CODE_FIELDS, DOUBTED, VALUE
from stores.sqlite_schema import SCHEMA, VERSION
from stores.track import HOUR_MS, Track, pack

TEXT = (Path(__file__).parents[3] / "docs" / "protocols" / "store.md").read_text("utf-8")


def test_every_code_is_in_the_table() -> None:
    told = re.findall(r"^\| (\d+) \| (\w+) \| (\w*) \|$", TEXT, re.MULTILINE)
    assert told == [
        (str(code), quality.word, reason.value if reason is not None else "")
        for code, (quality, reason) in enumerate(MEANINGS)
    ]


def test_every_field_and_table_is_described() -> None:
    for name in (VALUE, DOUBTED, *CODE_FIELDS.values(), *re.findall(r"CREATE TABLE (\w+)", SCHEMA)):
        assert f"| `{name}` |" in TEXT
    assert f"(`PRAGMA user_version` is {VERSION})" in TEXT


def test_a_packed_body_is_read_as_the_page_says() -> None:
    track = Track(
        np.array([HOUR_MS * 5 + 7, HOUR_MS * 5 + 1000]), np.array([1.5, -2.0]), np.array([0, 4], np.uint8)
    )
    packed = pack(track, 5)
    assert packed[0] == 1
    body = zlib.decompress(packed[1:])
    assert struct.unpack("<2I", body[:8]) == (7, 993)
    planes = [body[8 + 2 * plane : 10 + 2 * plane] for plane in range(8)]
    assert [struct.unpack("<d", bytes(plane[n] for plane in planes))[0] for n in range(2)] == [1.5, -2.0]
    assert body[24:] == bytes([0, 4])

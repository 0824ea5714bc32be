"""Whatever somebody writes into a park's files, a check ends soon with a list of faults or with a park, never with a traceback."""

import os
import random
import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.errors import Fault
from runtime.parkfiles import check_park, load_park
from runtime.parkfiles.faults import LETTERS_MAX, Faults
from runtime.parkfiles.nodes import BYTES_MAX, DEPTH_MAX, YAML_LETTERS_MAX, parse

PARK = Path(__file__).parents[2] / "parks" / "lingang"
FILES = sorted(
    path.relative_to(PARK).as_posix() for pattern in ("*.yaml", "templates/*") for path in PARK.glob(pattern)
)
SECONDS_MAX = 15.0
"""Of the processor, for one check; it takes a quarter of one, and the most YAML that is read takes some ten."""
MEMORY_KB_MAX = 600_000
"""What this process may have grown to after all of it."""

NASTY = [
    "", " ", "~", "null", "true", "-", "?", ":", "#", "&a x", "*a", "!!int 5", "!!python/object:os.system x",
    "0", "-0", "-1", "00", "1e999", "-1e999", "nan", ".nan", ".inf", "1_000", "1,000", "0x10", "0o17", "1" * 5000,
    "4.0001E+4", "40001.0", "2026/1/1", "12:30:00", "50%", "￥1", "１２", "²", "Ⅻ", "\u200b", "\ufeff", "é", "e\u0301",
    "\U0001f4a9", '"', "'", '"\\ud800"', '"\\0"', "{", "[", "{a: b}", "[a, b]", "[[[[", "|", ">", "<<: *x", "---", "...",
    "a" * 300, "../../etc/passwd", "/dev/zero", "a/b", "a.b", "A", "on", "Yes", "=1+1", "=cmd|' /C calc'!A0", "#REF!",
    "(" * 300, "not " * 300 + "a.b", " + ".join(["1"] * 3000), "1 / 0 * m", "9" * 400 + " * m", "a.b.c.d", "__import__('os')",
]  # fmt: skip

SCALAR = re.compile(r"(?<=[:\-,\[] )[^\s,\]}#][^,\]}#\n]*")
CELL = re.compile(r"(?<=,)[^,\n]*")


@pytest.fixture(scope="module")
def park(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "park"
    return Path(
        shutil.copytree(PARK, folder, ignore=shutil.ignore_patterns("network", "storms", "scenarios"))
    )


def faults_with(park: Path, name: str, data: bytes) -> list[Fault]:
    """What a check says when one file holds `data`; a load says the same. The file is put back."""
    began_s = worked_s()
    path = park / name
    path.write_bytes(data)
    try:
        found = check_park(park)
        if not found:
            assert load_park(park).points
    finally:
        shutil.copy(PARK / name, path)
    assert worked_s() - began_s < SECONDS_MAX
    for fault in found:
        assert fault.kind
        assert fault.message
        assert fault.remedy
        assert str(fault).isprintable()
        assert len(str(fault)) < 4 * LETTERS_MAX
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MEMORY_KB_MAX
    return found


def worked_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def in_place_of(text: str, pattern: re.Pattern[str], chance: random.Random, nasty: str) -> str:
    places = list(pattern.finditer(text))
    place = chance.choice(places)
    return text[: place.start()] + nasty + text[place.end() :]


@settings(
    max_examples=int(os.environ.get("FUZZ", "12")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    name=st.sampled_from(FILES), chance=st.randoms(use_true_random=False), nasty=st.sampled_from(NASTY) | st.text(max_size=20)
)  # fmt: skip
def test_any_value_in_any_place_is_a_fault_or_a_value(
    park: Path, name: str, chance: random.Random, nasty: str
) -> None:
    text = (PARK / name).read_text("utf-8")
    pattern = CELL if name.endswith(".csv") else SCALAR
    mutated = in_place_of(text, pattern, chance, nasty)
    faults_with(park, name, mutated.encode("utf-8", "surrogatepass"))


@settings(
    max_examples=int(os.environ.get("FUZZ", "8")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=st.sampled_from(FILES), chance=st.randoms(use_true_random=False), junk=st.binary(max_size=12))
def test_any_damage_to_any_file_is_a_fault_or_none(
    park: Path, name: str, chance: random.Random, junk: bytes
) -> None:
    data = (PARK / name).read_bytes()
    first, last = sorted((chance.randrange(len(data)), chance.randrange(len(data))))
    kind = chance.randrange(3)
    middle = data[first:last]
    mutated = (
        data[:first] + junk + data[last:],
        data[:last] + middle[:2000] + data[last:],
        data[:first] + junk + data[first:],
    )[kind]
    faults_with(park, name, mutated)


CSV, WORDS = "templates/pools.csv", "templates/plant_outlet_word.csv"


def whole(name: str) -> str:
    return (PARK / name).read_text("utf-8")


def examples() -> Iterator[tuple[str, str, bytes, set[str]]]:
    """(what, file, its bytes, the kinds of faults that it must give)."""
    yaml, csv = whole("park.yaml"), whole(CSV)
    header, rest = csv.split("\n", 1)
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )  # fmt: skip
    yield "a bomb of anchors", "park.yaml", bomb.encode(), {"anchor"}
    yield "a thing in itself", "park.yaml", b"a: &a\n  b: *a\n", {"anchor"}
    yield "deep brackets", "park.yaml", b"a: " + b"[" * 100_000, {"syntax"}
    yield "deep braces, closed", "park.yaml", b"a: " + b"{a: " * 4000 + b"1" + b"}" * 4000, {"syntax"}
    yield "deep indents", "park.yaml", b"".join(b" " * n + b"a:\n" for n in range(1200)), {"syntax"}
    yield "deep dashes", "park.yaml", b"- " * 20_000, {"syntax"}
    yield "a huge file", "park.yaml", b"#" * (BYTES_MAX + 1), {"file-too-large"}
    yield "a huge list of points", CSV, b"#" * (BYTES_MAX + 1), {"file-too-large"}
    yield "much YAML", "park.yaml", b"#" * (YAML_LETTERS_MAX + 1), {"file-too-large"}
    yield "a huge scalar", "park.yaml", yaml.encode() + b'x: "' + b"y" * 900_000 + b'"\n', {"unknown-key"}
    yield "a huge cell", CSV, csv.encode() + b"x" * 200_000 + b"\n", {"csv-cells"}
    yield "a cell without an end", CSV, header.encode() + b'\n"' + rest.encode() * 200, {"csv-cells"}
    yield (
        "no number of a version",
        "park.yaml",
        b"%YAML 1." + b"9" * 5000 + b"\n---\n" + yaml.encode(),
        {"syntax"},
    )
    yield "no letter", "park.yaml", b'id: "\\U00110000"\n', {"syntax"}
    yield "half a letter", "park.yaml", yaml.encode() + b'"\\ud800": x\n', {"syntax", "unknown-key"}
    yield "nothing", "park.yaml", b"", {"syntax"}
    yield "zeros", "park.yaml", b"\0" * 1000, {"syntax"}
    yield "UTF-16, as Excel's Unicode text", CSV, csv.encode("utf-16"), {"encoding"}
    yield "GBK, as a Chinese Excel saves CSV", CSV, csv.encode("gbk"), {"encoding"}
    yield "GBK", "enterprises.yaml", whole("enterprises.yaml").encode("gbk"), {"encoding"}
    yield "semicolons, as a German Excel saves", CSV, csv.replace(",", ";").encode(), {"csv-header"}
    yield "a line that tells Excel the comma", CSV, b"sep=,\n" + csv.encode(), {"csv-header"}
    yield "a header alone", CSV, header.encode(), {"empty-slot", "missing-feedback"}
    for what in ("²", "٣", "--5", "1" * 5000, "1e1"):
        bits = whole(WORDS).replace(",bit,1,", f",bit,{what},", 1)
        yield f"{what[:3]} for a bit", WORDS, bits.encode(), {"out-of-range", "missing-feedback"}
    yield "tabs", CSV, csv.replace(",", "\t").encode(), {"csv-header"}
    yield "a mark and other ends", CSV, b"\xef\xbb\xbf" + csv.replace("\n", "\r\n").encode(), set()
    yield "the ends of an old Macintosh", CSV, csv.replace("\n", "\r").encode(), set()
    yield "empty rows and cells, as Excel leaves them", CSV, csv.encode() + b"\n" + b"," * 16 + b"\n\n", set()


@pytest.mark.parametrize(
    ("name", "data", "kinds"),
    [pytest.param(*case, id=what) for what, *case in examples()],
)
def test_what_has_been_tried_before(park: Path, name: str, data: bytes, kinds: set[str]) -> None:
    found = {fault.kind for fault in faults_with(park, name, data)}
    assert found <= kinds | {"unknown-reference", "missing-field", "no-drive"}, found
    assert found & kinds or not kinds


@given(st.text(max_size=200))
@example("%YAML 1." + "9" * 5000)
@example('a: "\\U00110000"')
@example("a: " + "[" * (DEPTH_MAX + 1))
@example("? [")
@example("!<")
@example("a: !!binary ===")
@example("\ud800")
def test_any_text_is_a_mapping_or_a_fault(text: str) -> None:
    faults = Faults()
    block = parse(text, "x.yaml", faults)
    assert (block is None) <= bool(faults.found)


SYNTAX = "".join(map(chr, range(32, 127))) + "\n\t：，"


@given(st.text(SYNTAX, max_size=60))
def test_any_signs_are_a_mapping_or_a_fault(text: str) -> None:
    faults = Faults()
    assert (parse(f"a:\n  {text}\n", "x.yaml", faults) is None) <= bool(faults.found)

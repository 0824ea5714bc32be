"""HJ 212 on hostile bytes: nothing crashes, nothing grows, and a frame among rubbish is never lost or invented."""

from hypothesis import given
from hypothesis import strategies as st

from domain.logger import Mode
from wire.hj212 import Frame, encode
from wire.hj212_body import read_body
from wire.hj212_stream import FRAME_BYTES_MAX, Found, FrameStream, Rubbish

names = st.text(alphabet="0123456789abcdefXYZ", min_size=1, max_size=6)
values = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="&;,=/\r\n#", exclude_categories=["Cc", "Cs"]),
    max_size=12,
)
areas = st.lists(st.tuples(names, values), max_size=20).map(
    lambda pairs: ";".join(f"{name}-Rtd={value}" for name, value in pairs)
)
frames = st.builds(
    Frame,
    qn=st.none() | st.integers(10**16, 10**17 - 1).map(str),
    st=st.integers(10, 99).map(str),
    cn=st.sampled_from(["2011", "2051", "9014", "9015"]),
    pw=st.text(alphabet="0123456789", min_size=6, max_size=6),
    mn=st.text(alphabet="0123456789ABCDEF", min_size=24, max_size=24),
    flag=st.none() | st.sampled_from([4, 5, 8, 9]),
    cp=areas,
)
rubbish = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"##", b"##0000", b"##9999", b"\r\n", b"&&", b"##0010QN=1;CP=&&\r\n", b"#", b"\r"]),
    frames.map(encode).flatmap(lambda data: st.integers(0, len(data) - 3).map(lambda cut: data[:cut])),
)


def fed(stream: FrameStream, data: bytes, sizes: list[int]) -> list[Found]:
    found: list[Found] = []
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)] if sizes else len(data)
        found += stream.feed(data[at : at + size])
        assert stream.waiting <= FRAME_BYTES_MAX
        at, turn = at + size, turn + 1
    return found


@given(frames, st.sampled_from(Mode))
def test_a_frame_survives_the_wire(frame: Frame, mode: Mode) -> None:
    found = FrameStream(mode).feed(encode(frame))
    if mode is Mode.STRICT and (frame.qn is None or frame.flag is None):
        assert [type(item) for item in found] == [Rubbish]
    else:
        assert found == [frame]


@given(
    st.lists(st.one_of(frames, rubbish), max_size=8),
    st.lists(st.integers(1, 300), max_size=5),
)
def test_every_whole_frame_on_a_line_of_its_own_is_found_in_its_order(
    parts: list[Frame | bytes], sizes: list[int]
) -> None:
    """Each frame begins a line; before it stands whatever came before, ended by CR LF."""
    data = b"".join(encode(part) if isinstance(part, Frame) else part + b"\r\n" for part in parts)
    found = [item for item in fed(FrameStream(), data, sizes) if isinstance(item, Frame)]
    wanted = [part for part in parts if isinstance(part, Frame)]
    rest = iter(found)
    assert all(any(item == frame for item in rest) for frame in wanted)


@given(st.binary(max_size=3000), st.lists(st.integers(1, 500), max_size=4), st.sampled_from(Mode))
def test_any_bytes_are_survived_and_counted(data: bytes, sizes: list[int], mode: Mode) -> None:
    stream = FrameStream(mode)
    found = [*fed(stream, data, sizes), *stream.flush()]
    assert sum(item.count for item in found if isinstance(item, Rubbish)) <= len(data)
    for item in found:
        if isinstance(item, Frame):
            read_body(item.cp)


@given(st.text(max_size=400))
def test_any_data_area_is_read(text: str) -> None:
    body = read_body(text)
    assert sum(map(len, body.parameters.values())) <= len(text)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_where_the_bytes_are_cut_makes_no_difference(data: bytes, cut: int) -> None:
    whole, parts = FrameStream(), FrameStream()
    assert whole.feed(data) == [*parts.feed(data[:cut]), *parts.feed(data[cut:])]

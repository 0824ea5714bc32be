"""What we encode is decoded to the same, and no bytes at all do anything but decode or be refused."""

from hypothesis import given
from hypothesis import strategies as st

from domain.errors import RemoteProtocolError
from domain.quality import Quality, Reason
from wire.sparkplug import REASON_KEY, DataType, Metric, Payload, decode, encode, parse_uuid, payload_uuid

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(bool)
times = st.none() | st.integers(0, 2**53 - 1)
trust = st.one_of(
    st.just((Quality.GOOD, None)),
    st.tuples(st.sampled_from([Quality.UNCERTAIN, Quality.BAD]), st.none() | st.sampled_from(Reason)),
)
properties = st.dictionaries(
    texts.filter(lambda key: key not in {"", "Quality", REASON_KEY}),
    texts | st.floats(allow_nan=False) | st.integers(0, 2**31 - 1),
    max_size=3,
)


def whole(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


values = st.one_of(
    st.tuples(st.just(DataType.DOUBLE), st.floats(allow_nan=False)),
    st.tuples(st.just(DataType.BOOLEAN), st.booleans()),
    st.tuples(st.sampled_from([DataType.STRING, DataType.TEXT]), texts),
    *(
        st.tuples(st.just(DataType[f"{sign}{bits}"]), whole(bits, signed=sign == "INT"))
        for sign in ("INT", "UINT")
        for bits in (8, 16, 32, 64)
    ),
    st.tuples(st.sampled_from(DataType), st.none()),
)
metrics = st.builds(
    lambda name, value, at, trusted, extra: Metric(
        name=name,
        datatype=value[0],
        value=value[1],
        timestamp_ms=at,
        quality=trusted[0],
        reason=trusted[1],
        properties=extra,
    ),
    names,
    values,
    times,
    trust,
    properties,
)
uuids = st.builds(
    payload_uuid, st.text("0123456789abcdef", min_size=32, max_size=32), st.integers(0, 10**18 - 1)
)
payloads = st.builds(
    Payload,
    timestamp_ms=times,
    metrics=st.lists(metrics, max_size=5).map(tuple),
    seq=st.none() | st.integers(0, 255),
    uuid=st.none() | uuids,
)


@given(payloads)
def test_round_trip(payload: Payload) -> None:
    assert decode(encode(payload)) == payload


@given(payloads)
def test_the_same_payload_has_the_same_bytes(payload: Payload) -> None:
    assert encode(payload) == encode(decode(encode(payload)))


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    try:
        payload = decode(data)
    except RemoteProtocolError:
        return
    assert all(metric.name for metric in payload.metrics)


@given(payloads, st.data())
def test_damaged_bytes_decode_or_are_refused(payload: Payload, data: st.DataObject) -> None:
    whole_bytes = bytearray(encode(payload) or b"\x00")
    at = data.draw(st.integers(0, len(whole_bytes) - 1))
    whole_bytes[at] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(whole_bytes))
    except RemoteProtocolError:
        return


@given(uuids)
def test_a_payloads_name_gives_epoch_and_offset(uuid: str) -> None:
    epoch, offset = parse_uuid(uuid)
    assert payload_uuid(epoch, offset) == uuid


@given(texts)
def test_any_other_name_is_refused_or_the_same(uuid: str) -> None:
    try:
        epoch, offset = parse_uuid(uuid)
    except RemoteProtocolError:
        return
    assert len(epoch) == 32
    assert offset >= 0

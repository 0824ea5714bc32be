"""Measures the bytes: a Sparkplug payload of one device, and a signed command, in and out."""

import json
from functools import partial

from benchmarks.report import Report, Row, Size
from benchmarks.timing import seconds_each
from wire.canonical import Json
from wire.signing import Role, load_signer, load_verifier, new_key, public_part
from wire.sparkplug import DataType, Metric, Payload, decode, encode, payload_uuid

NAME = "telegrams"
POINTS = 100
"""Of one device and poll."""


def payload() -> Payload:
    """One poll of a device with a hundred points, as a gateway journals it."""
    metrics = tuple(
        Metric(
            name=f"hc_unit/point_{n}", value=n * 1.5, datatype=DataType.DOUBLE, timestamp_ms=1_700_000_000_000
        )
        for n in range(POINTS)
    )
    return Payload(timestamp_ms=1_700_000_000_000, metrics=metrics, seq=7, uuid=payload_uuid("0" * 32, 123))


def run(size: Size) -> Report:
    whole = payload()
    data = encode(whole)
    token, signed_s, verified_s = _command(size)
    encoded_s, decoded_s = (
        seconds_each(partial(encode, whole), size),
        seconds_each(partial(decode, data), size),
    )
    of = f"a payload of {POINTS} doubles, {len(data)} bytes"
    signed = f"a command signed by Ed25519, {len(token)} bytes"
    return Report(
        benchmark=NAME,
        rows=[
            Row(load=of, metric="encode_us_per_point", value=encoded_s / POINTS * 1e6, unit="µs/point"),
            Row(load=of, metric="decode_us_per_point", value=decoded_s / POINTS * 1e6, unit="µs/point"),
            Row(load=signed, metric="sign_us", value=signed_s * 1e6, unit="µs"),
            Row(load=signed, metric="verify_us", value=verified_s * 1e6, unit="µs"),
        ],
    )


def _command(size: Size) -> tuple[bytes, float, float]:
    """Return a signed command, and the seconds to sign and to verify it."""
    private = new_key(kid="control-1", role=Role.CONTROL, identity="control")
    signer = load_signer(json.dumps(private))
    verifier = load_verifier(json.dumps({"keys": [public_part(private)]}))
    body: Json = {
        "id": "c" * 32,
        "actuator": "hc_outlet",
        "action": "close",
        "challenge": "0" * 32,
        "term": 3,
    }
    token = signer.sign(body)
    signed_s = seconds_each(partial(signer.sign, body), size)
    return token, signed_s, seconds_each(partial(verifier.verify, token, roles=(Role.CONTROL,)), size)

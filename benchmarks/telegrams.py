"""Measures the bytes: a Sparkplug payload of one device, and a signed command, in and out."""

import json
from collections.abc import Iterator
from functools import partial

from benchmarks.figure import Figure, seconds_each
from wire.canonical import Json
from wire.signing import Role, load_signer, load_verifier, new_key, public_part
from wire.sparkplug import DataType, Metric, Payload, decode, encode, payload_uuid

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


def measure() -> Iterator[Figure]:
    whole = payload()
    data = encode(whole)
    of = f"{POINTS} doubles, {len(data)} bytes"
    each = seconds_each(partial(encode, whole))
    yield Figure(name="sparkplug encode", value=each / POINTS * 1e6, unit="µs/point", of=of)
    each = seconds_each(partial(decode, data))
    yield Figure(name="sparkplug decode", value=each / POINTS * 1e6, unit="µs/point", of=of)

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
    of = f"Ed25519, {len(token)} bytes"
    yield Figure(name="command sign", value=seconds_each(partial(signer.sign, body)) * 1e6, unit="µs", of=of)
    each = seconds_each(partial(verifier.verify, token, roles=(Role.CONTROL,)))
    yield Figure(name="command verify", value=each * 1e6, unit="µs", of=of)

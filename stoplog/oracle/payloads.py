"""Puts one journalled payload into words: the samples of a Sparkplug payload, the body of a signed record."""

import base64
import json

from domain.errors import RemoteProtocolError
from stoplog.oracle.segments import Entry
from wire.sparkplug import decode


def in_words(entry: Entry) -> dict[str, object]:
    """Return name, time, topic and content of `entry`; of what is neither samples nor record, its bytes."""
    words: dict[str, object] = {
        "payload": f"{entry.epoch}-{entry.offset}",
        "gateway": entry.gateway,
        "appended_ms": entry.appended_ms,
        "topic": entry.topic,
        "bytes": len(entry.payload),
    }
    record = _record(entry.payload)
    if record is not None:
        return {**words, "record": record}
    try:
        payload = decode(entry.payload)
    except RemoteProtocolError as error:
        return {**words, "unreadable": str(error), "hex": entry.payload.hex()}
    metrics = [
        {
            "point": metric.name,
            "value": metric.value,
            "quality": metric.quality.name.lower(),
            "reason": metric.reason.value if metric.reason else None,
            "time_ms": metric.timestamp_ms,
        }
        for metric in payload.metrics
    ]
    return {**words, "uuid": payload.uuid, "seq": payload.seq, "metrics": metrics}


def _record(token: bytes) -> object:
    """Return the body of a compact JWS, unverified; None when it is none."""
    parts = token.split(b".")
    if len(parts) != 3:
        return None
    try:
        body: object = json.loads(base64.urlsafe_b64decode(parts[1] + b"=="))
    except ValueError:
        return None
    return body

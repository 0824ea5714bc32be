"""Canonical JSON (RFC 8785): the one spelling of a value, so that it can be signed and hashed."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

import rfc8785

from domain.errors import RemoteProtocolError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def dumps(value: Json) -> bytes:
    """Return the canonical bytes. Raises LocalProtocolError-worthy ValueError on NaN, infinities and integers ≥ 2⁵³."""
    return rfc8785.dumps(value)


def loads(data: bytes) -> dict[str, Json]:
    """Return the object in `data`. Raises RemoteProtocolError unless it is one JSON object with unique keys."""
    try:
        value = json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
        if b"\\" in data:
            # An escaped half of a surrogate pair is no text: nothing could write it down again.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {error}"
        raise RemoteProtocolError(message) from error
    if not isinstance(value, dict):
        message = "not a JSON object"
        raise RemoteProtocolError(message)
    return value


def digest(value: Json) -> str:
    """Return the SHA-256 (hexadecimal) of the canonical bytes."""
    return hashlib.sha256(dumps(value)).hexdigest()


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key stands twice"
        raise ValueError(message)
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        message = f"{text[:20]} is too large"
        raise ValueError(message)
    return value


def _no_constant(name: str) -> Json:
    message = f"{name} is not JSON"
    raise ValueError(message)

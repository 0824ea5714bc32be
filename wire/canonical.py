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
    if _is_plain(value):
        # The same bytes, ten times sooner: most of what is signed is text, and C's encoder escapes and sorts as RFC 8785 has it.
        return _PLAIN.encode(value).encode()
    return rfc8785.dumps(value)


_PLAIN = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_INTEGER_MAX = 2**53 - 1


def _is_plain(value: Json) -> bool:
    """Whether both encoders spell `value` alike: no floats, whole numbers below 2⁵³, keys that sort alike in every encoding."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -_INTEGER_MAX <= value <= _INTEGER_MAX  # type: ignore[operator]
    if kind is dict:
        return all(type(key) is str and key.isascii() and _is_plain(item) for key, item in value.items())  # type: ignore[union-attr]
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))  # type: ignore[arg-type]
    return False


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

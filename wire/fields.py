"""Reading a peer's JSON object field by field, refusing what is missing or of another type by name."""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from domain.errors import RemoteProtocolError
from wire.canonical import Json

Choice = TypeVar("Choice", bound=StrEnum)

INTEGER_MAX = 2**53 - 1
"""The largest whole number that a double holds exactly (RFC 7493, section 2.2)."""


class Fields:
    """One JSON object of a peer."""

    def __init__(self, body: Mapping[str, Json]) -> None:
        self._body = body

    @classmethod
    def of(cls, name: str, value: Json) -> "Fields":
        """Return the fields of the object `value`. Raises RemoteProtocolError when it is none."""
        if not isinstance(value, Mapping):
            raise _wrong(name, "an object", value)
        return cls(value)

    def text(self, name: str) -> str:
        """Return a string."""
        return self.as_text(name, self._get(name))

    def text_or_none(self, name: str) -> str | None:
        """Return a string, or None when the field is null or absent."""
        value = self._body.get(name)
        return None if value is None else self.as_text(name, value)

    def integer(self, name: str) -> int:
        """Return a whole number."""
        return self.as_integer(name, self._get(name))

    def integer_or_none(self, name: str) -> int | None:
        """Return a whole number, or None when the field is null or absent."""
        return self.as_integer_or_none(name, self._body.get(name))

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise _wrong(name, "true or false", value)
        return value

    def scalar(self, name: str) -> bool | float | str | None:
        """Return a boolean, number, string or null."""
        value = self._get(name)
        if value is None or isinstance(value, bool | str):
            return value
        return self.as_number(name, value)

    def sequence(self, name: str) -> Sequence[Json]:
        """Return an array."""
        value = self._get(name)
        if not isinstance(value, list):
            raise _wrong(name, "an array", value)
        return value

    def mapping(self, name: str) -> Mapping[str, Json]:
        """Return an object."""
        value = self._get(name)
        if not isinstance(value, Mapping):
            raise _wrong(name, "an object", value)
        return value

    def one_of(self, name: str, choices: type[Choice]) -> Choice:
        """Return the member of `choices`."""
        text = self.text(name)
        try:
            return choices(text)
        except ValueError:
            raise _wrong(name, f"one of {', '.join(choices)}", text) from None

    @staticmethod
    def as_text(name: str, value: Json) -> str:
        """Return `value`, which must be a string."""
        if not isinstance(value, str):
            raise _wrong(name, "a string", value)
        return value

    @staticmethod
    def as_integer(name: str, value: Json) -> int:
        """Return `value`, which must be a whole number that every JSON reader keeps exactly (RFC 7493, section 2.2)."""
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > INTEGER_MAX:
            raise _wrong(name, f"a whole number within ±{INTEGER_MAX}", value)
        return value

    @staticmethod
    def as_integer_or_none(name: str, value: Json) -> int | None:
        """Return `value`, which must be a whole number or null."""
        return None if value is None else Fields.as_integer(name, value)

    @staticmethod
    def as_number(name: str, value: Json) -> float:
        """Return `value`, which must be a number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(name, "a number", value)
        if abs(value) > sys.float_info.max:
            raise _wrong(name, "a finite number", value)
        return float(value)

    def _get(self, name: str) -> Json:
        if name not in self._body:
            message = f"the field {name} is missing"
            raise RemoteProtocolError(message)
        return self._body[name]


def _wrong(name: str, wanted: str, value: Json) -> RemoteProtocolError:
    return RemoteProtocolError(f"the field {name} must be {wanted}, not {str(value)[:80]!r}")

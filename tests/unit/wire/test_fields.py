"""Reading a peer's object: each accessor takes its own type and refuses all others by the field's name."""

from collections.abc import Callable

import pytest

from domain.command import Action
from domain.errors import RemoteProtocolError
from wire.canonical import Json
from wire.fields import Fields

VALUES: list[Json] = [None, True, 0, 7, 2.5, "", "close", [], [1], {}, {"a": 1}]
ACCESSORS: dict[str, tuple[Callable[[Fields], object], Callable[[Json], bool]]] = {
    "text": (lambda fields: fields.text("f"), lambda value: isinstance(value, str)),
    "text_or_none": (
        lambda fields: fields.text_or_none("f"),
        lambda value: value is None or isinstance(value, str),
    ),
    "integer": (lambda fields: fields.integer("f"), lambda value: type(value) is int),
    "integer_or_none": (
        lambda fields: fields.integer_or_none("f"),
        lambda value: value is None or type(value) is int,
    ),
    "boolean": (lambda fields: fields.boolean("f"), lambda value: isinstance(value, bool)),
    "scalar": (lambda fields: fields.scalar("f"), lambda value: not isinstance(value, list | dict)),
    "sequence": (lambda fields: fields.sequence("f"), lambda value: isinstance(value, list)),
    "mapping": (lambda fields: fields.mapping("f"), lambda value: isinstance(value, dict)),
    "one_of": (lambda fields: fields.one_of("f", Action), lambda value: value == "close"),
}


@pytest.mark.parametrize("name", ACCESSORS)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_each_takes_its_own_type(name: str, value: Json) -> None:
    read, takes = ACCESSORS[name]
    if takes(value):
        assert read(Fields({"f": value})) == value
    else:
        with pytest.raises(RemoteProtocolError, match="the field f"):
            read(Fields({"f": value}))


@pytest.mark.parametrize("name", ACCESSORS)
def test_missing(name: str) -> None:
    read, _ = ACCESSORS[name]
    if name.endswith("_or_none"):
        assert read(Fields({})) is None
    else:
        with pytest.raises(RemoteProtocolError, match="f is missing"):
            read(Fields({}))


def test_an_object_inside() -> None:
    assert Fields.of("x", {"a": 1}).integer("a") == 1
    with pytest.raises(RemoteProtocolError, match="the field x must be an object"):
        Fields.of("x", [1])


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Fields({"f": "x" * 10_000}).integer("f")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [2**53, -(2**53), 10**400])
def test_a_whole_number_that_a_double_cannot_hold_is_refused(value: int) -> None:
    with pytest.raises(RemoteProtocolError, match="the field f must be a whole number within"):
        Fields({"f": value}).integer("f")
    assert Fields({"f": 2**53 - 1}).integer("f") == 2**53 - 1


def test_a_number_beyond_a_double_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="the field f must be a finite number"):
        Fields({"f": 10**400}).scalar("f")


def test_true_and_false_are_no_numbers() -> None:
    for value in (True, False):
        with pytest.raises(RemoteProtocolError, match="the field f must be a number"):
            Fields.as_number("f", value)
    assert [Fields.as_number("f", value) for value in (0, 1, -2.5)] == [0.0, 1.0, -2.5]

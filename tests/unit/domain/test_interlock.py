"""The interlock language: what it says, what it refuses, and that nothing a person writes can do more than compare."""

import pytest

from domain.ids import PointRef
from domain.interlock import BOOLEAN, LENGTH_MAX, ExpressionError, Truth, check_types, evaluate, parse
from domain.quality import Quality, Reason
from domain.sample import NEVER_READ, Reading, Value

UNITS = {
    PointRef("pool/volume"): "m3",
    PointRef("pool/level"): "m",
    PointRef("rain/depth"): "mm",
    PointRef("probe/cod"): "mg_L",
    PointRef("probe/trace"): "ug_L",
    PointRef("probe/salt"): "uS_cm",
    PointRef("gate/closed"): BOOLEAN,
    PointRef("gate/count"): "",
}


def good(value: Value) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True)


def truth(text: str, **values: Value | Reading) -> Truth:
    readings = {
        PointRef(name.replace("__", "/")): value if isinstance(value, Reading) else good(value)
        for name, value in values.items()
    }
    expression = parse(text)
    check_types(expression, UNITS.get)
    return evaluate(expression, lambda ref: readings.get(ref, NEVER_READ), lambda ref: UNITS[ref])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pool.volume <= 1800 * m3", Truth.TRUE),
        ("pool.volume < 1500 * m3", Truth.FALSE),
        ("pool.volume + 300 * m3 == 1800 * m3", Truth.TRUE),
        ("2 * pool.level >= 5 * m", Truth.TRUE),
        ("pool.level - 500 * mm == 2 * m", Truth.TRUE),
        ("pool.level > -1 * m", Truth.TRUE),
        ("pool.level > -(1 * m)", Truth.TRUE),
        ("rain.depth <= 0.03 * m", Truth.TRUE),
        ("probe.trace == 5 * ug_L", Truth.TRUE),
        ("probe.trace < 0.01 * mg_L", Truth.TRUE),
        ("not gate.closed", Truth.FALSE),
        ("gate.closed and pool.level != 2 * m", Truth.TRUE),
        ("False or gate.closed", Truth.TRUE),
        ("gate.count >= 3", Truth.TRUE),
        ("True", Truth.TRUE),
    ],
)
def test_what_it_says(text: str, expected: Truth) -> None:
    assert (
        truth(
            text,
            pool__volume=1500.0,
            pool__level=2.5,
            rain__depth=30.0,
            probe__trace=5.0,
            gate__closed=True,
            gate__count=3.0,
        )
        is expected
    )


UNTRUSTED = [
    NEVER_READ,
    Reading(value=1.0, quality=Quality.GOOD, observed_ms=1, age_s=60.0, fresh=False),
    Reading(value=1.0, quality=Quality.UNCERTAIN, reason=Reason.FROZEN, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value=1.0, quality=Quality.BAD, reason=Reason.RANGE, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value=float("nan"), quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value=float("inf"), quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value=None, quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value="1", quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True),
]


@pytest.mark.parametrize("reading", UNTRUSTED, ids=lambda reading: f"{reading.quality.word} {reading.fresh}")
def test_an_untrusted_input_is_unknown_unless_the_rest_decides(reading: Reading) -> None:
    assert truth("pool.level < 5 * m", pool__level=reading) is Truth.UNKNOWN
    assert truth("not pool.level < 5 * m", pool__level=reading) is Truth.UNKNOWN
    assert (
        truth("pool.level < 5 * m and gate.closed", pool__level=reading, gate__closed=True) is Truth.UNKNOWN
    )
    assert truth("pool.level < 5 * m and gate.closed", pool__level=reading, gate__closed=False) is Truth.FALSE
    assert truth("pool.level < 5 * m or gate.closed", pool__level=reading, gate__closed=True) is Truth.TRUE
    assert (
        truth("pool.level < 5 * m or gate.closed", pool__level=reading, gate__closed=False) is Truth.UNKNOWN
    )


@pytest.mark.parametrize("value", [1.0, 0.0, "True"])
def test_a_state_that_is_no_boolean_is_unknown(value: Value) -> None:
    assert truth("gate.closed", gate__closed=value) is Truth.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "pool.volume <= 1800",
        "pool.volume <= 1800 * m",
        "pool.volume <= 1800 * mg_L",
        "pool.volume * pool.level > 1 * m3",
        "pool.volume + 3 > 5 * m3",
        "pool.volume > 2 * m3 + 1",
        "pool.volume",
        "m3",
        "5",
        "not pool.volume",
        "gate.closed == 1",
        "gate.closed == gate.closed",
        "gate.closed + 1 > 2",
        "pool.volume and gate.closed",
        "pool.volume <= 5 * cubits",
        "pool.temperature > 5 * degC",
        "lake.level > 5 * m",
        "gate.count >= 3 * m",
    ],
)
def test_units_and_types_that_do_not_agree(text: str) -> None:
    with pytest.raises(ExpressionError):
        check_types(parse(text), UNITS.get)


HOSTILE = [
    "",
    " ",
    "pool.level <",
    "a = 1",
    "x := 1",
    "(x := True)",
    "import os",
    "__import__('os').system('id')",
    "pool.level.__class__.__mro__ > 1",
    "pool.__class__ > 1 * m and open('x')",
    "().__class__",
    "pool['level'] > 1 * m",
    "[x for x in (1, 2)]",
    "lambda: True",
    "f'{pool.level}'",
    "'text' == 'text'",
    "b'x' == b'x'",
    "pool.level > 1 * m if gate.closed else False",
    "pool.level > 1j",
    "2 ** 9999999999 > 1",
    "1 / 0 > 1",
    "1e999 > 1",
    "9" * 400 + " > 1",
    "1 // 2 > 1",
    "1 % 2 > 1",
    "1 << 99999 > 1",
    "~1 > 0",
    "+1 > 0",
    "gate.closed is True",
    "gate.closed in gate.closed",
    "1 < pool.level < 2",
    "None",
    "...",
    "await x",
    "yield",
    "gate.closed & gate.closed",
    "gate.closed; gate.closed",
    "gate.closed\nimport os",
    "max(pool.level, 1 * m) > 1 * m",
    "*a",
    "{1: 2}",
    "{1}",
    "@",
    "\x00",
    "pool.level > 1 * m #" + "x" * LENGTH_MAX,
    "(" * 200 + "True" + ")" * 200 + "or" * 200,
    " or ".join(["gate.closed"] * 60),
    "not " * 124 + "True",
    "-" * 400 + "1 > 0",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24].encode("unicode_escape").decode())
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_references_are_those_of_the_points_only() -> None:
    expression = parse("pool.level < 2 * m and not gate.closed or pool.level > 3 * m")
    assert expression.references == {"pool/level", "gate/closed"}


def test_an_expression_is_its_text() -> None:
    assert parse(" gate.closed ") == parse("gate.closed")
    assert hash(parse("gate.closed")) == hash(parse("gate.closed "))
    assert parse("gate.closed") != parse("not gate.closed")
    assert parse("gate.closed") != "gate.closed"

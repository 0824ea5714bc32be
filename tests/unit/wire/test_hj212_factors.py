"""The standard's list of factors, as it was compared with the standard."""

import hashlib

import pytest

from domain.logger import FAULTY, ReportKind
from wire.hj212_factors import COMMANDS, FACTORS, KINDS, OLD_FACTORS, is_code, other_code, sent_unit, words_of

COMPARED = "16130eedc9f4520d64272ccd1feeeec24e289dc26b9f2bd27671a4eedc1ff3cb"
"""SHA-256 of the list. Whoever changes the list compares it with annex B again, line by line, and writes the new one."""


def test_the_list_is_the_one_that_was_compared() -> None:
    lines = []
    for code in FACTORS:
        old, words, unit = other_code(code), words_of(code), sent_unit(code, "Rtd")
        assert words is not None
        assert unit is not None
        old_unit = FACTORS[code].old_unit or "-"
        assert old is None or (sent_unit(old, "Rtd") or "-", words_of(old)) == (old_unit, words)
        lines.append("|".join((code, old or "", words.zh, words.en, unit, old_unit)))
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == COMPARED
    assert {item.old_code: item for item in FACTORS.values() if item.old_code} == OLD_FACTORS
    assert all(code == item.code for code, item in FACTORS.items())


def test_each_kind_of_report_has_its_command() -> None:
    said = {kind.value: cn for kind, cn in COMMANDS.items()}
    assert said == {
        "realtime": "2011",
        "state": "2021",
        "day": "2031",
        "run_time": "2041",
        "minute": "2051",
        "hour": "2061",
    }
    assert KINDS["2011"] is ReportKind.REALTIME
    assert len(KINDS) == len(COMMANDS)


@pytest.mark.parametrize(
    ("code", "field", "unit"),
    [
        ("w01018", "Rtd", "mg_L"),
        ("w00000", "Rtd", "L_s"),
        ("w00000", "Cou", "m3"),
        ("B01", "Cou", "m3"),
        ("w01018", "Cou", "kg"),
        ("SB1", "RS", ""),
        ("w01018", FAULTY, ""),
        ("w00000", FAULTY, ""),
        ("SB1", "RT", "h"),
        ("011", "Rtd", "mg_L"),
        ("e31201", "Rtd", "m"),
        ("e41612", "Rtd", "m"),
        ("e61699", "Rtd", "m"),
        ("e51699", "Rtd", None),
        ("e31101", "RS", ""),
        ("e31101", "Rtd", ""),
        ("e70812", "Rtd", ""),
        ("i12001", "Rtd", ""),
        ("i12002", "Rtd", None),
        ("nothing", "Rtd", None),
    ],
)
def test_the_unit_that_a_field_is_sent_in(code: str, field: str, unit: str | None) -> None:
    assert sent_unit(code, field) == unit


def test_one_factor_in_two_editions() -> None:
    assert (other_code("w01018"), other_code("011"), other_code("nothing")) == ("011", "w01018", None)
    assert words_of("w01018") == words_of("011") == FACTORS["w01018"].words
    assert words_of("nothing") is None
    assert is_code("w01018")
    assert not is_code("w 01018")

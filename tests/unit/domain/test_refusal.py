"""Refusals: in both languages, and with advice in the console that is given by a code that there is."""

import re
from pathlib import Path

from domain.command import ACTION_WORDS, Action
from domain.refusal import WORDS, Cause, Code

ADVICE = Path(__file__).parents[3] / "dashboards/console/src/words/advice.ts"


def test_every_refusal_speaks_both_languages() -> None:
    assert set(WORDS) == set(Code)
    for code in Code:
        cause = Cause(code=code, detail="x", values={"a/b": "1"})
        assert cause.words.zh.endswith(":x")
        assert cause.as_dict() == {"code": code.value, **cause.words.as_dict(), "values": {"a/b": "1"}}
        assert Cause(code=code).words == WORDS[code]
    assert len({words.zh for words in WORDS.values()}) == len(Code)


def test_a_detail_speaks_the_language_of_its_sentence() -> None:
    cause = Cause(code=Code.BUSY, detail=ACTION_WORDS[Action.CLOSE])
    assert cause.words.zh.endswith("关闭")
    assert "close" not in cause.words.zh
    assert cause.words.en.isascii()


ADD_CAUSES = (
    "blocked-by-switching-hierarchy position-reached blocked-by-mode blocked-by-interlocking command-already-in-execution "
    "blocked-by-health 1-of-n-control abortion-by-cancel time-limit-over object-not-selected object-already-selected "
    "no-access-authority"
)
"""IEC 61850-7-2, AddCause: those that mean something to us."""


def test_what_the_standard_has_a_name_for_is_called_so() -> None:
    assert set(ADD_CAUSES.split()) <= {code.value for code in Code}


def test_advice_is_given_by_codes_that_there_are() -> None:
    given = re.findall(r"^  '([a-z0-9-]+)': \{", ADVICE.read_text("utf-8"), re.MULTILINE)
    assert len(given) > 10
    assert set(given) <= {code.value for code in Code}

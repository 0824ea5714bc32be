"""Qualities, ids, refusals and faults: small tables that many rely on."""

import pytest

from domain.command import ACTION_WORDS, Action
from domain.errors import ConfigurationError, Fault
from domain.ids import is_id, point_ref
from domain.quality import REASON_WORDS, Quality, Reason, worst
from domain.refusal import WORDS, Cause, Code
from domain.words import Words


@pytest.mark.parametrize("text", ["a", "a_1", "hc_outlet", "net_n1", "x" * 63])
def test_ids(text: str) -> None:
    assert is_id(text)
    assert text.isidentifier()


@pytest.mark.parametrize("text", ["", "A", "1a", "_a", "a-b", "a.b", "a b", "x" * 64, "a\n", "é", "排口"])
def test_no_ids(text: str) -> None:
    assert not is_id(text)


def test_a_point_is_named_by_its_facility() -> None:
    assert point_ref("hc_outlet", "closed") == "hc_outlet/closed"


def test_the_worst_quality_wins() -> None:
    assert worst(Quality.GOOD, Quality.UNCERTAIN) is Quality.UNCERTAIN
    assert worst(Quality.UNCERTAIN, Quality.BAD, Quality.GOOD) is Quality.BAD
    assert worst() is Quality.GOOD
    assert [quality.word for quality in Quality] == ["bad", "good", "uncertain"]


def test_every_reason_of_doubt_has_words_of_its_own() -> None:
    assert set(REASON_WORDS) == set(Reason)
    assert len({words.zh for words in REASON_WORDS.values()}) == len(Reason)
    assert not any(words.zh.isascii() for words in REASON_WORDS.values())


def test_every_refusal_speaks_both_languages() -> None:
    assert set(WORDS) == set(Code)
    for code in Code:
        cause = Cause(code=code, detail="x", values={"a/b": "1"})
        assert cause.words.zh.endswith(":x") or cause.words.zh.endswith(":x")
        assert cause.as_dict() == {"code": code.value, **cause.words.as_dict(), "values": {"a/b": "1"}}
        assert Cause(code=code).words == WORDS[code]
    assert len({words.zh for words in WORDS.values()}) == len(Code)


def test_a_detail_speaks_the_language_of_its_sentence() -> None:
    cause = Cause(code=Code.BUSY, detail=ACTION_WORDS[Action.CLOSE])
    assert cause.words.zh.endswith("关闭")
    assert "close" not in cause.words.zh
    assert cause.words.en.isascii()


def test_words_know_their_form() -> None:
    assert Words("关", "close").as_dict() == {"zh": "关", "en": "close"}


def test_a_fault_names_place_and_remedy() -> None:
    fault = Fault(file="a.yaml", line=3, field="x.y", message="is wrong", remedy="mend it", kind="k")
    assert str(fault) == "a.yaml:3: x.y: is wrong — mend it [k]"
    whole = Fault(file="a.yaml", line=0, field="", message="is wrong", remedy="mend it", kind="k")
    assert str(whole) == "a.yaml: is wrong — mend it [k]"
    assert str(ConfigurationError(fault, whole)).splitlines() == [str(fault), str(whole)]

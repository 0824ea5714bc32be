"""How far a value is to be trusted, and why not further."""

import re
from pathlib import Path

from domain.quality import REASON_WORDS, Quality, Reason, worst

DOCUMENT = Path(__file__).parents[3] / "docs/protocols/mqtt.md"


def test_the_worst_quality_wins() -> None:
    assert worst(Quality.GOOD, Quality.UNCERTAIN) is Quality.UNCERTAIN
    assert worst(Quality.UNCERTAIN, Quality.BAD, Quality.GOOD) is Quality.BAD
    assert worst() is Quality.GOOD
    assert [quality.word for quality in Quality] == ["bad", "good", "uncertain"]


def test_every_reason_of_doubt_has_words_of_its_own() -> None:
    assert set(REASON_WORDS) == set(Reason)
    assert len({words.zh for words in REASON_WORDS.values()}) == len(Reason)
    assert not any(words.zh.isascii() for words in REASON_WORDS.values())


def test_whoever_reads_our_topics_knows_every_reason_but_the_gap_that_nobody_sends() -> None:
    text = DOCUMENT.read_text("utf-8")
    listed = text[text.index("then says why:") :].split(".", 1)[0]
    assert set(re.findall(r"`([a-z_]+)`", listed)) == {reason.value for reason in Reason} - {"gap"}

"""A second person's word: of another identity in another session, on this content, for ten minutes (I9)."""

from dataclasses import replace

import pytest

from domain.approval import AHEAD_MS_MAX, VALID_MS, Approval, Consent, consent, missing
from domain.words import Words

AT_MS = 1_000_000_000
WORD = Approval(by="li", session="s2", content_hash="h", at_ms=AT_MS, dispatch_order="调 9")


def holds(approval: Approval = WORD, *, author: str = "zhao", session: str = "s1", after_ms: int = 0) -> bool:
    return approval.holds(author=author, session=session, content_hash="h", now_ms=AT_MS + after_ms)


def test_it_holds_for_ten_minutes_from_its_giving() -> None:
    assert VALID_MS == 600_000
    assert [holds(after_ms=after_ms) for after_ms in (-1, 0, 600_000, 600_001)] == [False, True, True, False]


def test_it_is_another_s_in_another_session_on_the_same_content() -> None:
    assert not holds(author="li")
    assert not holds(session="s2")
    assert not holds(replace(WORD, content_hash="other"))


def test_the_edge_is_told_by_whom_on_what_and_on_which_ground() -> None:
    told = Consent(by="li", content_hash="h", at_ms=AT_MS, basis="调 9", is_emergency=False)
    assert consent(WORD) == told
    urgent = replace(WORD, emergency="洪水")
    assert consent(urgent) == replace(told, basis="洪水", is_emergency=True)
    assert consent(replace(WORD, dispatch_order=None)).basis == ""


@pytest.mark.parametrize(
    ("changes", "wanting"),
    [
        ({}, None),
        ({"by": ""}, "by ''"),
        ({"by": "zhao"}, "by 'zhao'"),
        ({"basis": ""}, "neither dispatch order nor emergency override"),
        ({"content_hash": ""}, "of nothing"),
        ({"at_ms": AT_MS + 60_000}, None),
        ({"at_ms": AT_MS + 60_001}, "given 60 s ahead of the gateway's clock: set the clocks"),
        ({"at_ms": AT_MS - 600_000}, None),
        ({"at_ms": AT_MS - 601_000}, "601 s > 600 s: ask again"),
    ],
)
def test_what_the_edge_finds_wanting(changes: dict[str, object], wanting: str | None) -> None:
    assert AHEAD_MS_MAX == 60_000
    given = replace(consent(WORD), **changes)  # type: ignore[arg-type]
    found = missing(given, author="zhao", now_ms=AT_MS, is_river=True)
    assert (None if found is None else found.en) == wanting


def test_without_any_word_there_is_no_approval() -> None:
    for is_river in (True, False):
        assert missing(None, author="zhao", now_ms=AT_MS, is_river=is_river) == Words(
            "没有另一人同意", "no approval"
        )


@pytest.mark.parametrize(
    ("changes", "wanting"),
    [
        ({"basis": ""}, None),
        ({"basis": "", "by": "zhao"}, "by 'zhao'"),
        ({"basis": "", "content_hash": ""}, "of nothing"),
        ({"basis": "", "at_ms": AT_MS - 601_000}, "601 s > 600 s: ask again"),
    ],
)
def test_off_the_river_nobody_asks_for_a_dispatch_order(
    changes: dict[str, object], wanting: str | None
) -> None:
    given = replace(consent(WORD), **changes)  # type: ignore[arg-type]
    found = missing(given, author="zhao", now_ms=AT_MS, is_river=False)
    assert (None if found is None else found.en) == wanting

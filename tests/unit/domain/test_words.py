"""Ids, words and faults: small forms that many rely on."""

import pytest

from domain.errors import ConfigurationError, Fault
from domain.ids import is_id, point_ref
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


def test_words_know_their_form() -> None:
    assert Words("关", "close").as_dict() == {"zh": "关", "en": "close"}


def test_a_fault_names_place_and_remedy() -> None:
    fault = Fault(file="a.yaml", line=3, field="x.y", message="is wrong", remedy="mend it", kind="k")
    assert str(fault) == "a.yaml:3: x.y: is wrong — mend it [k]"
    whole = Fault(file="a.yaml", line=0, field="", message="is wrong", remedy="mend it", kind="k")
    assert str(whole) == "a.yaml: is wrong — mend it [k]"
    assert str(ConfigurationError(fault, whole)).splitlines() == [str(fault), str(whole)]

"""What libyaml is given to split, it splits as ruamel does: the same texts at the same places, whatever stands in the file."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from runtime.parkfiles.composing import OthersTurn, by_libyaml, by_ruamel, compose

PARK = Path(__file__).parents[2] / "parks" / "lingang"
PIECES = (
    "a", "b: ", "a: 1", "k: v\n", "- ", "- i\n", "-", "\n", "\n  ", "\n    ", "  ", "\t", ":", "?", "#", " # c", "&x ", "*x", "!t ", "|",
    "|-\n", ">", "'", '"', '"x"', "'y'", '"a":1', "{", "}", "[", "]", ",", ", ", "{a:1}", "[a, b]", "---", "...", "\n---\n", "%YAML 1.1\n",
    "\\u0041", "\\x41", "\\/", "中", "\u2028", "\x85", "\xa0", "\ufeff", "\x00", "~", "<<: ", "a:b", "http://x", "@", "`", "\r\n", "=", "💩",
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join)


def shape(node: object) -> object:
    """Everything that is read of a tree: the words, whether they are quoted, and on which line they stand."""
    if isinstance(node, ScalarNode):
        # Of a value that is not there the one names the line of its key, the other that of what follows.
        return node.value, node.style is not None, node.start_mark.line if node.value else None
    if isinstance(node, MappingNode):
        return "mapping", node.start_mark.line, [(shape(key), shape(value)) for key, value in node.value]
    parts: Sequence[object] = getattr(node, "value", ())
    return type(node).__name__, [shape(part) for part in parts]


@given(texts)
@example("k:\nb: 1")
@example("- [a, {b: c}]\n- 'it''s'\n")
@example('x: "\\ud83d\\ude00"')
def test_they_agree_wherever_libyaml_is_heard(text: str) -> None:
    try:
        node = by_libyaml(text)
    except OthersTurn:
        assume(False)
    assert shape(node) == shape(by_ruamel(text))


@pytest.mark.parametrize("path", sorted(PARK.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_files_of_a_park_are_libyaml_s_to_split(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert shape(by_libyaml(text)) == shape(by_ruamel(text))


@pytest.mark.parametrize(
    "text",
    ["a: 1\t# c", "? a\n: b", "a: |\n  b", "a: &x 1\nb: *x", "---\na: 1", '{"a":1}', "%YAML 1.2\n---\na: 1"],
)
def test_what_is_unusual_is_ruamel_s(text: str) -> None:
    with pytest.raises(OthersTurn):
        by_libyaml(text)
    try:
        expected = shape(by_ruamel(text))
    except YAMLError as error:
        with pytest.raises(type(error)):
            compose(text)
    else:
        assert shape(compose(text)) == expected

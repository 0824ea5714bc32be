"""Composes the node tree of YAML text: by libyaml in a fortieth of the while, and by ruamel wherever the two might differ.

What libyaml refuses, whatever has an anchor or a second document, and all that is written in an unusual way ruamel reads: its words
for a fault are the ones that people get. What a word means is decided in nodes.py, by YAML 1.2.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import cast

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

COMPOSED_MAX = 32
"""Files of one park, kept after the first reading; the oldest goes."""
DEPTH_MAX = 200
"""Blocks and brackets open at once; ruamel's time grows with their square."""
UNUSUAL = re.compile(
    r"""
    [\t\r\x85\u2028\u2029\ufeff]        # lines and spaces that the two count differently
    | (?:^|[\s\[{,:-])\?               # keys that stand by themselves
    | [|>][-+0-9]*\s*(?:\#.*)?$       # blocks of text
    | ["']:\S                         # a value without a space after its quoted key
    | ^(?:---|\.\.\.|%)               # more than one document, directives
    """,
    re.MULTILINE | re.VERBOSE,
)
"""Text in which one of these stands is read by ruamel alone: there the two were seen to differ, or do by their specification."""


class OthersTurn(Exception):
    """This text is ruamel's to read."""


@lru_cache(maxsize=COMPOSED_MAX)
def compose(text: str) -> object:
    """Return the node tree of `text`, which nobody changes: a check and a load that follow parse once.

    Raises ruamel's YAMLError, RecursionError or ValueError where there is none.
    """
    try:
        return by_libyaml(text)
    except OthersTurn:
        return by_ruamel(text)


def by_ruamel(text: str) -> object:
    """Return the tree as ruamel composes it: YAML 1.2 in pure Python."""
    return cast("object", YAML(typ="safe", pure=True).compose(text))


def by_libyaml(text: str) -> Node | None:
    """Return the tree as libyaml splits the text. Raises OthersTurn where ruamel must read it."""
    if UNUSUAL.search(text) is not None:
        raise OthersTurn
    try:
        return _document(yaml.parse(text, Loader=yaml.CLoader))
    except (yaml.YAMLError, ValueError) as error:
        raise OthersTurn from error


def _document(events: Iterator[yaml.Event]) -> Node | None:
    next(events)  # the stream's start
    if isinstance(next(events), yaml.StreamEndEvent):
        return None
    top = _node(next(events), events, depth=0)
    next(events)  # the document's end
    if not isinstance(next(events), yaml.StreamEndEvent):
        raise OthersTurn
    return top


def _node(event: yaml.Event, events: Iterator[yaml.Event], *, depth: int) -> Node:
    start = event.start_mark
    match event:
        case yaml.ScalarEvent(anchor=None, value=text, style=style):
            return ScalarNode("", text, start, event.end_mark, style=style or None)
        case yaml.SequenceStartEvent(anchor=None) if depth < DEPTH_MAX:
            return SequenceNode("", list(_inner(events, depth=depth)), start, None)
        case yaml.MappingStartEvent(anchor=None) if depth < DEPTH_MAX:
            parts = list(_inner(events, depth=depth))
            return MappingNode("", list(zip(parts[::2], parts[1::2], strict=True)), start, None)
        case _:
            raise OthersTurn


def _inner(events: Iterator[yaml.Event], *, depth: int) -> Iterator[Node]:
    while not isinstance(event := next(events), yaml.SequenceEndEvent | yaml.MappingEndEvent):
        yield _node(event, events, depth=depth + 1)

"""Reads YAML 1.2 and JSON text into values that know their lines; refuses what two readers would read differently.

It knows the syntax only: what the fields mean is decided elsewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from runtime.parkfiles.composing import DEPTH_MAX, compose
from runtime.parkfiles.faults import Faults, Place

YAML11_WORDS = frozenset(
    form for word in ("y", "n", "yes", "no", "on", "off") for form in (word, word.capitalize(), word.upper())
)
"""Booleans in YAML 1.1, text in YAML 1.2: unquoted they mean different things to different tools."""
BYTES_MAX = 5_000_000
"""A larger file is refused unread."""
YAML_LETTERS_MAX = 1_000_000
"""More YAML than this is refused unparsed: the parser takes 20 s for it, and the largest file of a park has 30,000."""

_BRACKET = re.compile(r"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One written value, as it stands in the file."""

    text: str
    is_quoted: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping; a key's place is the line of the key."""

    entries: Mapping[str, "Node"]
    key_lines: Mapping[str, int]
    place: Place
    is_whole: bool
    """False: an entry was left out because of a fault already noted."""


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    items: tuple["Node", ...]
    place: Place


Node = Scalar | Block | Items


def read_text(path: Path, name: str, faults: Faults) -> str | None:
    """Return the UTF-8 text of `path`, called `name` in faults; None and a fault when it cannot be read."""
    whole = Place(file=name, line=0, field="")
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= BYTES_MAX else b""
    except OSError as error:
        remedy = f"put {name} there, readable"
        faults.add(whole, f"cannot be read: {error.strerror}", remedy=remedy, kind="file-missing")
        return None
    if size > BYTES_MAX:
        message = f"{size} bytes, at most {BYTES_MAX}"
        faults.add(whole, message, remedy="split the park", kind="file-too-large")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place(file=name, line=data.count(b"\n", 0, error.start) + 1, field="")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        faults.add(place, message, remedy="save the file as UTF-8", kind="encoding")
        return None


def parse(text: str, name: str, faults: Faults) -> Block | None:
    """Return the mapping written in `text`; None and a fault when it is not YAML 1.2 or not one mapping."""
    top = Place(file=name, line=1, field="")
    if len(text) > YAML_LETTERS_MAX:
        message = f"{len(text)} letters, at most {YAML_LETTERS_MAX}"
        faults.add(top, message, remedy="split the park", kind="file-too-large")
        return None
    deep = _too_deep(text)
    if deep is not None:
        place = Place(file=name, line=deep, field="")
        message = f"more than {DEPTH_MAX} brackets are open"
        faults.add(place, message, remedy="close what was opened", kind="syntax")
        return None
    try:
        node = compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = top if mark is None else Place(file=name, line=mark.line + 1, field="")
        message = "; ".join(part for part in (error.context, error.problem) if part)
        faults.add(place, f"not YAML: {message}", remedy="mend the syntax at this line", kind="syntax")
        return None
    except (YAMLError, RecursionError, ValueError) as error:  # numbers and letters that there are none of
        message = str(error).partition("\n")[0]
        faults.add(top, f"not YAML: {message}", remedy="save it as plain text", kind="syntax")
        return None
    if not isinstance(node, MappingNode):
        faults.add(top, "is not a mapping", remedy="write `field: value` lines", kind="syntax")
        return None
    shared = _first_anchor(node)
    if shared is not None:
        place = Place(file=name, line=shared[1], field="")
        faults.add(place, f"the anchor &{shared[0]}", remedy="write the value out", kind="anchor")
        return None
    block = _convert(node, top, faults)
    assert isinstance(block, Block)
    return block


def _too_deep(text: str) -> int | None:
    """Return the line in which too many brackets stand open; None: nowhere, quoted ones and comments counted as well."""
    depth = 0
    for found in _BRACKET.finditer(text):
        depth = depth + 1 if found[0] in "[{" else max(0, depth - 1)
        if depth > DEPTH_MAX:
            return text.count("\n", 0, found.start()) + 1
    return None


def _first_anchor(top: MappingNode) -> tuple[str, int] | None:
    """Return (name, line) of an anchor; None: no node stands in two places, so that the text bounds the tree."""
    waiting: list[object] = [top]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, MappingNode | SequenceNode | ScalarNode):
            continue
        if node.anchor is not None:
            return str(node.anchor), node.start_mark.line + 1
        if isinstance(node, MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value
    return None


def _convert(node: object, place: Place, faults: Faults) -> Node:
    match node:
        case MappingNode():
            return _block(node, place, faults)
        case SequenceNode(value=children):
            items = tuple(
                _convert(child, _item(place, child, index), faults) for index, child in enumerate(children)
            )
            return Items(items, place)
        case ScalarNode(value=text, style=style):
            scalar = Scalar(str(text), style is not None, place)
            _refuse_yaml11(scalar, faults)
            _refuse_halves(scalar, faults)
            return scalar
        case _:
            raise AssertionError(node)


def _item(place: Place, child: object, index: int) -> Place:
    line = getattr(child, "start_mark").line + 1  # noqa: B009  (ruamel's nodes have no types)
    return Place(file=place.file, line=line, field=f"{place.field}[{index}]")


def _block(node: MappingNode, place: Place, faults: Faults) -> Block:
    entries: dict[str, Node] = {}
    lines: dict[str, int] = {}
    is_whole = True
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            remedy = "write a plain name before the colon"
            faults.add(place.below("?", line=line), "a key is no text", remedy=remedy, kind="syntax")
            is_whole = False
            continue
        name = str(key.value)
        at = place.below(name, line=line)
        _refuse_yaml11(Scalar(name, key.style is not None, at), faults)
        _refuse_halves(Scalar(name, is_quoted=True, place=at), faults)
        if name in entries:
            message = f"`{name}` stands twice, first in line {lines[name]}"
            faults.add(at, message, remedy="keep one of the two", kind="duplicate-key")
            is_whole = False
            continue
        lines[name] = line
        start = at if not isinstance(value, ScalarNode) else place.below(name, line=value.start_mark.line + 1)
        entries[name] = _convert(value, start, faults)
    return Block(entries, lines, place, is_whole)


def _refuse_yaml11(scalar: Scalar, faults: Faults) -> None:
    if not scalar.is_quoted and scalar.text in YAML11_WORDS:
        message = f"`{scalar.text}` is a boolean to some tools and text to others"
        remedy = f'write true or false, or quote it: "{scalar.text}"'
        faults.add(scalar.place, message, remedy=remedy, kind="yaml11-word")


def _refuse_halves(scalar: Scalar, faults: Faults) -> None:
    """A half of a surrogate pair, written as an escape, is no letter: nothing could write it down again."""
    if any("\ud800" <= letter <= "\udfff" for letter in scalar.text):
        remedy = "write the letter itself"
        faults.add(scalar.place, "a half of a letter, by its escape", remedy=remedy, kind="syntax")

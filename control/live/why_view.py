"""What the screen is told of an explanation; puts nothing in and leaves nothing out."""

from domain.explained import Node, Seen
from wire.canonical import Json


def why_view(node: Node) -> dict[str, Json]:
    """Return the JSON form of the tree below `node`."""
    order = node.override
    return {
        "kind": node.kind.value,
        "words": node.words.as_dict(),
        "text": node.text,
        "truth": node.truth.value,
        "wanted": node.wanted,
        "effect": node.effect.value,
        "change": node.change.as_dict() if node.change is not None else None,
        "need": node.need,
        "so_far_s": None if node.so_far_s is None else round(node.so_far_s, 1),
        "needed_s": node.needed_s,
        "code": node.code.value if node.code is not None else None,
        "interlock": node.interlock,
        "override": None if order is None else order.id,
        "values": [_seen(item) for item in node.values],
        "parts": [why_view(part) for part in node.parts],
    }


def _seen(seen: Seen) -> dict[str, Json]:
    return {
        "point": seen.point,
        "words": seen.words.as_dict(),
        "value": seen.value,
        "unit": seen.unit,
        "quality": seen.quality,
        "reason": seen.reason,
        "age_s": None if seen.age_s is None else round(seen.age_s, 1),
        "stale": seen.is_stale,
    }

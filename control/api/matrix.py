"""Writes who may use which route as a table for people who review it: `python -m control.api.matrix [FILE]`."""

import sys
from pathlib import Path

from control.api.rules import ANSWERED_BY_ALL, HEARS_PIN, NOT_CONFINED, RULES, Area, needs_of
from control.people.roles import Role
from control.people.standing import Needs

_NEEDS = {
    Needs.NOTHING: "a locked position",
    Needs.PIN: "a PIN",
    Needs.UNLOCKED: "an open position",
    Needs.FRESH: "a fresh proof",
}
_HEAD = f"""# Who may use which route

Written by `python -m control.api.matrix` from the rules that the service obeys (`control/api/rules.py`); what the columns rest on
stands in [api.md](api.md).

**Area**: by what a person confined to one enterprise is held to its facilities; *filtered*: the answer leaves out the rest; *shut*:
such a person gets nothing here; –: nothing of one enterprise is in it. **Needs**: the least that the session must stand in.
**People**: no API token passes. **CSRF**: a write carries the session's token. **Any replica**: answered also by a control that does
not lead.

| route | {" | ".join(role.value for role in Role)} | area | needs | people | CSRF | any replica |
|---|{":---:|" * len(Role)}---|---|:---:|:---:|:---:|
"""


def table() -> str:
    """Return the document: one line for each route, in the order of the rules."""
    return _HEAD + "".join(_line(key) for key in RULES)


def _line(key: tuple[str, str]) -> str:
    rule = RULES[key]
    is_public = rule.roles is None
    cells = [
        f"`{key[0]} {key[1]}`",
        *("✓" if rule.roles is None or role in rule.roles else "" for role in Role),
        _area(key),
        "nobody's sign-in" if is_public else _NEEDS[needs_of(key)] + (" or a PIN" if _hears_pin(key) else ""),
        _mark(is_so=rule.is_for_people),
        _mark(is_so=rule.needs_csrf and key[0] not in {"GET", "WS"}),
        _mark(is_so=key in ANSWERED_BY_ALL),
    ]
    return "| " + " | ".join(cells) + " |\n"


def _area(key: tuple[str, str]) -> str:
    area = RULES[key].area
    held = "–" if area is Area.NONE else area.value
    return f"shut ({held})" if key in NOT_CONFINED else held


def _hears_pin(key: tuple[str, str]) -> bool:
    return key in HEARS_PIN and needs_of(key) is not Needs.PIN


def _mark(*, is_so: bool) -> str:
    return "✓" if is_so else ""


def main(arguments: list[str]) -> int:
    """Write the table to the file named, or to standard output."""
    if arguments:
        Path(arguments[0]).write_text(table(), encoding="utf-8")
    else:
        sys.stdout.write(table())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

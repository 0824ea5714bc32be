"""Decides what a checkpoint looks like on paper: the root in groups that can be read aloud, and a short code to compare by."""

import hashlib
import html
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from domain.words import Words

_PARK = timezone(timedelta(hours=8))
"""Beijing time, as the console shows it."""
GROUP = 4
"""Hexadecimal digits in a group."""
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: nothing that is taken for something else when it is read aloud or written by hand."""
CODE_LETTERS = 10
"""50 bits: enough to find a slip of the pen; against a forger the root counts, which is printed whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What stands on the page."""

    park: str
    name: Words
    size: int
    root: str
    """Hexadecimal."""
    at_ms: int
    """Model time of the seal."""
    token: str
    """The signed checkpoint itself."""
    newest: Words
    """Words of the last record that it covers."""


def check_code(*, park: str, size: int, root: str) -> str:
    """Return the short code over all that makes a checkpoint, e.g. `7K2QD-0XW4M`."""
    digest = hashlib.sha256(f"stoplog audit\n{park}\n{size}\n{root}".encode()).digest()
    number = int.from_bytes(digest, "big") >> (256 - 5 * CODE_LETTERS)
    letters = "".join(_LETTERS[number >> (5 * place) & 31] for place in reversed(range(CODE_LETTERS)))
    return f"{letters[:5]}-{letters[5:]}"


def groups(root: str) -> list[str]:
    """Return `root` in groups of four digits."""
    return [root[at : at + GROUP] for at in range(0, len(root), GROUP)]


def page(said: Printed) -> str:
    """Return the page as HTML that loads nothing, for printing and signing by hand."""
    code = check_code(park=said.park, size=said.size, root=said.root)
    lines = [groups(said.root)[at : at + 4] for at in range(0, 16, 4)]
    root = "\n".join("  ".join(line) for line in lines)
    moment = datetime.fromtimestamp(said.at_ms / 1000, UTC)
    time = f"{moment.astimezone(_PARK):%Y-%m-%d %H:%M:%S} (UTC+8) = {moment:%H:%M:%S} UTC"
    rows = [
        ("园区 Park", f"{said.name.zh} {said.name.en} ({said.park})"),
        ("时间 Time", time),
        ("记录数 Records", f"{said.size:,}"),
        ("末条记录 Last record", f"{said.newest.zh} / {said.newest.en}"),
    ]
    table = "\n".join(f"<tr><th>{_safe(name)}</th><td>{_safe(value)}</td></tr>" for name, value in rows)
    return f"""<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><title>审计检查点 {said.size}</title>
<style>
body {{ font: 11pt sans-serif; margin: 20mm; max-width: 170mm }}
th {{ text-align: left; padding-right: 8mm; font-weight: normal; white-space: nowrap; vertical-align: top }}
pre {{ font: 16pt monospace; white-space: pre-wrap }}
.token {{ font: 7pt monospace; overflow-wrap: anywhere }}
.sign td {{ border-bottom: 1px solid; height: 12mm; width: 60mm }}
</style></head><body>
<h1>审计日志检查点 Audit checkpoint</h1>
<table>{table}</table>
<h2>根 Root</h2><pre>{root}</pre>
<h2>校验码 Check code</h2><pre>{code}</pre>
<p>核对:<code>stoplog audit verify LOG --printed "{said.size} {code}"</code>。
日志的前 {said.size:,} 条记录须有同一根与校验码;不同即表示记录被改动、删去或分叉。<br>
To check: the first {said.size:,} records of the log must have this root and code; others mean that records were changed, removed or forked.</p>
<table class="sign"><tr><th>打印人 Printed by</th><td></td><th>见证人 Witness</th><td></td></tr></table>
<h2>签名检查点 Signed checkpoint</h2><p class="token">{_safe(said.token)}</p>
</body></html>
"""


def _safe(text: str) -> str:
    return html.escape(text, quote=True)

"""`stoplog quarantine list`: shows what ingest took and did not store, with its reason; it takes nothing out."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from domain.words import Words
from ingest.judge import Why
from ingest.quarantine import Held, counts_by_reason, newest_held, read_quarantine

WORDS = {
    Why.UNREADABLE: Words("无法解码", "cannot be decoded"),
    Why.NO_NAME: Words("报文没有本系统的编号", "the payload has no name of ours"),
    Why.UNKNOWN_GATEWAY: Words("未知网关", "unknown gateway"),
    Why.UNKNOWN_POINT: Words("未知测点", "unknown point"),
    Why.WRONG_SENDER: Words("测点不属于该发送者", "the point belongs to another sender"),
    Why.WRONG_TYPE: Words("数据类型不符", "wrong type of value"),
    Why.NOT_FINITE: Words("不是有限数", "not a finite number"),
    Why.NO_VALUE: Words("标为良好却没有值", "called good, without a value"),
    Why.NO_TIME: Words("没有时间", "no time"),
    Why.TOO_OLD: Words("早于保存期限", "older than what is kept"),
    Why.IN_FUTURE: Words("时间在未来", "from the future"),
}


def run_list(database: Path, *, limit: int, why: str | None, as_json: bool) -> int:
    """Print the newest entries, and how many there are for each reason. Raises StorageError."""
    tally, counts = read_quarantine(database), counts_by_reason(database)
    held = list(newest_held(database, limit=limit, why=why))
    if as_json:
        shape = {"tally": asdict(tally), "reasons": counts, "newest": [asdict(item) for item in held]}
        print(json.dumps(shape, ensure_ascii=False, indent=1))
        return 0
    print(f"隔离样本 {tally.samples}，来自 {tally.payloads} 个报文；无编号报文 {tally.nameless}")
    print(
        f"{tally.samples} samples of {tally.payloads} payloads in quarantine; {tally.nameless} messages without a name"
    )
    for reason, count in counts.items():
        words = WORDS[Why(reason)]
        print(f"  {count:8}  {reason:16} {words.zh} · {words.en}")
    for item in held:
        print(_line(item))
    return 0


def _line(item: Held) -> str:
    at = datetime.fromtimestamp(item.received_ms / 1000, UTC).isoformat(timespec="seconds")
    what = f"{item.point} = {item.value}" if item.point is not None else f"{item.samples} ×"
    return f"{at}  {item.why:16} {what}  {item.detail:.200}  [{item.payload or item.topic}]"

"""What the gateway must still know after a kill: terms, commands seen with their last record, orders. One small SQLite file.

It is read from memory and written through; while the disk takes nothing the memory goes on and is written when it does.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from domain.command import Action, Phase, State
from domain.errors import StorageError
from domain.ids import CommandId, FacilityId
from domain.order import OrderSet
from gateway.ledger_entry import Entry
from wire.canonical import dumps, loads
from wire.fields import Fields
from wire.messages import order_body, order_of

ENTRIES_MAX = 50_000
"""Commands remembered. A challenge lives for a minute, so that what is older than the last 50,000 cannot be replayed anyway."""

BD_SEQ_MAX = 255
"""Sparkplug 3.0: bdSeq starts at 0 and turns after 255."""

_TRAVEL = "travel "
"""Before the name of a history among the single facts."""
_KEPT = "kept "
"""Before the name of an actuator there: what was proved of it under its orders."""

_SCHEMA = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists command (
  id text not null, phase text not null, hash text not null, actuator text not null, action text not null,
  author text not null, reason text not null, parameters text not null, state text not null, record blob, at_ms integer not null,
  primary key (id, phase)) without rowid;
create table if not exists standing (id text primary key, body text) without rowid;
"""


class Ledger:
    """The gateway's memory."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Use `open`, or `on`."""
        self._database = database
        self._entries: dict[tuple[CommandId, Phase], Entry] = {}
        self._unwritten: set[tuple[CommandId, Phase]] = set()
        self._is_standing_unwritten = False
        self._unwritten_facts: dict[str, str] = {}
        self.term = 0
        self.orders = OrderSet()
        self.travels: dict[str, str] = {}
        """What gateway.travels keeps of each actuator and direction."""
        self.kept: dict[str, str] = {}
        """What gateway.guard keeps of each actuator that orders keep at its safe position."""
        self.bd_seq = BD_SEQ_MAX
        """The bdSeq of the last MQTT session, so that the first of all is 0."""
        self.has_met_broker = False
        """Whether any run of this gateway was ever connected."""
        self.is_failing = False
        """Whether something did not reach the disk and still waits for it."""

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """Open or make the file. Raises StorageError when it cannot be written or is damaged."""
        try:
            database = sqlite3.connect(path, isolation_level=None)
            database.execute("pragma journal_mode=wal")
            database.execute("pragma synchronous=full")
            return cls.on(database)
        except sqlite3.Error as error:
            message = f"{path}: {error}"
            raise StorageError(message) from error

    @classmethod
    def on(cls, database: sqlite3.Connection) -> "Ledger":
        """Use `database`, and read what an earlier run left in it. Raises sqlite3.Error."""
        database.executescript(_SCHEMA)
        ledger = cls(database)
        ledger._load()
        return ledger

    def entry(self, command: CommandId, phase: Phase) -> Entry | None:
        """Return what is remembered of one phase; None when it was never seen."""
        return self._entries.get((command, phase))

    def unfinished(self) -> Iterator[Entry]:
        """Yield the intents without an outcome: after a start, what was being executed when the process died."""
        return (
            entry
            for entry in self._entries.values()
            if entry.phase is Phase.OPERATE and not entry.state.is_final
        )

    def put(self, entry: Entry) -> bool:
        """Remember `entry`; return whether it is on the disk."""
        self._entries[entry.id, entry.phase] = entry
        self._unwritten.add((entry.id, entry.phase))
        if len(self._entries) > ENTRIES_MAX:
            self._forget_oldest()
        return self.flush()

    def remember(self, entry: Entry) -> None:
        """Remember `entry` as it is, to be written with whatever is written next: after a kill the last state written counts."""
        self._entries[entry.id, entry.phase] = entry
        self._unwritten.add((entry.id, entry.phase))

    def flush(self) -> bool:
        """Write what is not on the disk yet; return whether everything is."""
        rows = [self._row(self._entries[key]) for key in self._unwritten if key in self._entries]
        try:
            self._write("insert or replace into command values (?,?,?,?,?,?,?,?,?,?,?)", rows)
            if self._is_standing_unwritten:
                self._write_standing()
            self._write_facts()
        except StorageError:
            return False
        self._unwritten.clear()
        self.is_failing = False
        return True

    def raise_term(self, term: int) -> bool:
        """Keep `term` if it is higher; return whether it was."""
        if term <= self.term:
            return False
        self.term = term
        self._try_standing()
        return True

    def hold(self, orders: OrderSet) -> None:
        """Keep `orders` as the set that stands."""
        self.orders = orders
        self._try_standing()

    def meet_broker(self) -> None:
        """Keep that there is a broker."""
        if not self.has_met_broker:
            self.has_met_broker = True
            self._try_standing()

    def keep_bd_seq(self, bd_seq: int) -> None:
        """Keep the number of the session that begins: the next goes on from it, after a restart too."""
        self.bd_seq = bd_seq
        self._try_standing()

    def keep_travels(self, name: str, text: str) -> None:
        """Keep a history of travels, written with whatever is written next: the proof of the move does not wait for it."""
        self.travels[name] = text
        self._unwritten_facts[f"{_TRAVEL}{name}"] = text

    def keep_kept(self, actuator: str, text: str) -> None:
        """Keep what was proved of an actuator under its orders, or that it counts no more."""
        self.kept[actuator] = text
        self._keep_fact(f"{_KEPT}{actuator}", text)

    def moves(self) -> Iterator[Entry]:
        """Yield what was, or may have been, written to a PLC, oldest first."""
        written = {State.OPERATING, State.CONFIRMED, State.FAILED, State.UNKNOWN, State.PREEMPTED}
        return (
            entry
            for entry in self._entries.values()
            if entry.phase is Phase.OPERATE and entry.action is not Action.VERIFY and entry.state in written
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _keep_fact(self, key: str, text: str) -> None:
        self._unwritten_facts[key] = text
        with contextlib.suppress(StorageError):
            self._write_facts()

    def _write_facts(self) -> None:
        if self._unwritten_facts:
            self._write("insert or replace into meta values (?,?)", list(self._unwritten_facts.items()))
            self._unwritten_facts.clear()

    def _try_standing(self) -> None:
        try:
            self._write_standing()
        except StorageError:
            return

    def _write_standing(self) -> None:
        self._is_standing_unwritten = True
        rows: list[tuple[object, ...]] = [
            (held.id, dumps(order_body(held)).decode()) for held in self.orders.orders.values()
        ]
        rows += [(f"-{dead}", None) for dead in self.orders.tombstones]
        self._write("insert or ignore into standing values (?,?)", rows)
        facts: list[tuple[object, ...]] = [
            ("term", str(self.term)),
            ("broker", str(int(self.has_met_broker))),
            ("bd_seq", str(self.bd_seq)),
        ]
        self._write("insert or replace into meta values (?,?)", facts)
        self._is_standing_unwritten = False

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        try:
            self._database.execute("begin immediate")
            self._database.executemany(statement, rows)
            self._database.execute("commit")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("rollback")
            self.is_failing = True
            message = f"the ledger: {error}"
            raise StorageError(message) from error

    @staticmethod
    def _row(entry: Entry) -> tuple[object, ...]:
        return (
            entry.id,
            entry.phase.value,
            entry.hash,
            entry.actuator,
            entry.action.value,
            entry.author,
            entry.reason,
            json.dumps(entry.parameters),
            entry.state.value,
            entry.record,
            entry.at_ms,
        )

    def _load(self) -> None:
        for key, value in self._database.execute("select key, value from meta"):
            if key == "term":
                self.term = int(value)
            elif key == "broker":
                self.has_met_broker = value == "1"
            elif key.startswith(_KEPT):
                self.kept[key.removeprefix(_KEPT)] = value
            elif key.startswith(_TRAVEL):
                self.travels[key.removeprefix(_TRAVEL)] = value
            elif key == "bd_seq":
                self.bd_seq = int(value) % (BD_SEQ_MAX + 1)
        held, dead = [], []
        for name, body in self._database.execute("select id, body from standing"):
            if body is None:
                dead.append(name[1:])
            else:
                held.append(order_of(Fields(loads(body.encode()))))
        self.orders = OrderSet().with_orders(*held).with_tombstones(dead)
        for row in self._database.execute("select * from command order by at_ms"):
            entry = Entry(
                id=CommandId(row[0]),
                phase=Phase(row[1]),
                hash=row[2],
                actuator=FacilityId(row[3]),
                action=Action(row[4]),
                author=row[5],
                reason=row[6],
                parameters=json.loads(row[7]),
                state=State(row[8]),
                record=row[9],
                at_ms=row[10],
            )
            self._entries[entry.id, entry.phase] = entry

    def _forget_oldest(self) -> None:
        """Forget the oldest tenth of what is finished."""
        done = [
            key for key, entry in self._entries.items() if entry.state.is_final or key[1] is not Phase.OPERATE
        ]
        gone = done[: ENTRIES_MAX // 10]
        for key in gone:
            del self._entries[key]
            self._unwritten.discard(key)
        # On a full disk their rows stay; the next start reads them and forgets them again.
        with contextlib.suppress(StorageError):
            rows: list[tuple[object, ...]] = [(command, phase.value) for command, phase in gone]
            self._write("delete from command where id=? and phase=?", rows)

"""Seals the audit log: signs its size and root from time to time and writes them where they can leave the machine."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from control.database.change import Change, Write
from control.database.ledger import Ledger
from domain.errors import StorageError
from runtime.clock import Clock
from runtime.log import logger
from wire.canonical import Json, dumps
from wire.signing import Signer

INTERVAL_S = 30.0
"""Wall seconds between two seals while records come."""

_log = logger("control")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What an off-line verification needs."""

    checkpoints: Path
    trusted: Path
    copies: tuple[Path, ...] = ()
    """Files to which every checkpoint goes besides; one that takes nothing stops nobody."""


class Checkpoints:
    """Makes signed checkpoints of one log."""

    def __init__(self, ledger: Ledger, signer: Signer, clock: Clock, *, park: str, paths: Paths) -> None:
        self._ledger = ledger
        self._signer = signer
        self._clock = clock
        self._park = park
        self.paths = paths
        self._sealed = -1
        self.failing: dict[Path, str] = {}
        """Copies that took nothing the last time, and why."""
        self.newest: Mapping[str, Json] | None = None
        """The last one made since start."""

    async def run(self) -> None:
        """Seal what there is and what comes, for ever: what another leader left unsealed is sealed at once."""
        while True:
            await self.seal()
            await self._clock.sleep(0.0, floor_s=INTERVAL_S)

    async def seal(self) -> None:
        """Sign the tree as committed now, unless that was done."""
        tree = self._ledger.tree
        if self._ledger.is_superseded:
            return
        if tree.size == self._sealed:
            return
        said: dict[str, Json] = {
            "claim": "audit-checkpoint",
            "park": self._park,
            "size": tree.size,
            "root": tree.root.hex(),
            "at_ms": self._clock.now_ms(),
        }
        token = self._signer.sign(said).decode()
        row: dict[str, Json] = {
            "size": tree.size,
            "root": said["root"],
            "at_ms": said["at_ms"],
            "token": token,
        }
        row["subtrees"] = json.dumps([item.hex() for item in tree.subtrees])
        try:
            self._export({**said, "token": token})
            await self._ledger.commit(Change(writes=(Write(table="checkpoints", row=row),)))
        except (OSError, StorageError) as error:
            _log.warning("checkpoint not kept", reason=str(error))
            return
        self._copy({**said, "token": token})
        self._sealed = tree.size
        self.newest = {**said, "token": token}

    def _export(self, line: Mapping[str, Json]) -> None:
        _append(self.paths.checkpoints, line)

    def _copy(self, line: Mapping[str, Json]) -> None:
        for file in self.paths.copies:
            try:
                _append(file, line)
            except OSError as error:
                if file not in self.failing:
                    _log.warning("checkpoint not copied", file=str(file), reason=str(error))
                self.failing[file] = str(error)
            else:
                self.failing.pop(file, None)


def _append(to: Path, line: Mapping[str, Json]) -> None:
    with to.open("ab") as file:
        file.write(dumps(dict(line)) + b"\n")
        file.flush()
        os.fsync(file.fileno())

"""The commands that control follows, by id and by actuator, and the doubt that an unknown outcome leaves; keeps no file."""

from collections.abc import Callable, Iterable, Iterator

from control.commands.tracked import Tracked
from domain.command import Action, Phase, State
from domain.ids import CommandId, FacilityId, GatewayId

ENDED_MAX = 2_000
"""Ended commands that are kept in memory; older ones are read from the database."""


class Book:
    """Every command that is not ended, and the last of the others."""

    def __init__(self) -> None:
        self._commands: dict[CommandId, Tracked] = {}
        self._open: dict[FacilityId, dict[CommandId, None]] = {}
        """What is not ended, oldest first, so that nobody has to look through what is."""
        self._newest: dict[FacilityId, CommandId] = {}
        self._keys: dict[tuple[str, str], CommandId] = {}
        self._doubts: dict[FacilityId, float] = {}
        self._void: dict[CommandId, float] = {}

    def load(self, commands: Iterable[Tracked], *, now_s: float) -> None:
        """Take what the database holds, oldest first, at a start."""
        for item in commands:
            self.put(item, now_s=now_s)

    def put(self, item: Tracked, *, now_s: float) -> None:
        """Hold `item` as it is now; an end as unknown leaves its actuator in doubt from `now_s` (monotonic)."""
        before = self._commands.get(item.id)
        self._commands[item.id] = item
        actuator = item.command.actuator
        alive = self._open.setdefault(actuator, {})
        if item.state.is_final:
            alive.pop(item.id, None)
        else:
            alive[item.id] = None
        newest = self.newest(actuator)
        if newest is None or item.created_ms >= newest.created_ms:
            self._newest[actuator] = item.id
        if item.idempotency_key is not None:
            self._keys[item.command.author, item.idempotency_key] = item.id
        if item.state is State.UNKNOWN and (before is None or before.state is not State.UNKNOWN):
            self._doubts[actuator] = now_s
        self._forget_old()

    def get(self, command: CommandId) -> Tracked | None:
        """Return the command; None when it is not held here."""
        return self._commands.get(command)

    def by_key(self, author: str, key: str) -> Tracked | None:
        """Return what `author` has asked for under this idempotency key."""
        found = self._keys.get((author, key))
        return None if found is None else self._commands.get(found)

    def newest(self, actuator: FacilityId) -> Tracked | None:
        """Return the command to `actuator` that was made last."""
        found = self._newest.get(actuator)
        return None if found is None else self._commands.get(found)

    def open(self) -> Iterator[Tracked]:
        """Yield every command that is not ended."""
        return (item for actuator in tuple(self._open) for item in self.open_on(actuator))

    def open_on(self, actuator: FacilityId) -> tuple[Tracked, ...]:
        """Return the commands to `actuator` that are not ended, oldest first."""
        return tuple(self._commands[key] for key in self._open.get(actuator, ()))

    def executing(self, actuator: FacilityId, *, but: CommandId | None = None) -> Action | None:
        """Return the move that is, or may be, under way on `actuator`, leaving out the command `but`."""
        found = self.under_way(actuator, but=but)
        return None if found is None else found.command.action

    def under_way(self, actuator: FacilityId, *, but: CommandId | None = None) -> Tracked | None:
        """Return the command whose move that is."""
        moves = (
            item
            for item in self.open_on(actuator)
            if item.id != but and item.command.action is not Action.VERIFY
            if item.state is State.OPERATING or Phase.OPERATE in item.sent
        )
        return next(moves, None)

    def void(self, command: CommandId, *, now_s: float) -> None:
        """Its challenge went void before it was obeyed: it is to be asked for again."""
        self._void[command] = now_s

    def is_void(self, command: CommandId) -> bool:
        """Whether it waits to be asked for again."""
        return command in self._void

    def take_void(self, heard_s: Callable[[GatewayId], float]) -> Tracked | None:
        """Return a command that is to be asked for again and can be, each once; None when there is none.

        It can be when its gateway was heard since (`heard_s`, monotonic): before that no newer challenge is known.
        """
        for key, since_s in self._void.items():
            found = self._commands.get(key)
            if found is None or heard_s(found.gateway) > since_s:
                del self._void[key]
                return found
        return None

    def doubt_since_s(self, actuator: FacilityId) -> float | None:
        """Return since when (monotonic) the outcome on `actuator` is unknown; None: it is not in doubt."""
        return self._doubts.get(actuator)

    def end_doubt(self, actuator: FacilityId) -> None:
        """Fresh feedback has come: it is known again where the actuator stands (I5)."""
        self._doubts.pop(actuator, None)

    def doubted(self) -> tuple[FacilityId, ...]:
        """Return the actuators in doubt."""
        return tuple(self._doubts)

    def _forget_old(self) -> None:
        if len(self._commands) <= ENDED_MAX:
            return
        ended = [item for item in self._commands.values() if item.state.is_final]
        keep = set(self._newest.values())
        for item in ended[: len(self._commands) - ENDED_MAX]:
            if item.id not in keep:
                del self._commands[item.id]
                self._keys.pop((item.command.author, item.idempotency_key or ""), None)

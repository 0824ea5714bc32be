"""The random numbers that a command must quote to prove that it is fresh (I3); ages are wall seconds of this gateway alone."""

from collections import deque

CHALLENGES_MAX = 600
"""Ten minutes of heartbeats; older ones are forgotten, which voids them."""


class Challenges:
    """Every challenge issued since start; a restart voids all of them."""

    def __init__(self) -> None:
        self._issued: dict[str, float] = {}
        self._order: deque[str] = deque()

    def issue(self, challenge: str, *, now_s: float) -> None:
        """Take `challenge` as sent at `now_s`."""
        self._issued[challenge] = now_s
        self._order.append(challenge)
        while len(self._order) > CHALLENGES_MAX:
            del self._issued[self._order.popleft()]

    def age_s(self, challenge: str, *, now_s: float) -> float | None:
        """Return how old `challenge` is; None when it was never issued, is forgotten or was voided."""
        issued_s = self._issued.get(challenge)
        return None if issued_s is None else now_s - issued_s

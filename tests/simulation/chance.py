"""All chance of a simulated world from one seed: a stream for each purpose, and the services' own random numbers too."""

import contextlib
import random
import secrets
from collections.abc import Callable, Iterator
from typing import Any

URL_SAFE_BYTES = 32


class Chance:
    """The streams of one world: what one draws does not shift another."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.people = self._stream("people")
        self.weather = self._stream("weather")
        self.network = self._stream("network")
        self.wires = self._stream("wires")
        self.disks = self._stream("disks")
        self._services = self._stream("services")

    def _stream(self, purpose: str) -> random.Random:
        return random.Random(f"{self.seed} {purpose}")

    @contextlib.contextmanager
    def drawn_by_services(self) -> Iterator[None]:
        """Let the module `secrets`, from which the services draw, follow the seed while the block lasts."""
        draw = self._services

        def token_bytes(nbytes: int | None = None) -> bytes:
            return draw.randbytes(URL_SAFE_BYTES if nbytes is None else nbytes)

        def token_hex(nbytes: int | None = None) -> str:
            return token_bytes(nbytes).hex()

        seeded: dict[str, Callable[..., Any]] = {
            "token_bytes": token_bytes,
            "token_hex": token_hex,
            "token_urlsafe": token_hex,
            "randbelow": draw.randrange,
            "choice": draw.choice,
        }
        real = {name: getattr(secrets, name) for name in seeded}
        for name, drawn in seeded.items():
            setattr(secrets, name, drawn)
        try:
            yield
        finally:
            for name, drawn in real.items():
                setattr(secrets, name, drawn)

"""Brings the checkpoints to a second host over HTTPS, in their order, until each was taken; what waits is in the file that it reads.

It decides nothing about them. A second host that is away for a week gets all of that week when it is back.
"""

import ssl
from pathlib import Path

import httpx

from control.audit.settings import ElsewhereBlock
from domain.errors import ConfigurationError, Fault, StorageError
from runtime.clock import Clock
from runtime.log import logger

LOOK_S = 2.0
"""Wall seconds between two looks whether something is to be brought."""
BACK_OFF_S_MIN, BACK_OFF_S_MAX = 2.0, 600.0
"""Wall seconds between two attempts while the other host takes nothing: doubling."""
ANSWER_S_MAX = 10.0
BYTES_MAX = 60_000
"""Of one message: some 150 checkpoints, more than an hour of them."""
TAKEN, FORK = {200, 202, 204}, 409
"""409: it was kept, and contradicts one of before."""

_log = logger("control")


class Elsewhere:
    """The way to one second host."""

    def __init__(self, client: httpx.AsyncClient, url: str, checkpoints: Path, clock: Clock) -> None:
        self._client = client
        self._url = url
        self._file = checkpoints
        self._mark = checkpoints.with_suffix(".sent")
        self._clock = clock
        self._sent = _read(self._mark)
        self.fault = ""
        """Why the last attempt was in vain; empty: it was not."""
        self.is_forked = False
        """Whether the other host holds a checkpoint that contradicts one of ours."""
        self._waiting_s = BACK_OFF_S_MIN

    @property
    def waiting_bytes(self) -> int:
        """What was not taken yet."""
        try:
            return max(0, self._file.stat().st_size - self._sent)
        except OSError:
            return 0

    async def run(self) -> None:
        """Bring what there is, for ever."""
        while True:
            if await self.bring():
                self._waiting_s = BACK_OFF_S_MIN
                await self._clock.sleep(0.0, floor_s=LOOK_S)
            else:
                await self._clock.sleep(0.0, floor_s=self._waiting_s)
                self._waiting_s = min(BACK_OFF_S_MAX, self._waiting_s * 2)

    async def bring(self) -> bool:
        """Bring everything that waits; return whether all of it was taken."""
        while content := self._next():
            fault = await self._post(content)
            self._say(fault)
            if fault:
                return False
            self._sent += len(content)
            try:
                _write(self._mark, self._sent)
            except OSError as error:
                # It goes again after a restart, and is known there.
                _log.warning("mark of the checkpoints not kept", reason=str(error))
        return True

    async def close(self) -> None:
        """Let the connection go."""
        await self._client.aclose()

    def _next(self) -> bytes:
        """Return whole lines that were not taken yet, at most one message of them."""
        try:
            if self._sent > self._file.stat().st_size:
                self._sent = 0  # another file stands there, e.g. of a backup: all of it is news
            with self._file.open("rb") as opened:
                opened.seek(self._sent)
                content = opened.read(BYTES_MAX)
        except OSError:
            return b""
        return content[: content.rfind(b"\n") + 1]

    async def _post(self, content: bytes) -> str:
        """Return why it was not taken; empty when it was."""
        try:
            answer = await self._client.post(
                self._url, content=content, headers={"Content-Type": "application/jsonl"}
            )
        except (httpx.HTTPError, OSError) as error:
            return str(error) or type(error).__name__
        if answer.status_code == FORK:
            if not self.is_forked:
                _log.error("the second host holds another log", url=self._url, said=answer.text[:300])
            self.is_forked = True
            return ""
        return "" if answer.status_code in TAKEN else f"{answer.status_code}: {answer.text[:200]}"

    def _say(self, fault: str) -> None:
        if fault != self.fault:
            if fault:
                _log.warning("checkpoints not taken", url=self._url, reason=fault)
            else:
                _log.info("checkpoints taken again", url=self._url)
        self.fault = fault


def open_elsewhere(block: ElsewhereBlock, checkpoints: Path, clock: Clock) -> Elsewhere:
    """Return the way that `block` describes. Raises ConfigurationError when its files are no certificates."""
    try:
        context = ssl.create_default_context(cafile=str(block.ca))
        if block.certificate is not None:
            context.load_cert_chain(block.certificate, block.key)
        headers = {}
        if block.token_file is not None:
            token = block.token_file.read_text("utf-8").split("\n", 1)[0].strip()
            headers = {"Authorization": f"Bearer {token}"}
    except (OSError, ssl.SSLError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            Fault(
                file="control settings",
                line=0,
                field="audit.elsewhere",
                kind="setting",
                message=f"its certificates or its token cannot be read: {error}",
                remedy="name PEM files under ca, certificate and key, and a readable token_file",
            )
        ) from error
    client = httpx.AsyncClient(verify=context, headers=headers, timeout=ANSWER_S_MAX, trust_env=False)
    return Elsewhere(client, block.url, checkpoints, clock)


def _read(mark: Path) -> int:
    try:
        return int(mark.read_text("ascii"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise StorageError(f"{mark}: {error}") from error


def _write(mark: Path, sent: int) -> None:
    half = mark.with_suffix(".part")
    half.write_text(str(sent), "ascii")
    half.replace(mark)

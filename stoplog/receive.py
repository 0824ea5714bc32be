"""`stoplog audit receive`: the second host to which controls bring their checkpoints; it believes only what control's key signed.

It keeps everything that is signed, also what contradicts: two checkpoints of one size with two roots prove that a log was forked.
"""

import json
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from domain.errors import ConfigurationError, Fault, RemoteProtocolError, StorageError
from runtime.exits import Exit
from runtime.keys import read_verifier
from runtime.log import configure, logger
from wire.signing import Role, Verifier

BYTES_MAX = 64_000
LINES_MAX = 1_000
"""Of one message."""
_PARK = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_log = logger("receive")


@dataclass(slots=True)
class Shelf:
    """What was received of one park."""

    file: Path
    lines: set[str] = field(default_factory=set)
    roots: dict[int, str] = field(default_factory=dict)


class Receiver:
    """Takes checkpoints and keeps them, one file a park."""

    def __init__(self, folder: Path, verifier: Verifier) -> None:
        self._folder = folder
        self._verifier = verifier
        self._shelves: dict[str, Shelf] = {}

    def take(self, content: bytes) -> tuple[int, str]:
        """Keep every signed line; return a status and its words. Raises RemoteProtocolError, StorageError: nothing is kept then."""
        found = list(self._signed(content))
        status, words = 204, ""
        for park, size, root, line in found:
            shelf = self._shelf(park)
            if line in shelf.lines:
                continue
            _append(shelf.file, line)
            shelf.lines.add(line)
            known = shelf.roots.setdefault(size, root)
            if known != root:
                words = f"{park}: two roots for {size} records: the log was forked"
                status = 409
                _log.error("fork", park=park, size=size, roots=sorted((known, root)))
            elif size < max(shelf.roots):
                _log.warning("rolled back", park=park, size=size, before=max(shelf.roots))
        return status, words

    def _signed(self, content: bytes) -> Iterator[tuple[str, int, str, str]]:
        lines = content.splitlines()
        if not lines or len(lines) > LINES_MAX:
            raise RemoteProtocolError(f"{len(lines)} lines")
        for text in lines:
            try:
                line = json.loads(text)
                token = str(line["token"])
            except (ValueError, KeyError, TypeError) as error:
                raise RemoteProtocolError(f"not a checkpoint: {error!r}") from error
            said = self._verifier.verify(token.encode(), roles=[Role.CONTROL]).body
            park, size, root = said.get("park"), said.get("size"), said.get("root")
            is_one = (
                said.get("claim") == "audit-checkpoint" and isinstance(size, int) and isinstance(root, str)
            )
            if not (is_one and isinstance(park, str) and _PARK.match(park)):
                raise RemoteProtocolError("signed, and not a checkpoint")
            assert isinstance(size, int)
            assert isinstance(root, str)
            # What the signature covers is kept, whatever else the line says.
            kept = {"claim": "audit-checkpoint", "park": park, "size": size, "root": root}
            kept |= {"at_ms": said.get("at_ms"), "token": token}
            yield park, size, root, json.dumps(kept, sort_keys=True, separators=(",", ":"))

    def _shelf(self, park: str) -> Shelf:
        shelf = self._shelves.get(park)
        if shelf is None:
            shelf = self._shelves[park] = Shelf(self._folder / f"{park}.jsonl")
            if shelf.file.exists():
                for line in shelf.file.read_text("utf-8").splitlines():
                    said = json.loads(line)
                    shelf.lines.add(line)
                    shelf.roots.setdefault(int(said["size"]), str(said["root"]))
        return shelf


def receiver_app(receiver: Receiver, token: str | None) -> Starlette:
    """Return the application: POST of lines at any path, and a sign of life at /health."""

    async def take(request: Request) -> Response:
        said = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token is not None and not compare_digest(said.encode(), token.encode()):
            return PlainTextResponse("the bearer token is missing or wrong", 401)
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > BYTES_MAX:
            return PlainTextResponse(f"at most {BYTES_MAX} bytes, their length said first", 413)
        try:
            status, words = receiver.take(await request.body())
        except RemoteProtocolError as error:
            return PlainTextResponse(str(error), 403)
        except (StorageError, OSError, ValueError) as error:
            _log.exception("not kept")
            return PlainTextResponse(f"not kept: {error}", 507)
        return PlainTextResponse(words, status) if words else Response(status_code=status)

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("receives")

    return Starlette(routes=[Route("/health", alive), Route("/{anywhere:path}", take, methods=["POST"])])


def run_receive(
    *,
    listen: str,
    to: Path,
    keys: Path,
    certificate: Path,
    key: Path,
    client_ca: Path | None,
    token_file: Path | None,
) -> int:
    """Receive until a signal. Raises ConfigurationError when nobody would have to prove who they are, or a file is missing."""
    configure("info")
    host, _, port = listen.rpartition(":")
    if client_ca is None and token_file is None:
        raise _wrong(
            "--client-ca", "nobody would have to prove who they are", "name --client-ca, --token-file or both"
        )
    if not (host and port.isdigit()):
        raise _wrong("--listen", f"{listen!r} is no address", "write host:port, e.g. 0.0.0.0:8443")
    token = None if token_file is None else _secret(token_file)
    to.mkdir(parents=True, exist_ok=True)
    app = receiver_app(Receiver(to, read_verifier(keys)), token)
    config = uvicorn.Config(
        app, host=host.strip("[]"), port=int(port), log_config=None, access_log=False, lifespan="off",
        server_header=False, proxy_headers=False, ssl_certfile=certificate, ssl_keyfile=key,
        ssl_ca_certs=None if client_ca is None else str(client_ca),
        ssl_cert_reqs=ssl.CERT_NONE if client_ca is None else ssl.CERT_REQUIRED,
    )  # fmt: skip
    print(f"receives at https://{listen}, keeps in {to}", flush=True)
    uvicorn.Server(config).run()
    return Exit.OK


def _append(file: Path, line: str) -> None:
    try:
        with file.open("ab") as opened:
            opened.write(line.encode() + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise StorageError(f"{file}: {error.strerror or error}") from error


def _secret(file: Path) -> str:
    try:
        token = file.read_text("utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(
            "--token-file", f"cannot be read: {error}", "name a file with the token alone"
        ) from error
    if len(token) < 32:
        raise _wrong("--token-file", f"{len(token)} characters are no secret", "write 32 characters at least")
    return token


def _wrong(name: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        Fault(file="command line", line=0, field=name, kind="setting", message=message, remedy=remedy)
    )

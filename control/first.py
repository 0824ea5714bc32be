"""Makes the one-time tokens of a first start: the first administrator's, and the demonstration's link."""

import os
from pathlib import Path

from control.people.accounts import Accounts, User
from control.people.roles import Role
from domain.errors import ConfigurationError, Fault, StorageError
from runtime.clock import Clock
from runtime.log import logger

DEMO_ROLES = frozenset({Role.OPERATOR, Role.SHIFT_CHIEF, Role.ENGINEER, Role.AUDITOR})
"""Enough to try everything but to approve one's own river steps: for that a second person is made."""
TOKEN_LENGTH_MIN = 32
"""Characters; a shorter token is no secret and refuses the start."""


def offer_setup(accounts: Accounts, file: Path) -> None:
    """While nobody exists, write a new one-time token for the first administrator; else remove an old one.

    Raises StorageError when it cannot be written.
    """
    try:
        file.unlink(missing_ok=True)
        if not accounts.is_empty:
            return
        token = accounts.new_setup_token()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(token + "\n")
    except OSError as error:
        message = f"cannot write {file}: {error.strerror or error}"
        raise StorageError(message) from error
    logger("control").warning(
        "nobody exists yet: make the first administrator by the token in", file=str(file)
    )


def read_link(file: Path) -> str:
    """Return the one-time token that the demonstration wrote. Raises ConfigurationError when it is no secret."""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _no_secret(file, f"it cannot be read: {error}") from error
    if len(token) < TOKEN_LENGTH_MIN:
        raise _no_secret(file, f"{len(token)} characters, at least {TOKEN_LENGTH_MIN}")
    return token


def demo_user(wall: Clock) -> User:
    """Return the one user of the demonstration, who has no password."""
    return User(
        username="demo",
        display_name="演示值班长",
        password=None,
        roles=DEMO_ROLES,
        enterprise=None,
        created_ms=wall.now_ms(),
    )


def _no_secret(file: Path, message: str) -> ConfigurationError:
    return ConfigurationError(
        Fault(
            file=str(file),
            line=0,
            field="demo.link_token_file",
            kind="unreadable-secret",
            message=message,
            remedy="leave [demo] out; only `stoplog demo` writes it",
        )
    )

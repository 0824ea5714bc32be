"""Reads a service's own signing key and the public keys that it trusts."""

from pathlib import Path

from domain.errors import ConfigurationError, Fault
from wire.signing import Signer, Verifier, load_signer, load_verifier


def read_signer(path: Path) -> Signer:
    """Return the signer of the private JWK at `path`. Raises ConfigurationError when there is none."""
    try:
        return load_signer(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, "keys.own", error) from error


def read_verifier(path: Path) -> Verifier:
    """Return the verifier of the JWK set at `path`. Raises ConfigurationError when there is none."""
    try:
        return load_verifier(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, "keys.trusted", error) from error


def _unreadable(path: Path, field: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        Fault(
            file=str(path),
            line=0,
            field=field,
            kind="unreadable-key",
            message=f"no usable key: {error}",
            remedy="make one with `stoplog keys`, or name the right file in the settings",
        )
    )

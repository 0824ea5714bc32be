"""The archive of a backup: a tar of control's files behind a manifest, encrypted with age; knows no settings.

age (age-encryption.org/v1) needs the recipients' public keys only, so that the machine which makes backups cannot read them.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyrage

from domain.errors import ConfigurationError, Fault, StorageError

FORMAT = 1
MANIFEST = "manifest.json"
NAMES = frozenset({"control.sqlite", "checkpoints.jsonl", "spool.jsonl", "trusted.jwks"})
"""Private keys are not among them: a restored control gets keys of its own."""
SUFFIX = ".tar.age"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive holds."""

    park: str
    made_ms: int
    """Wall time, UTC milliseconds."""
    program: str
    records: int
    """Records of the audit log in it."""
    root: str
    """Root over them, hexadecimal."""
    files: Mapping[str, tuple[int, str]]
    """Name → (bytes, SHA-256 in hexadecimal)."""


def new_key(file: Path) -> str:
    """Write a new private key to `file`, readable by its owner only, and return the public one. Raises StorageError."""
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(f"# public key: {public}\n{identity}\n")
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error
    return public


def write_archive(manifest: Manifest, folder: Path, recipients: Sequence[str], to: BinaryIO) -> None:
    """Write the files of `folder` that the manifest names, encrypted for `recipients`."""
    keys = [pyrage.x25519.Recipient.from_str(text) for text in recipients]
    plain = folder / "archive.tar"
    with tarfile.open(plain, "w") as tar:
        head = json.dumps(_as_dict(manifest), indent=1).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size = len(head)
        tar.addfile(entry, io.BytesIO(head))
        for name in manifest.files:
            tar.add(folder / name, arcname=name)
    with plain.open("rb") as opened:
        pyrage.encrypt_io(opened, to, keys)
    plain.unlink()


def read_archive(archive: Path, identity: Path, into: Path) -> Manifest:
    """Decrypt `archive` with the private key in `identity`, and unpack it into the empty folder `into`.

    Raises StorageError when it is no backup, not for this key, or damaged: nothing of it is then to be used.
    """
    plain = into / "archive.tar"
    try:
        with archive.open("rb") as source, plain.open("wb") as target:
            pyrage.decrypt_io(source, target, [_identity(identity)])
        with tarfile.open(plain) as tar:
            manifest = _manifest(tar)
            for name in manifest.files:
                _take_out(tar, name, into / name)
    except pyrage.DecryptError as error:
        raise StorageError(f"{archive}: not for this key, or damaged: {error}") from error
    except (OSError, tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{archive}: not a backup of ours: {error}") from error
    finally:
        plain.unlink(missing_ok=True)
    for name, expected in manifest.files.items():
        if measured(into / name) != expected:
            raise StorageError(f"{archive}: {name} is not what the manifest says")
    return manifest


def measured(file: Path) -> tuple[int, str]:
    """Return the size of a file and the SHA-256 of its content, hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            digest.update(chunk)
    return file.stat().st_size, digest.hexdigest()


def read_recipients(file: Path) -> list[str]:
    """Return the public keys in `file`, one a line, `#` begins a remark. Raises ConfigurationError."""
    try:
        lines = [line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
        keys = [line for line in lines if line]
        for key in keys:
            pyrage.x25519.Recipient.from_str(key)
    except (OSError, UnicodeDecodeError, pyrage.RecipientError) as error:
        raise _unusable(file, f"no public keys: {error}", "write one `age1…` a line") from error
    if not keys:
        raise _unusable(
            file, "it names nobody", "write one `age1…` a line; `stoplog backup-key` makes a pair"
        )
    return keys


def _take_out(tar: tarfile.TarFile, name: str, to: Path) -> None:
    """Write the content of one entry; its own path, owner and mode count for nothing."""
    content = tar.extractfile(name)
    if content is None:
        raise ValueError(f"{name} is no file")
    with content, to.open("wb") as opened:
        shutil.copyfileobj(content, opened)


def _identity(file: Path) -> pyrage.x25519.Identity:
    try:
        lines = file.read_text("utf-8").splitlines()
        return pyrage.x25519.Identity.from_str(
            next(line for line in lines if line.startswith("AGE-SECRET-KEY-"))
        )
    except (OSError, UnicodeDecodeError, StopIteration, pyrage.IdentityError) as error:
        raise _unusable(
            file, f"no private key: {error}", "name the file that `stoplog backup-key` wrote"
        ) from error


def _unusable(file: Path, message: str, remedy: str) -> ConfigurationError:
    fault = Fault(file=str(file), line=0, field="", kind="unreadable-key", message=message, remedy=remedy)
    return ConfigurationError(fault)


def _as_dict(manifest: Manifest) -> dict[str, object]:
    return {
        "format": FORMAT,
        "park": manifest.park,
        "made_ms": manifest.made_ms,
        "program": manifest.program,
        "audit": {"records": manifest.records, "root": manifest.root},
        "files": {name: {"bytes": size, "sha256": digest} for name, (size, digest) in manifest.files.items()},
    }


def _manifest(tar: tarfile.TarFile) -> Manifest:
    opened = tar.extractfile(MANIFEST)
    if opened is None:
        raise ValueError("no manifest")
    said = json.loads(opened.read())
    if said["format"] != FORMAT:
        raise ValueError(f"format {said['format']}, this program reads {FORMAT}")
    files = {name: (int(item["bytes"]), str(item["sha256"])) for name, item in said["files"].items()}
    if not files.keys() <= NAMES:
        raise ValueError(f"it holds {', '.join(sorted(files.keys() - NAMES))}")
    return Manifest(
        park=str(said["park"]),
        made_ms=int(said["made_ms"]),
        program=str(said["program"]),
        records=int(said["audit"]["records"]),
        root=str(said["audit"]["root"]),
        files=files,
    )

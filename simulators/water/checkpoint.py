"""Keeps the water of one instant in one file: SWMM's hot start and our arrays, written all or nothing."""

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.errors import StorageError
from simulators.water.transport import Floats

_HOT_START = "water.hsf"
_TIME = "time_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What `load` found."""

    time_ms: int
    arrays: Mapping[str, Floats]
    hot_start: Path
    """Unpacked for SWMM to read."""


def save(path: Path, *, time_ms: int, arrays: Mapping[str, Floats], hot_start: Path) -> None:
    """Replace `path` atomically and durably. Raises StorageError; the old file is then whole."""
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            with zipfile.ZipFile(file, "w") as parts:
                parts.writestr(_TIME, str(time_ms))
                parts.write(hot_start, _HOT_START)
                for name, array in arrays.items():
                    parts.writestr(f"{name}.npy", _bytes(array))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: {error}") from error


def load(path: Path, *, unpack_to: Path) -> Checkpoint:
    """Read what `save` wrote. Raises StorageError if there is nothing whole to read."""
    try:
        with zipfile.ZipFile(path) as parts:
            arrays = {
                name.removesuffix(".npy"): np.load(io.BytesIO(parts.read(name)), allow_pickle=False)
                for name in parts.namelist()
                if name.endswith(".npy")
            }
            hot_start = Path(parts.extract(_HOT_START, unpack_to))
            time_ms = int(parts.read(_TIME))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise StorageError(f"{path}: {error}") from error
    return Checkpoint(time_ms=time_ms, arrays=arrays, hot_start=hot_start)


def _bytes(array: Floats) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()

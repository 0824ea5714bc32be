"""A checkpoint is whole or not there."""

from pathlib import Path

import numpy as np
import pytest

from domain.errors import StorageError
from simulators.water import checkpoint


def saved(folder: Path, value: float) -> Path:
    hot_start, path = folder / "hot", folder / "water.checkpoint"
    hot_start.write_bytes(b"SWMM5-HOTSTART4" + bytes([int(value)]))
    checkpoint.save(path, time_ms=1234, arrays={"mass": np.array([[value]])}, hot_start=hot_start)
    return path


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    loaded = checkpoint.load(saved(tmp_path, 7.0), unpack_to=tmp_path)
    assert (loaded.time_ms, loaded.arrays["mass"].tolist()) == (1234, [[7.0]])
    assert loaded.hot_start.read_bytes() == b"SWMM5-HOTSTART4\x07"


def test_saving_again_replaces_the_old_one_and_leaves_nothing_beside(tmp_path: Path) -> None:
    saved(tmp_path, 1.0)
    loaded = checkpoint.load(saved(tmp_path, 2.0), unpack_to=tmp_path / "unpacked")
    assert loaded.arrays["mass"].tolist() == [[2.0]]
    assert not list(tmp_path.glob("*.part"))


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, 1.0)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StorageError):
        checkpoint.load(path, unpack_to=tmp_path)


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        checkpoint.load(tmp_path / "none", unpack_to=tmp_path)


def test_a_folder_that_is_gone_is_a_storage_error(tmp_path: Path) -> None:
    hot_start = tmp_path / "hot"
    hot_start.write_bytes(b"x")
    with pytest.raises(StorageError):
        checkpoint.save(tmp_path / "gone" / "c", time_ms=0, arrays={}, hot_start=hot_start)

"""A file of JSON lines that outlives a killed process: each line is handed to the kernel by one write, before it acts."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from domain.errors import StorageError


class LineLog:
    """One such file; appends to what is there."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises StorageError."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error

    def put(self, fields: Mapping[str, object]) -> None:
        """Hand one line to the kernel. Raises StorageError."""
        try:
            os.write(self._fd, (json.dumps(fields, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

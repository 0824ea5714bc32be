"""`stoplog journal inspect`: what the segments in some folders hold, a line each, and their sum."""

import sys
from collections.abc import Sequence
from pathlib import Path

from domain.errors import RemoteProtocolError
from runtime.exits import Exit
from stoplog.oracle.segments import read_segment, segments


def inspect(folders: Sequence[Path]) -> int:
    """Print a table; return 0, or 65 when a folder holds no segment or a segment cannot be read."""
    status, payloads, seen = Exit.OK, 0, 0
    for path in [
        path
        for folder in folders
        for path in (*segments(folder), *segments(folder / "samples"), *segments(folder / "records"))
    ]:
        seen += 1
        try:
            entries = [(entry.offset, entry.gateway, len(entry.payload)) for entry in read_segment(path)]
        except RemoteProtocolError as error:
            sys.stderr.write(f"{error}\n")
            status = Exit.PARK
            continue
        payloads += len(entries)
        span = f"offsets {entries[0][0]}–{entries[-1][0]}, {entries[0][1]}" if entries else "empty"
        print(f"{path.name}: {len(entries)} payloads, {path.stat().st_size} bytes, {span}")
    if not seen:
        sys.stderr.write(f"no journal segments (*.journal) in {', '.join(map(str, folders))}\n")
        return Exit.PARK
    print(f"{seen} segments, {payloads} payloads")
    return status

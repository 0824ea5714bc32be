"""`stoplog store backup`: copies an ingest worker's databases while it runs; a server's series are backed up by the server's tools."""

from pathlib import Path

from ingest.settings import IngestSettings
from runtime.settings import read_settings
from stores.sqlite_backup import back_up


def run_backup(settings: Path, folder: Path) -> int:
    """Copy into `folder`, which need not be there. Raises StorageError; a copy that was begun is then gone."""
    found = read_settings(settings, IngestSettings)
    sources = [found.database]
    if found.store.kind == "sqlite" and found.store.path is not None:
        sources.insert(0, found.store.path)
    else:
        print(f"时序数据在 {found.store.url}，请用其自带的备份工具（例如 vmbackup）")
        print(f"the series are at {found.store.url}: back them up by its own tool, e.g. vmbackup")
    for source in sources:
        target = folder / source.name
        size = back_up(source, target)
        print(f"{target}  {size:,} bytes")
    return 0

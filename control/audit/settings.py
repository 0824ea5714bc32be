"""What becomes of the audit log outside of its database: where its checkpoints go, and how long its records are kept there."""

from pathlib import Path

from pydantic import Field

from runtime.settings import Block


class ElsewhereBlock(Block):
    """A second host that receives every checkpoint, as `stoplog audit receive` does."""

    url: str = Field(pattern=r"^https://[^\s\"<>]+$", max_length=500)
    """HTTPS only; it gets lines of JSON by POST."""
    ca: Path
    """The authority that signed the receiver's certificate."""
    certificate: Path | None = None
    key: Path | None = None
    """Ours, when the receiver asks for one; both or neither."""
    token_file: Path | None = None
    """Its first line goes along as a bearer token; None: the certificate is enough."""


class AuditBlock(Block):
    copies: tuple[Path, ...] = Field(default=(), max_length=8)
    """Files to which every checkpoint is appended besides, e.g. on a share or a disk that leaves the machine."""
    elsewhere: ElsewhereBlock | None = None
    keep_days: int | None = Field(default=None, ge=180, le=36_500)
    """Days until a record's content leaves the database for the archive; its hash stays. None: never. 网络安全法 art. 21 asks
    for six months of logs at least."""

"""What control is told before it starts; unknown keys and absent secrets refuse the start."""

from pathlib import Path

from pydantic import Field

from control.audit.settings import AuditBlock
from control.people.policy import Policy
from control.replica.settings import ReplicaBlock
from runtime.settings import Block, CommonSettings, PortOrNone
from stores.settings import StoreSettings


class DatabaseBlock(Block):
    url: str
    """`sqlite:////absolute/path/control.sqlite`, or `postgresql://user@host:5432/database`."""
    password_file: Path | None = None
    """Holds the password of a PostgreSQL user and nothing else; None: it needs none."""


class ApiBlock(Block):
    host: str = "127.0.0.1"
    port: PortOrNone = 8080
    """0 takes a free one."""
    is_https: bool = False
    """Whether a proxy before us speaks TLS: the session's cookie is then sent over TLS only."""


class DemoBlock(Block):
    """Only the demonstration on one machine has it; a site's settings leave it out."""

    link_token_file: Path


class SessionBlock(Block):
    idle_h_max: float = Field(default=12.0, gt=0, le=72)
    """Wall hours without a request until a session ends: an operator position stays signed in for the shift."""
    total_h_max: float = Field(default=24.0, gt=0, le=168)
    """Wall hours until a session ends in any case."""


class PeopleBlock(Block):
    password_policy: Policy = Policy.ASVS
    """`asvs`: length and no common password (OWASP ASVS 5.0); `mlps`: complexity, rotation and two factors (等保 level 3)."""
    lock_idle_min: float = Field(default=30.0, ge=1, le=720)
    """Wall minutes without anybody's doing until an operator position is locked."""


class ControlSettings(CommonSettings):
    """Everything of one control service."""

    state: Path
    """Folder for the one-time set-up token, the spool and the exported checkpoints."""
    database: DatabaseBlock
    api: ApiBlock = ApiBlock()
    store: StoreSettings | None = None
    """None: there is no history."""
    session: SessionBlock = SessionBlock()
    people: PeopleBlock = PeopleBlock()
    demo: DemoBlock | None = None
    broker_wait_s: float = Field(default=10.0, ge=0, le=600)
    """Wall seconds to wait for the broker at the start; then control ends and says so. Once it runs, it never gives up."""
    audit: AuditBlock = AuditBlock()
    replica: ReplicaBlock = ReplicaBlock()
    """Counts on PostgreSQL only: a SQLite file has one control."""
    device_overrides: Path | None = None
    """The demonstration names one file for every service; control talks to no device and reads none of it."""

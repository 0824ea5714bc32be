"""What control is told before it starts; unknown keys and absent secrets refuse the start."""

from pathlib import Path

from pydantic import Field, field_validator

from control.audit.settings import AuditBlock
from control.people.oidc import is_safe_address
from control.people.passwords import Cost
from control.people.policy import Policy
from control.people.roles import Role
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
    password_cost: Cost = Cost.RFC_9106
    """What a guess costs (argon2id); holds for passwords and PINs that are set from then on."""
    lock_idle_min: float = Field(default=30.0, ge=1, le=720)
    """Wall minutes without anybody's doing until an operator position is locked."""


class OidcBlock(Block):
    """The site's own OpenID Connect provider; without it people sign in here only."""

    issuer: str
    """Its address exactly as it names itself; https, or this machine."""
    client_id: str
    client_secret_file: Path | None = None
    """Holds the secret and nothing else; None: a public client, PKCE alone."""
    redirect_uri: str
    """Our address as browsers know it, ending in /api/v1/session/oidc/callback; registered there too."""
    ca: Path | None = None
    """Certificates that the provider's TLS is held against; None: those of the machine."""
    scope: str = "openid profile"
    zh: str = "单位统一登录"
    en: str = "company sign-in"
    roles_claim: str = "roles"
    roles: dict[str, tuple[Role, ...]]
    """Value of the claim → roles here; who has none of these values is not let in."""
    enterprise_claim: str | None = None
    """Holds the enterprise's id for who is confined to one."""

    @field_validator("issuer", "redirect_uri")
    @classmethod
    def _is_safe(cls, address: str) -> str:
        if not is_safe_address(address):
            raise ValueError("https, or http on this machine only")
        return address


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
    oidc: OidcBlock | None = None
    demo: DemoBlock | None = None
    broker_wait_s: float = Field(default=10.0, ge=0, le=600)
    """Wall seconds to wait for the broker at the start; then control ends and says so. Once it runs, it never gives up."""
    audit: AuditBlock = AuditBlock()
    replica: ReplicaBlock = ReplicaBlock()
    """Counts on PostgreSQL only: a SQLite file has one control."""
    device_overrides: Path | None = None
    """The demonstration names one file for every service; control talks to no device and reads none of it."""

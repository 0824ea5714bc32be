"""The shapes of what the API answers, for the OpenAPI document; tests hold the answers to them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """One JSON object."""

    model_config = ConfigDict(extra="forbid")


Anything = dict[str, Any] | list[Any] | str | float | bool | None
QualityWord = Literal["good", "uncertain", "bad"]
PositionWord = Literal["closed", "open", "between", "contradiction", "unknown"]
ActionWord = Literal["open", "close", "stop", "set", "verify"]


class WordsShape(Shape):
    zh: str
    en: str


class Reason(Shape):
    code: str
    zh: str
    en: str
    values: dict[str, str]
    actuator: str | None = None


class ProblemShape(Shape):
    type: str
    title: str
    title_zh: str
    status: int
    detail: str
    code: str
    reasons: list[Reason]


class SetupShape(Shape):
    needed: bool
    provider: WordsShape | None
    """What the site's own sign-in is called, where there is one."""


class UserShape(Shape):
    username: str
    display_name: str
    roles: list[str]
    enterprise: str | None
    is_disabled: bool = False
    has_second_factor: bool = False
    has_pin: bool = False
    is_password_given: bool = False
    """Somebody else has set the password, and it was not changed since."""
    is_from_provider: bool = False
    """Signs in at the site's OIDC provider."""


class FactorShape(Shape):
    secret: str
    """Base32, for typing."""
    address: str
    """`otpauth:`, for scanning."""


class TokenShape(Shape):
    id: str
    name: str
    roles: list[str]
    enterprise: str | None
    made_by: str
    created_ms: int
    ends_ms: int
    revoked_ms: int | None


class NewTokenShape(Shape):
    token: TokenShape
    secret: str
    """Shown this once."""


class NewUserShape(Shape):
    user: UserShape


class SessionShape(Shape):
    user: UserShape
    csrf: str
    is_locked: bool
    """The position shows, stops, and closes by a PIN; all else takes a full sign-in."""
    fresh_s: int
    """Seconds for which the last proof still counts for moves away from safe."""
    due: Literal["given-password", "old-password", "no-second-factor"] | None
    """What must be put right before any move away from safe."""
    lock_idle_s: int
    """Seconds without anybody's doing after which the position is locked."""
    proves_by: list[Literal["password", "code", "provider"]]


class EnterpriseShape(Shape):
    id: str
    name: WordsShape
    risk: Literal["major", "larger", "general"]


class FlowShape(Shape):
    to: str
    via: str | None


class ActuatorDefinition(Shape):
    safe_position: Literal["open", "closed"]
    travel_time_s: float
    kind: Literal["gate", "valve", "sluice", "pump"]
    is_commissioned: bool
    expiry: Literal["proven", "unproven"]
    """proven: the PLC does nothing on a command that it reads late."""


class PointDefinition(Shape):
    name: str
    label: WordsShape
    unit: str
    type: Literal["number", "boolean", "text"]
    range_min: float | None
    range_max: float | None
    device: str


class FacilityShape(Shape):
    id: str
    name: WordsShape
    kind: str
    tier: Literal["enterprise", "park", "river"]
    line: int | None
    enterprise: str | None
    flows_to: list[FlowShape]
    x: float
    y: float
    capacity_m3: float | None
    camera: str | None
    actuator: ActuatorDefinition | None
    points: list[PointDefinition]


class PlanScope(Shape):
    enterprise: str


class PlanShape(Shape):
    id: str
    name: WordsShape
    scope: PlanScope | Literal["park"]
    steps: int | None = None


class ParkShape(Shape):
    id: str
    name: WordsShape
    enterprises: list[EnterpriseShape]
    facilities: list[FacilityShape]
    plans: list[PlanShape]


class LivePoint(Shape):
    v: float | bool | str | None
    q: QualityWord
    reason: str | None
    t: int | None
    age_s: float | None
    stale: bool


class Tag(Shape):
    id: str
    by: str
    reason: str
    since: int
    until: int | None
    """The end as announced; it lifts nothing."""
    overdue: bool


class OverrideShape(Shape):
    id: str
    interlock: str
    words: WordsShape | None
    by: str
    second: str | None
    reason: str
    since: int
    until: int


class WishShape(Shape):
    """What waits for a second person."""

    id: str
    what: Literal["override", "lift"]
    actuator: str
    order: str
    interlock: str | None
    condition: str | None
    words: WordsShape | None
    by: str
    reason: str
    asked_ms: int
    lapses_ms: int
    ends_ms: int | None
    content_hash: str


class TicketShape(Shape):
    """An operation ticket (操作票): a move away from safe that takes a second person."""

    id: str
    actuator: str
    action: ActionWord
    parameters: dict[str, float]
    reason: str
    words: WordsShape
    by: str
    second: str | None
    """Who has agreed."""
    state: Literal["waiting", "approved", "used", "withdrawn", "refused", "lapsed", "void"]
    asked_ms: int
    until_ms: int
    """While it waits: to be agreed to by then. Once approved: to be used by then."""
    ended_by: str | None
    content_hash: str


class LiftShape(Shape):
    lifted: bool
    wish: WishShape | None


class CommandBrief(Shape):
    id: str
    action: ActionWord
    state: str
    author: str
    since_ms: int


class HandReportShape(Shape):
    by: str
    position: Literal["open", "closed", "between"]
    note: str
    at_ms: int


class ActuatorShape(Shape):
    id: str
    position: PositionWord
    position_words: WordsShape
    quality: QualityWord
    reason: str | None
    fresh: bool
    last_seen: PositionWord
    opening_percent: float | None
    moving: bool | None
    remote: bool | None
    fault: bool | None
    doubt: bool
    tagged: Tag | None
    tags: list[Tag]
    overrides: list[OverrideShape]
    waiting: list[WishShape]
    tickets: list[TicketShape]
    """Those that wait for a second person or may be used."""
    keep_closed: list[str]
    command: CommandBrief | None
    hand_report: HandReportShape | None
    is_commissioned: bool
    commissioning: str | None
    """Who checks it just now."""


class GatewayShape(Shape):
    id: str
    state: Literal["online", "stale", "offline"]
    heartbeat_age_s: float | None
    journal_depth: int | None
    journal_full: bool


class AlarmShape(Shape):
    id: str
    rule: str
    facility: str | None
    enterprise: str | None
    severity: int
    state: Literal["active_unack", "active_ack", "cleared_unack", "cleared"]
    occurrence: int
    words: WordsShape
    value: float | None
    unit: str | None
    limit: float | None
    side: Literal["above", "below"]
    raised_ms: int | None
    cleared_ms: int | None
    acknowledged_by: str | None


class OrderShape(Shape):
    id: str
    kind: Literal["keep_closed", "keep_open", "tag_out", "override"]
    actuator: str
    by: str
    reason: str
    since_ms: int
    until_ms: int | None
    interlock: str | None = None
    second: str | None = None


class CheckItemShape(Shape):
    id: str
    part: Literal["point", "action", "travel", "site"]
    words: WordsShape
    how: WordsShape
    """What to do to have it seen."""
    point: str | None
    action: ActionWord | None
    seen_ms: int | None
    evidence: Anything


class CheckShape(Shape):
    id: str
    actuator: str
    drive: str
    by: str
    started_ms: int
    stage: Literal["running", "signed", "abandoned", "void"]
    items: list[CheckItemShape]
    missing: int
    signed_by: str | None
    witness: str | None
    ended_ms: int | None


class CommissioningShape(Shape):
    actuator: str
    drive: str
    """Hash of the drive as it is now."""
    is_commissioned: bool
    signed_by: str | None
    signed_ms: int | None
    signed_on: str | None
    """The date in the park's folder, when the word is from there."""
    witness: str | None
    running: CheckShape | None
    last: Literal["running", "signed", "abandoned", "void"] | None


class RunSummary(Shape):
    id: str
    plan: str
    name: WordsShape
    author: str
    reason: str
    started_ms: int
    ended_ms: int | None
    state: Literal["running", "waiting_approval", "paused", "done", "done_with_failures", "aborted"]


class LiveShape(Shape):
    """The snapshot; a delta has the same sections, each with what changed only."""

    type: Literal["snapshot", "delta"]
    n: int
    model_time_ms: int
    speed: float
    gateways: list[GatewayShape] = []
    points: dict[str, LivePoint] = {}
    actuators: dict[str, ActuatorShape] = {}
    alarms: list[AlarmShape] = []
    orders: list[OrderShape] = []
    runs: list[RunSummary] = []


def says(shape: object, status: int = 200) -> dict[str, Any]:
    """Return what a route's decorator is given: the shape is documented, and not paid for at each answer."""
    problem = {"model": ProblemShape, "description": "problem (RFC 9457)"}
    return {
        "status_code": status,
        "response_model": None,
        "responses": {status: {"model": shape}, "4XX": problem, "503": problem},
    }

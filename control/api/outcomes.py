"""The shapes of what the API answers about acts and their records: why, commands, plans, runs, audit, history."""

from typing import Any, Literal

from control.api.shapes import ActionWord, Anything, QualityWord, Reason, RunSummary, Shape, WordsShape


class ConditionValue(Shape):
    point: str
    value: float | bool | str | None
    unit: str
    quality: QualityWord
    age_s: float | None
    stale: bool


class Condition(Shape):
    text: str
    words: WordsShape
    verdict: Literal["true", "false", "unknown"]
    values: list[ConditionValue]


class WhyValue(Shape):
    point: str
    words: WordsShape
    value: float | bool | str | None
    unit: str
    quality: QualityWord
    reason: str | None
    age_s: float | None
    stale: bool


class WhyNode(Shape):
    """One condition of the tree: what it says, what it does to the action, and what would have to change."""

    kind: Literal[
        "action", "check", "permit", "inhibit", "several", "not", "compare", "state", "held", "constant"
    ]
    words: WordsShape
    text: str
    truth: Literal["true", "false", "unknown"]
    wanted: bool
    effect: Literal["passes", "warns", "blocks", "overridden"]
    change: WordsShape | None
    need: int | None
    """Of its parts, how many must be as wanted."""
    so_far_s: float | None
    needed_s: float | None
    code: str | None
    interlock: str | None
    override: str | None
    values: list[WhyValue]
    parts: list["WhyNode"]


class WhyShape(Shape):
    allowed: bool
    warnings: list[Reason]
    refusals: list[Reason]
    conditions: list[Condition]
    tree: WhyNode
    needs_second: bool
    """It goes out under an operation ticket: another person has to agree to it first."""
    overridable: list[str]
    """Interlocks whose override this person may ask for now."""


class SelectShape(Shape):
    id: str
    expires_ms: int


class TransitionShape(Shape):
    state: str
    at_ms: int
    reasons: list[Anything]
    evidence: Anything


class CommandShape(Shape):
    id: str
    actuator: str
    action: ActionWord
    parameters: dict[str, float]
    state: str
    author: str
    reason: str
    created_ms: int
    expires_ms: int
    run: str | None
    instead_of: str | None
    replaced_by: str | None
    transitions: list[TransitionShape]
    outcome: str | None


class TravelDirectionShape(Shape):
    declared_s: float
    reckoned_s: float
    timeout_s: float
    is_learned: bool
    count: int
    last_s: float | None


class TravelShape(Shape):
    open: TravelDirectionShape
    close: TravelDirectionShape


class HandCardShape(Shape):
    title: WordsShape
    who: str
    phone: str
    where: str
    how: list[str]


class PreviewStep(Shape):
    id: str
    order: int
    group: int
    actuator: str
    action: ActionWord
    tier: Literal["enterprise", "park", "river"]
    travel_time_s: float
    needs_approval: bool
    already: bool
    warnings: list[Reason]
    refusals: list[Reason]
    on_failure: Literal["continue", "alternative", "hold_dependants"]
    alternative: str | None
    after: list[str]
    words: WordsShape


class PoolRoom(Shape):
    facility: str
    capacity_m3: float | None
    volume_m3: float | None
    free_m3: float | None
    quality: QualityWord


class PreviewShape(Shape):
    plan: str
    name: WordsShape
    content_hash: str
    steps: list[PreviewStep]
    pools: list[PoolRoom]
    blocks: list[Reason]
    expected_s: float


class ApprovalShape(Shape):
    by: str
    dispatch_order: str | None
    emergency: str | None
    at_ms: int


class RunStep(Shape):
    id: str
    actuator: str
    action: ActionWord
    state: Literal[
        "waiting",
        "waiting_approval",
        "running",
        "confirmed",
        "failed",
        "unknown",
        "refused",
        "preempted",
        "skipped",
    ]
    command: str | None
    reasons: list[Anything]
    evidence: Anything
    proved_ms: int | None
    alternative: str | None


class RunShape(RunSummary):
    content_hash: str
    approval: ApprovalShape | None
    steps: list[RunStep]


class AuditRecord(Shape):
    seq: int
    at_ms: int
    actor: str
    kind: str
    object: str
    words: WordsShape
    body: dict[str, Any]
    hash: str


class AuditPage(Shape):
    records: list[AuditRecord]
    size: int
    root: str


class CheckpointShape(Shape):
    claim: str
    park: str
    size: int
    root: str
    at_ms: int
    token: str


class AuditReportShape(Shape):
    records: int
    verified: bool
    problems: list[str]
    sealed: int
    root: str
    pruned: int


class HistoryBucket(Shape):
    t: int
    min: float | None
    max: float | None
    mean: float | None
    last: float | None
    count: int
    quality: QualityWord


class HistoryShape(Shape):
    point: str
    points: list[HistoryBucket]

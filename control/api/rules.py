"""Who may use which route: one line for each, and a route without a line answers nobody (I14).

Roles are decided here; the area of a confined person is decided where the thing asked for is found, and `Area` says by what.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from control.people.roles import Role
from control.people.standing import Needs

_R = Role


class Area(StrEnum):
    """What a confined person's area is held against."""

    NONE = "none"
    """Nothing of one enterprise is in it."""
    FILTERED = "filtered"
    """The answer leaves out what lies outside."""
    ACTUATOR = "actuator"
    COMMAND = "command"
    PLAN = "plan"
    RUN = "run"
    ALARM = "alarm"
    POINT = "point"
    TAG = "tag"
    CHECK = "check"
    OVERRIDE = "override"
    TICKET = "ticket"
    REOPENING = "reopening"
    USER = "username"
    TOKEN = "token"  # noqa: S105 (the name of a route's part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use one route."""

    roles: frozenset[Role] | None
    """None: everybody, signed in or not."""
    area: Area = Area.NONE
    needs_csrf: bool = True
    """Whether a write must carry the session's token; only what opens a session cannot."""
    is_for_people: bool = False
    """Whether it is about the asker's own session or secrets, so that no API token passes."""


_SEE = frozenset(Role)
_STAFF = frozenset(Role) - {_R.ENTERPRISE, _R.SYSTEM}
_ACT = frozenset({_R.OPERATOR, _R.SHIFT_CHIEF, _R.ENTERPRISE})
_CONTROL_ROOM = frozenset({_R.OPERATOR, _R.SHIFT_CHIEF})
_ENGINEER = frozenset({_R.ENGINEER})
"""Of commands: only on a device that they check just now, which the gate decides."""
_TAG = frozenset({_R.SHIFT_CHIEF, _R.ENGINEER})
_READ_AUDIT = frozenset({_R.AUDITOR, _R.SHIFT_CHIEF, _R.OPERATOR, _R.ENGINEER, _R.ADMINISTRATOR})
_PEOPLE = frozenset({_R.ADMINISTRATOR, _R.ENGINEER})

PUBLIC = Rule(roles=None)
_OPENS_A_SESSION = Rule(roles=None, needs_csrf=False)


def _rule(roles: frozenset[Role], area: Area = Area.NONE) -> Rule:
    return Rule(roles=roles, area=area)


def _own(roles: frozenset[Role] = _SEE, area: Area = Area.NONE) -> Rule:
    return Rule(roles=roles, area=area, is_for_people=True)


RULES: Mapping[tuple[str, str], Rule] = {
    ("GET", "/setup"): PUBLIC,
    ("POST", "/setup"): _OPENS_A_SESSION,
    ("POST", "/session"): _OPENS_A_SESSION,
    ("POST", "/session/link"): _OPENS_A_SESSION,
    ("GET", "/session/oidc"): PUBLIC,
    ("GET", "/session/oidc/callback"): PUBLIC,
    ("POST", "/session/activity"): _own(),
    ("POST", "/session/lock"): _own(),
    ("POST", "/session/unlock"): _own(),
    ("POST", "/session/proof"): _own(),
    ("PUT", "/session/pin"): _own(),
    ("DELETE", "/session/pin"): _own(),
    ("GET", "/session"): _own(),
    ("DELETE", "/session"): _own(),
    ("POST", "/session/password"): _own(),
    ("POST", "/session/second-factor"): _own(),
    ("PUT", "/session/second-factor"): _own(),
    ("GET", "/names"): _rule(_SEE, Area.FILTERED),
    ("GET", "/users"): _rule(_PEOPLE),
    ("POST", "/users"): _rule(_PEOPLE),
    ("PATCH", "/users/{username}"): _own(_PEOPLE, Area.USER),
    ("DELETE", "/users/{username}/second-factor"): _own(_PEOPLE, Area.USER),
    ("GET", "/tokens"): _own(_PEOPLE),
    ("POST", "/tokens"): _own(_PEOPLE),
    ("DELETE", "/tokens/{token}"): _own(_PEOPLE, Area.TOKEN),
    ("GET", "/park"): _rule(_SEE, Area.FILTERED),
    ("GET", "/live"): _rule(_SEE, Area.FILTERED),
    ("WS", "/live"): _rule(_SEE, Area.FILTERED),
    ("GET", "/actuators/{actuator}/why"): _rule(_SEE, Area.ACTUATOR),
    ("GET", "/actuators/{actuator}/hand-card"): _rule(_SEE, Area.ACTUATOR),
    ("POST", "/actuators/{actuator}/hand-reports"): _rule(_ACT, Area.ACTUATOR),
    ("GET", "/actuators/{actuator}/travel"): _rule(_SEE, Area.ACTUATOR),
    ("POST", "/actuators/{actuator}/commissioning/void"): _own(_ENGINEER, Area.ACTUATOR),
    ("GET", "/commissioning"): _rule(_SEE, Area.FILTERED),
    ("POST", "/commissioning"): _own(_ENGINEER, Area.ACTUATOR),
    ("GET", "/commissioning/{check}"): _rule(_STAFF, Area.CHECK),
    ("POST", "/commissioning/{check}/confirmations"): _own(_ENGINEER, Area.CHECK),
    ("POST", "/commissioning/{check}/signature"): _own(_ENGINEER, Area.CHECK),
    ("DELETE", "/commissioning/{check}"): _own(_ENGINEER, Area.CHECK),
    ("GET", "/tickets"): _rule(_SEE, Area.FILTERED),
    ("POST", "/tickets"): _own(_CONTROL_ROOM | _ENGINEER, Area.ACTUATOR),
    ("GET", "/tickets/{ticket}"): _rule(_SEE, Area.TICKET),
    ("POST", "/tickets/{ticket}/approve"): _own(_CONTROL_ROOM, Area.TICKET),
    ("DELETE", "/tickets/{ticket}"): _own(_CONTROL_ROOM | _ENGINEER, Area.TICKET),
    ("POST", "/selects"): _rule(_CONTROL_ROOM | _ENGINEER, Area.ACTUATOR),
    ("DELETE", "/selects/{select}"): _rule(_CONTROL_ROOM | _ENGINEER, Area.COMMAND),
    ("POST", "/commands"): _rule(_ACT | _ENGINEER, Area.ACTUATOR),
    ("GET", "/commands"): _rule(_SEE, Area.FILTERED),
    ("GET", "/commands/{command}"): _rule(_SEE, Area.COMMAND),
    ("GET", "/plans"): _rule(_SEE, Area.FILTERED),
    ("GET", "/plans/{plan}/preview"): _rule(_SEE, Area.PLAN),
    ("POST", "/plans/{plan}/runs"): _rule(_ACT, Area.PLAN),
    ("GET", "/runs"): _rule(_SEE, Area.FILTERED),
    ("GET", "/runs/{run}"): _rule(_SEE, Area.RUN),
    ("POST", "/runs/{run}/approve"): _rule(_CONTROL_ROOM, Area.RUN),
    ("POST", "/runs/{run}/abort"): _rule(_ACT, Area.RUN),
    ("POST", "/runs/{run}/pause"): _rule(_ACT, Area.RUN),
    ("POST", "/runs/{run}/resume"): _rule(_ACT, Area.RUN),
    ("GET", "/proposals"): _rule(_STAFF),
    ("POST", "/proposals/runs"): _rule(_CONTROL_ROOM),
    ("GET", "/reopenings"): _rule(_STAFF),
    ("GET", "/reopenings/{reopening}/preview"): _rule(_STAFF, Area.REOPENING),
    ("POST", "/reopenings/{reopening}/runs"): _rule(_CONTROL_ROOM, Area.REOPENING),
    ("GET", "/reopening-runs"): _rule(_STAFF),
    ("GET", "/reopening-runs/{run}"): _rule(_STAFF, Area.REOPENING),
    ("POST", "/reopening-runs/{run}/approve"): _rule(_CONTROL_ROOM, Area.REOPENING),
    ("POST", "/reopening-runs/{run}/abort"): _rule(_CONTROL_ROOM, Area.REOPENING),
    ("GET", "/alarms"): _rule(_SEE, Area.FILTERED),
    ("POST", "/alarms/{alarm}/acknowledge"): _rule(_ACT, Area.ALARM),
    ("GET", "/orders"): _rule(_SEE, Area.FILTERED),
    ("POST", "/orders"): _rule(_ACT, Area.ACTUATOR),
    ("POST", "/tags"): _rule(_TAG, Area.ACTUATOR),
    ("DELETE", "/tags"): _rule(_TAG, Area.ACTUATOR),
    ("POST", "/tags/{tag}/lift"): _own(_TAG, Area.TAG),
    ("POST", "/tags/{tag}/lift/approve"): _own(_TAG, Area.TAG),
    ("GET", "/overrides"): _rule(_SEE, Area.FILTERED),
    ("POST", "/overrides"): _own(_TAG, Area.ACTUATOR),
    ("POST", "/overrides/{override}/approve"): _own(_TAG, Area.OVERRIDE),
    ("DELETE", "/overrides/{override}"): _rule(_TAG | _CONTROL_ROOM, Area.OVERRIDE),
    ("GET", "/audit"): _rule(_READ_AUDIT),
    ("GET", "/audit/checkpoint"): _rule(_READ_AUDIT),
    ("GET", "/audit/export"): _rule(_READ_AUDIT),
    ("GET", "/audit/printout"): _rule(_READ_AUDIT),
    ("GET", "/audit/verify"): _rule(_READ_AUDIT),
    ("GET", "/history"): _rule(_SEE, Area.POINT),
    ("GET", "/system"): _rule(_STAFF),
    ("GET", "/health/live"): PUBLIC,
    ("GET", "/health/ready"): PUBLIC,
    ("GET", "/health/leading"): PUBLIC,
    ("GET", "/metrics"): PUBLIC,
}
"""By method (WS for a WebSocket) and path below the prefix."""

ANSWERED_BY_ALL = frozenset(
    {
        ("GET", "/session"),
        ("GET", "/park"),
        ("GET", "/actuators/{actuator}/why"),
        ("GET", "/actuators/{actuator}/hand-card"),
        ("POST", "/commands"),
        ("GET", "/commands/{command}"),
        ("GET", "/proposals"),
        ("POST", "/proposals/runs"),
        ("GET", "/reopenings"),
        ("GET", "/reopenings/{reopening}/preview"),
        ("POST", "/reopenings/{reopening}/runs"),
        ("GET", "/reopening-runs"),
        ("GET", "/reopening-runs/{run}"),
        ("POST", "/reopening-runs/{run}/approve"),
        ("POST", "/reopening-runs/{run}/abort"),
        ("GET", "/system"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/health/leading"),
        ("GET", "/metrics"),
    }
)
"""Routes that a control answers also while another one leads: closures and stop need no leader, all else does."""

NOT_CONFINED = frozenset(
    {
        ("GET", "/proposals"),
        ("POST", "/proposals/runs"),
        ("GET", "/reopenings"),
        ("GET", "/reopenings/{reopening}/preview"),
        ("POST", "/reopenings/{reopening}/runs"),
        ("GET", "/reopening-runs"),
        ("GET", "/reopening-runs/{run}"),
        ("POST", "/reopening-runs/{run}/approve"),
        ("POST", "/reopening-runs/{run}/abort"),
        ("GET", "/audit"),
        ("GET", "/audit/checkpoint"),
        ("GET", "/audit/export"),
        ("GET", "/audit/printout"),
        ("GET", "/audit/verify"),
        ("GET", "/system"),
        ("GET", "/users"),
        ("POST", "/users"),
        ("PATCH", "/users/{username}"),
        ("DELETE", "/users/{username}/second-factor"),
        ("GET", "/tokens"),
        ("POST", "/tokens"),
        ("DELETE", "/tokens/{token}"),
    }
)
"""Routes that tell of the whole park: a person confined to one enterprise gets none of them, whatever their roles."""

FROM_LOCKED = frozenset(
    {
        ("GET", "/session"),
        ("DELETE", "/session"),
        ("POST", "/session/unlock"),
        ("GET", "/names"),
        ("GET", "/park"),
        ("GET", "/live"),
        ("WS", "/live"),
        ("GET", "/actuators/{actuator}/why"),
        ("GET", "/actuators/{actuator}/hand-card"),
        ("POST", "/commands"),
        ("GET", "/commands"),
        ("GET", "/commands/{command}"),
        ("GET", "/plans"),
        ("GET", "/plans/{plan}/preview"),
        ("GET", "/proposals"),
        ("GET", "/runs"),
        ("GET", "/runs/{run}"),
        ("GET", "/alarms"),
        ("GET", "/orders"),
    }
)
"""What a locked operator position still does: it shows, it stops, and it is unlocked or left. Of commands the gate decides."""

WITH_PIN = frozenset({("POST", "/plans/{plan}/runs"), ("POST", "/proposals/runs")})
"""What a locked position does with its PIN: the one-key closure, as a single closure does at the gate."""

HEARS_PIN = WITH_PIN | {("POST", "/commands")}

FRESH = frozenset(
    {
        ("POST", "/tickets"),
        ("POST", "/tickets/{ticket}/approve"),
        ("POST", "/selects"),
        ("POST", "/reopenings/{reopening}/runs"),
        ("POST", "/reopening-runs/{run}/approve"),
        ("POST", "/runs/{run}/approve"),
        ("POST", "/tags/{tag}/lift"),
        ("POST", "/tags/{tag}/lift/approve"),
        ("POST", "/overrides"),
        ("POST", "/overrides/{override}/approve"),
        ("POST", "/actuators/{actuator}/commissioning/void"),
        ("POST", "/commissioning"),
        ("POST", "/commissioning/{check}/signature"),
        ("PUT", "/session/second-factor"),
        ("PUT", "/session/pin"),
        ("POST", "/users"),
        ("PATCH", "/users/{username}"),
        ("DELETE", "/users/{username}/second-factor"),
        ("POST", "/tokens"),
        ("DELETE", "/tokens/{token}"),
    }
)
"""What a proof of the last minutes is asked for: moves away from safe, approvals, and changes of who may do what."""


def needs_of(key: tuple[str, str]) -> Needs:
    """Return how well the asker must have proved who they are to use the route; one that says nothing needs an open position."""
    if key in FROM_LOCKED:
        return Needs.NOTHING
    if key in WITH_PIN:
        return Needs.PIN
    return Needs.FRESH if key in FRESH else Needs.UNLOCKED


def may_grant(holder: frozenset[Role], roles: frozenset[Role]) -> bool:
    """Whether somebody with the roles `holder` may make somebody with `roles`: nobody gives more than they have.

    Administrators are there to give what they do not have: none of them moves a gate.
    """
    if Role.ADMINISTRATOR in holder | roles:
        return Role.ADMINISTRATOR in holder
    return _routes(roles) <= _routes(holder)


def _routes(roles: frozenset[Role]) -> frozenset[tuple[str, str]]:
    return frozenset(key for key, rule in RULES.items() if rule.roles is None or rule.roles & roles)

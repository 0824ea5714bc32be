"""Identifiers; each is `[a-z][a-z0-9_]{0,62}` unless said otherwise, so that it is a name in the interlock language."""

import re
from typing import NewType

ParkId = NewType("ParkId", str)
GatewayId = NewType("GatewayId", str)
DeviceId = NewType("DeviceId", str)
FacilityId = NewType("FacilityId", str)
EnterpriseId = NewType("EnterpriseId", str)
PlanId = NewType("PlanId", str)
RuleId = NewType("RuleId", str)

CommandId = NewType("CommandId", str)
"""32 lower-case hexadecimal digits (128 random bits)."""

PointRef = NewType("PointRef", str)
"""`facility/point`, the Sparkplug metric name; `facility.point` in expressions."""

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


def is_id(text: str) -> bool:
    """Whether `text` may be the id of anything in a park."""
    return _ID.match(text) is not None


def point_ref(facility: str, point: str) -> PointRef:
    """Return the reference of one point of one facility."""
    return PointRef(f"{facility}/{point}")

"""What a control is told of the other one with which it shares a park."""

from pydantic import Field

from runtime.settings import Block


class ReplicaBlock(Block):
    """For a control on PostgreSQL: two with different names may share the database, and one leads."""

    name: str = Field(default="control", pattern=r"^[a-z][a-z0-9_-]{0,30}$")
    """Its own among the controls of this database; also in its MQTT client id."""
    url: str = Field(default="", max_length=200, pattern=r"^(https?://[^\s\"<>]+)?$")
    """Where people reach this one, for those who come to the other; empty: that is not said."""
    silence_s: float = Field(default=4.0, ge=2.0, le=60.0)
    """Wall seconds without a beat of the leader after which a standby takes over; the same at both."""

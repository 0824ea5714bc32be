"""The tables of control's database as they stand after the newest migration; a test holds both equal."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    false,
    text,
)

METADATA = MetaData()


def _text(name: str, *, key: bool = False, optional: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=optional)


def _number(name: str, *, optional: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=optional)


FACTS = Table("facts", METADATA, _text("name", key=True), _text("value"))
"""Single values: the term."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _number("at_ms"),
    _text("actor"),
    _text("kind"),
    _text("object"),
    _text("record"),
    _text("hash"),
    Index("audit_by_object", "object", "seq"),
)

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("size", Integer, primary_key=True, autoincrement=False),
    _text("root"),
    _number("at_ms"),
    _text("token"),
    _text("subtrees", optional=True),
)
"""Each seal with what is needed to go on from it (roots of the complete subtrees, hexadecimal, in JSON): a start reads no more
of the log than came after the newest."""

USERS = Table(
    "users",
    METADATA,
    _text("username", key=True),
    _text("display_name"),
    _text("password", optional=True),
    Column("roles", JSON, nullable=False),
    _text("enterprise", optional=True),
    _number("created_ms"),
    Column("failures", Integer, nullable=False),
    _number("locked_until_ms"),
    Column("is_disabled", Boolean, nullable=False, server_default=false()),
    _text("totp", optional=True),
    Column("totp_step", BigInteger, nullable=False, server_default=text("0")),
    _text("pin", optional=True),
    Column("pin_failures", Integer, nullable=False, server_default=text("0")),
    Column("password_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("is_password_given", Boolean, nullable=False, server_default=false()),
    Column("earlier_passwords", JSON, nullable=False, server_default=text("'[]'")),
    _text("subject", optional=True),
)

TOKENS = Table(
    "tokens",
    METADATA,
    _text("id", key=True),
    _text("name"),
    _text("token_hash"),
    Column("roles", JSON, nullable=False),
    _text("enterprise", optional=True),
    _text("made_by"),
    _number("created_ms"),
    _number("ends_ms"),
    _number("revoked_ms", optional=True),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    _text("token_hash", key=True),
    _text("username"),
    _text("csrf"),
    _number("created_ms"),
    _number("seen_ms"),
    Column("proved_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("acted_ms", BigInteger, nullable=False, server_default=text("0")),
    _number("locked_ms", optional=True),
)

LINKS = Table(
    "links", METADATA, _text("token_hash", key=True), _text("username"), _number("used_ms", optional=True)
)

RECORDS = Table(
    "records",
    METADATA,
    _text("gateway", key=True),
    _text("epoch", key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    _text("kind"),
    _number("at_ms"),
)
"""Every record of an edge that was applied, once each."""

COMMANDS = Table(
    "commands",
    METADATA,
    _text("id", key=True),
    _text("actuator"),
    _text("gateway"),
    _text("author"),
    _text("state"),
    _number("created_ms"),
    _text("idempotency_key", optional=True),
    Column("body", JSON, nullable=False),
    Index("commands_by_actuator", "actuator", "created_ms"),
)

ORDERS = Table(
    "orders",
    METADATA,
    _text("id", key=True),
    _text("kind"),
    _text("actuator"),
    _text("by"),
    _text("reason"),
    _number("since_ms"),
    _number("until_ms", optional=True),
    Column("is_released", Boolean, nullable=False),
    _text("interlock", optional=True),
    _text("condition", optional=True),
    _text("second", optional=True),
)

COMMISSIONINGS = Table(
    "commissionings",
    METADATA,
    _text("id", key=True),
    _text("actuator"),
    _text("stage"),
    _number("started_ms"),
    Column("body", JSON, nullable=False),
)
"""Checks of actuators (联调), running and over."""

TRAVELS = Table(
    "travels",
    METADATA,
    _text("actuator", key=True),
    _text("action", key=True),
    Column("body", JSON, nullable=False),
)
"""The newest full travels of each actuator, as its edge measured them."""

ALARMS = Table("alarms", METADATA, _text("rule", key=True), Column("body", JSON, nullable=False))

RUNS = Table(
    "runs",
    METADATA,
    _text("id", key=True),
    _text("plan"),
    _text("author"),
    _text("state"),
    _number("started_ms"),
    Column("body", JSON, nullable=False),
)

REOPENINGS = Table(
    "reopenings",
    METADATA,
    _text("id", key=True),
    _text("reopening"),
    _text("author"),
    _text("state"),
    _number("started_ms"),
    Column("body", JSON, nullable=False),
)

TICKETS = Table(
    "tickets",
    METADATA,
    _text("id", key=True),
    _text("actuator"),
    _text("state"),
    _number("asked_ms"),
    Column("body", JSON, nullable=False),
)
"""Operation tickets (操作票): what was asked for, agreed to and used."""

HAND_REPORTS = Table(
    "hand_reports",
    METADATA,
    _text("actuator", key=True),
    _text("by"),
    _text("position"),
    _text("note"),
    _number("at_ms"),
)

IMPORTS = Table("imports", METADATA, _text("line", key=True), _number("at_ms"))
"""Lines of the spool that were imported, by their hash."""

LEADER = Table("leader", METADATA, _text("id", key=True), _text("claim"), _text("replica"))
"""At most one row: the claim that every transaction of the leader asks for, on PostgreSQL only."""

REPLICAS = Table(
    "replicas", METADATA, _text("replica", key=True), _text("claim"), _text("url"), _number("beat")
)
"""Every control that shares this database, and the beat by which the others see it; no part of the park's state."""

HANDED = Table("handed", METADATA, _text("line", key=True), _text("replica"), _number("at_ms"), _text("body"))
"""What a control that does not lead accepted and hands to the one that does, until that one has imported it."""

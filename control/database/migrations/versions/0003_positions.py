"""Locked operator positions and their PIN, how old a proof is, and whose a password is.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Sessions of before are held to be old: they must be proved again before a move away from safe."""
    no, never, none = sa.false(), sa.text("0"), sa.text("'[]'")
    op.add_column("users", sa.Column("pin", sa.Text, nullable=True))
    op.add_column("users", sa.Column("pin_failures", sa.Integer, nullable=False, server_default=never))
    op.add_column("users", sa.Column("password_ms", sa.BigInteger, nullable=False, server_default=never))
    op.add_column("users", sa.Column("is_password_given", sa.Boolean, nullable=False, server_default=no))
    op.add_column("users", sa.Column("earlier_passwords", sa.JSON, nullable=False, server_default=none))
    op.add_column("users", sa.Column("subject", sa.Text, nullable=True))
    op.add_column("sessions", sa.Column("proved_ms", sa.BigInteger, nullable=False, server_default=never))
    op.add_column("sessions", sa.Column("acted_ms", sa.BigInteger, nullable=False, server_default=never))
    op.add_column("sessions", sa.Column("locked_ms", sa.BigInteger, nullable=True))


def downgrade() -> None:
    """Not offered: going back would open every locked position."""
    raise NotImplementedError

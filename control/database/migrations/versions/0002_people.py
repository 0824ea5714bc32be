"""People who are shut out, second factors, and the tokens of systems.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    no, never = sa.false(), sa.text("0")
    op.add_column("users", sa.Column("is_disabled", sa.Boolean, nullable=False, server_default=no))
    op.add_column("users", sa.Column("totp", sa.Text, nullable=True))
    op.add_column("users", sa.Column("totp_step", sa.BigInteger, nullable=False, server_default=never))
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("enterprise", sa.Text, nullable=True),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("ends_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger, nullable=True),
    )


def downgrade() -> None:
    """Not offered: going back would let in again whoever was shut out."""
    raise NotImplementedError

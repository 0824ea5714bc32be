"""Commissioning checks, and the travels that the edges have measured.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "commissionings",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("actuator", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_table(
        "travels",
        sa.Column("actuator", sa.Text, primary_key=True, nullable=False),
        sa.Column("action", sa.Text, primary_key=True, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Not offered: who signed for which actuator would be gone."""
    raise NotImplementedError

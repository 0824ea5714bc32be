"""Reopenings: what was asked for, agreed to and opened.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "reopenings",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("reopening", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Not offered: what was opened, and who agreed, would be gone."""
    raise NotImplementedError

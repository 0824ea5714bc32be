"""Two controls on one database: who leads, who beats, and what was handed over.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "leader",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("replica", sa.Text, nullable=False),
    )
    op.create_table(
        "replicas",
        sa.Column("replica", sa.Text, primary_key=True, nullable=False),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "handed",
        sa.Column("line", sa.Text, primary_key=True, nullable=False),
        sa.Column("replica", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Not offered: a control that knows no fence must not write beside one that does."""
    raise NotImplementedError

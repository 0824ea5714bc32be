"""Operation tickets: moves away from safe that a second person has to agree to.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "tickets",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("actuator", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Not offered: who agreed to what would be gone."""
    raise NotImplementedError

"""Seals that say how to go on from them, so that a start does not read the whole log.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a seal of before has none, and a start before the next seal reads the log as it did."""
    op.add_column("checkpoints", sa.Column("subtrees", sa.Text, nullable=True))


def downgrade() -> None:
    """Not offered: earlier migrations are not taken back either."""
    raise NotImplementedError

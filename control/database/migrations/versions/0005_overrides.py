"""Overrides: the interlock that does not count, as it was seen, and the second person.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("interlock", "condition", "second"):
        op.add_column("orders", sa.Column(name, sa.Text, nullable=True))


def downgrade() -> None:
    """Not offered: an earlier release would take an override for an order that it does not know."""
    raise NotImplementedError

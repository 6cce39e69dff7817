"""Revision 0010: which group overrides apply to a start."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; none apply yet."""
    op.add_column("pj_servers", sa.Column("group_overrides", sa.Text))

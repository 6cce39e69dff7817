"""Revision 0004: groups have a row of their own, and properties."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table, with the groups that have members."""
    groups = op.create_table(
        "pj_groups",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("properties", sa.Text, nullable=False),
    )
    used: Any = sa.select(sa.column("group"), sa.literal_column("'{}'")).select_from(
        sa.table("pj_members", sa.column("group"))
    )
    insert = sa.insert(groups).from_select(["name", "properties"], used.distinct())
    op.execute(insert.prefix_with("IGNORE", dialect="mysql"))

"""Revision 0004: groups have a row of their own, and properties."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table, with the groups that have members."""
    op.create_table(
        "pj_groups",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("properties", sa.Text, nullable=False),
    )
    op.execute(
        "INSERT INTO pj_groups (name, properties) SELECT DISTINCT \"group\", '{}' FROM pj_members"
    )

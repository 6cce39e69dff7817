"""Revision 0011: what a hub that looks after a service knows of it, for the other hubs."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "pj_service_states",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("replica", sa.BigInteger, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("answers", sa.Integer),
    )

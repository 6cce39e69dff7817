"""Revision 0008: services that were made through the API."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "pj_services",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("token", sa.String(64), unique=True),
        sa.Column("client", sa.String(255), unique=True),
        sa.Column("spec", sa.Text, nullable=False),
    )

"""Revision 0009: services that were made through the API."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "pj_services",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("token", sa.String(64), unique=True),
        sa.Column("client", sa.String(255), unique=True),
        sa.Column("spec", sa.Text, nullable=False),
    )

"""Revision 0005: which devices of a machine a server holds."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; nothing is held yet."""
    op.add_column("pj_servers", sa.Column("devices", sa.Text))

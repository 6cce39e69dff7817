"""Revision 0006: a server may have been started with an empty home, for once."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; none was."""
    op.add_column("pj_servers", sa.Column("rescue", sa.Integer))

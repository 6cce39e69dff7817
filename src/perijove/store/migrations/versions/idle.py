"""Revision 0003: what servers say of their use, and how long their owners want them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; nothing is known yet."""
    for name in ("used", "told", "keep_until"):
        op.add_column("pj_servers", sa.Column(name, sa.BigInteger))

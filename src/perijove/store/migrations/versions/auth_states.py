"""Revision 0012: what the authenticator says of people, sealed, and when it said so."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the columns; nothing is known of anybody yet."""
    op.add_column("pj_users", sa.Column("auth_state", sa.Text))
    op.add_column("pj_users", sa.Column("refreshed", sa.BigInteger))
    op.add_column("pj_users", sa.Column("asking", sa.BigInteger))

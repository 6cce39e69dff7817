"""Revision 0012: what the authenticator says of people, sealed, and when it said so."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add them; nothing is known of anybody yet."""
    op.create_table(
        "pj_auth_states",
        sa.Column(
            "user_id",
            sa.BigInteger,
            sa.ForeignKey("pj_users.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("sealed", sa.Text, nullable=False),
    )
    op.add_column("pj_users", sa.Column("refreshed", sa.BigInteger))
    op.add_column("pj_users", sa.Column("asking", sa.BigInteger))

"""Revision 0007: people share servers with each other, and by links."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables; nothing is shared yet."""
    op.create_table(
        "pj_shares",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        _of("server_id", "pj_servers.id", sa.BigInteger(), nullable=False),
        _of("user_id", "pj_users.id", sa.BigInteger()),
        _of("group", "pj_groups.name", sa.String(255)),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("accepted", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.UniqueConstraint("server_id", "user_id"),
        sa.UniqueConstraint("server_id", "group"),
    )
    op.create_index("ix_pj_shares_user_id", "pj_shares", ["user_id"])
    op.create_index("ix_pj_shares_group", "pj_shares", ["group"])
    op.create_table(
        "pj_share_codes",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("secret", sa.String(64), nullable=False, unique=True),
        _of("server_id", "pj_servers.id", sa.BigInteger(), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("exchanges", sa.Integer, nullable=False),
        sa.Column("exchanged", sa.BigInteger),
    )
    op.create_index("ix_pj_share_codes_server_id", "pj_share_codes", ["server_id"])


def _of(name: str, owner: str, kind: Any, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, kind, sa.ForeignKey(owner, ondelete="CASCADE"), nullable=nullable)

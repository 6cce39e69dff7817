"""Revision 0002: which hub drives which servers, for several hubs on one database."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SHARDS = 64


def upgrade() -> None:
    """Make them, every shard free."""
    op.create_table(
        "pj_replicas",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
    )
    shards = op.create_table(
        "pj_shards",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("replica", sa.BigInteger),
        sa.Column("epoch", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(shards, [{"id": n, "epoch": 0} for n in range(SHARDS)])

"""Revision 0008: roles that the authenticator gives."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make them; nobody has any yet."""
    op.create_table(
        "pj_roles",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
    )
    op.add_column("pj_users", sa.Column("roles", sa.Text))

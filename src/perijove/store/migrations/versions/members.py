"""Revision 0013: who is in a group is found without looking at everybody."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the index; who runs the release before is served by it as well."""
    op.create_index("ix_pj_members_group", "pj_members", ["group"])

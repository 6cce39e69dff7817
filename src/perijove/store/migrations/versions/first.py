"""Revision 0001: every table of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _attempts() -> None:
    op.create_table(
        "pj_attempts",
        sa.Column("key", sa.String(300), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )


def _clients() -> None:
    op.create_table(
        "pj_clients",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("server_id", sa.BigInteger, unique=True),
        sa.Column("scopes", sa.Text, nullable=False),
    )


def _feed() -> None:
    feed = op.create_table(
        "pj_feed",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(feed, [{"only": 1, "version": 1}])


def _instance() -> None:
    op.create_table(
        "pj_instance",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("only", sa.Integer, nullable=False, unique=True),
    )


def _phase_log() -> None:
    op.create_table(
        "pj_phase_log",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("server_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("incarnation", sa.Integer, nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_index("pj_phase_log_start", "pj_phase_log", ["server_id", "incarnation"])


def _remains() -> None:
    op.create_table(
        "pj_remains",
        sa.Column("server_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("incarnation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
    )


def _users() -> None:
    op.create_table(
        "pj_users",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("look", sa.String(255), unique=True),
        sa.Column("display_name", sa.String(255), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("admin", sa.Integer, nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("password", sa.String(255)),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("last_activity", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
    )


def _codes() -> None:
    op.create_table(
        "pj_codes",
        sa.Column("secret", sa.String(64), primary_key=True),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column(
            "user_id",
            sa.BigInteger,
            sa.ForeignKey("pj_users.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("challenge", sa.String(255)),
        sa.Column("method", sa.String(16)),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("token_id", sa.BigInteger),
    )


def _members() -> None:
    op.create_table(
        "pj_members",
        sa.Column(
            "user_id",
            sa.BigInteger,
            sa.ForeignKey("pj_users.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("group", sa.String(255), primary_key=True),
    )


def _servers() -> None:
    op.create_table(
        "pj_servers",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("pj_users.id"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("display_name", sa.String(255), nullable=False),
        sa.Column("user_options", sa.Text, nullable=False),
        sa.Column("desired", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("incarnation", sa.Integer, nullable=False),
        sa.Column("workload", sa.String(63), nullable=False, unique=True),
        sa.Column("port", sa.Integer, unique=True),
        sa.Column("client", sa.String(255), nullable=False, unique=True),
        sa.Column("home", sa.String(255), nullable=False),
        sa.Column("address", sa.String(255)),
        sa.Column("reason", sa.Text),
        sa.Column("last_activity", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.UniqueConstraint("user_id", "name"),
    )
    op.create_index("pj_servers_motion", "pj_servers", ["phase", "desired"])


def _sessions() -> None:
    op.create_table(
        "pj_sessions",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("secret", sa.String(64), nullable=False, unique=True),
        sa.Column(
            "user_id",
            sa.BigInteger,
            sa.ForeignKey("pj_users.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(255), nullable=False),
    )
    op.create_index("ix_pj_sessions_user_id", "pj_sessions", ["user_id"])


def _tokens() -> None:
    op.create_table(
        "pj_tokens",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("secret", sa.String(64), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column(
            "user_id",
            sa.BigInteger,
            sa.ForeignKey("pj_users.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("client", sa.String(255)),
        sa.Column("server_id", sa.BigInteger),
        sa.Column("session", sa.String(64)),
        sa.Column("note", sa.String(255), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
        sa.Column("last_activity", sa.BigInteger),
    )
    op.create_index(
        "pj_tokens_client",
        "pj_tokens",
        ["client"],
        sqlite_where=sa.text("client IS NOT NULL"),
        postgresql_where=sa.text("client IS NOT NULL"),
    )
    op.create_index("ix_pj_tokens_user_id", "pj_tokens", ["user_id"])


def _visits() -> None:
    op.create_table(
        "pj_visits",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("server_id", sa.BigInteger, nullable=False),
        sa.Column(
            "owner_id",
            sa.BigInteger,
            sa.ForeignKey("pj_users.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "visitor_id",
            sa.BigInteger,
            sa.ForeignKey("pj_users.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("why", sa.String(255), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_pj_visits_owner_id", "pj_visits", ["owner_id"])
    op.create_index("ix_pj_visits_server_id", "pj_visits", ["server_id"])


def upgrade() -> None:
    """Make them all."""
    _attempts()
    _clients()
    _feed()
    _instance()
    _phase_log()
    _remains()
    _users()
    _codes()
    _members()
    _servers()
    _sessions()
    _tokens()
    _visits()

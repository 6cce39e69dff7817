"""Tables of who gets in: sign-ins, tokens, their clients, visits, shares.

They refer to those of tables.py, whose module says how values are stored.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from perijove.store.tables import groups, identifier, metadata, servers, users

sessions = Table(
    "pj_sessions",
    metadata,
    identifier(),
    Column("secret", String(64), nullable=False, unique=True),  # sha256 of the login cookie's id
    Column("user_id", ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("session", String(64), nullable=False),  # the cookie jupyterhub-session-id
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", String(255), nullable=False),
)

tokens = Table(
    "pj_tokens",
    metadata,
    identifier(),
    Column("secret", String(64), nullable=False, unique=True),  # sha256, hex
    Column("kind", String(16), nullable=False),  # model.token.Kind: api, oauth, server
    Column("user_id", ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("client", String(255)),  # the OAuth client it was issued to
    Column("server_id", BigInteger),  # the server whose own token it is
    Column("session", String(64)),
    Column("note", String(255), nullable=False),
    Column("scopes", Text, nullable=False),  # JSON list, as granted; "inherit" is all of the owner
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("last_activity", BigInteger),
)
# One is written with every start, so no more indexes than are needed; not for the own ones of
# servers, which no client was given. Sessions and servers are found among their owner's.
# Which rows it has says the migration: words of one dialect here would load all of them.
Index("pj_tokens_client", tokens.c.client)

clients = Table(  # OAuth clients: one for each server that is not at rest, and services
    "pj_clients",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("secret", String(64), nullable=False),  # sha256, hex
    Column("redirect_uri", Text, nullable=False),
    Column("description", String(255), nullable=False),
    Column("server_id", BigInteger, unique=True),
    Column("scopes", Text, nullable=False),  # JSON list: access scopes, any one lets in
)

codes = Table(
    "pj_codes",
    metadata,
    Column("secret", String(64), primary_key=True),  # sha256 of the code
    Column("client", String(255), nullable=False),
    Column("user_id", ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("session", String(64), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("challenge", String(255)),
    Column("method", String(16)),  # S256 or plain
    Column("expires", BigInteger, nullable=False),
    Column("token_id", BigInteger),  # what it gave; a second use takes it back
)

attempts = Table(  # sign-ins that failed, by account and by address
    "pj_attempts",
    metadata,
    Column("key", String(300), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),  # begin of the window
)

visits = Table(  # an administrator opened another's server: the owner is told
    "pj_visits",
    metadata,
    identifier(),
    Column("server_id", BigInteger, nullable=False, index=True),
    Column("owner_id", ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("visitor_id", ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("why", String(255), nullable=False),
    Column("at", BigInteger, nullable=False),
)

shares = Table(  # what people may do with the server of somebody else, as long as the row is there
    "pj_shares",
    metadata,
    identifier(),
    Column("server_id", ForeignKey(servers.c.id, ondelete="CASCADE"), nullable=False),
    Column("user_id", ForeignKey(users.c.id, ondelete="CASCADE"), index=True),  # or a group
    Column("group", ForeignKey(groups.c.name, ondelete="CASCADE"), index=True),
    Column("scopes", Text, nullable=False),  # JSON list of names: the filter is this server
    Column("created", BigInteger, nullable=False),
    Column("accepted", BigInteger),  # by the person, who need not be asked again
    Column("version", Integer, nullable=False),
    UniqueConstraint("server_id", "user_id"),
    UniqueConstraint("server_id", "group"),
)

share_codes = Table(  # links that give a share to whoever has one
    "pj_share_codes",
    metadata,
    identifier(),
    Column("secret", String(64), nullable=False, unique=True),  # sha256 of the code
    Column("server_id", ForeignKey(servers.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("scopes", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("exchanges", Integer, nullable=False),
    Column("exchanged", BigInteger),  # when it was last
)

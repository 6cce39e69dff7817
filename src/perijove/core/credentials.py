"""Credentials: the token and the OAuth client of a server, derived from its row and one key."""

import hashlib
from dataclasses import dataclass, field

from perijove.core.domains import Domains
from perijove.core.routes import prefix
from perijove.model.client import Client
from perijove.model.server import Server
from perijove.model.token import Kind, Token
from perijove.store import clients, tokens
from perijove.store.statement import Statements

_BYTES = 16

SERVER_AT = "Server at "
"""What the token and the client of a server are called begins so."""


def service_secret(key: bytes, instance: str, name: str) -> str:
    """Return the token of a service that the hub runs and that was given none; always the same."""
    message = f"{instance}/service/{name}".encode()
    hashed = hashlib.sha256(key).digest()
    return hashlib.blake2b(message, key=hashed, digest_size=_BYTES).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Makes them: the same for one incarnation, whoever asks and when; another for the next."""

    instance: str
    key: bytes
    """Without it no token of a server can be known from the database."""
    base_url: str
    domains: Domains = field(default_factory=Domains)

    def secret(self, server: Server) -> str:
        """Return the token of this incarnation of `server`, which is its client secret as well."""
        message = f"{self.instance}/{server.id}/{server.incarnation}".encode()
        key = hashlib.sha256(self.key).digest()
        return hashlib.blake2b(message, key=key, digest_size=_BYTES).hexdigest()

    def callback(self, server: Server) -> str:
        """Return where a browser comes back to."""
        path = prefix(self.base_url, server.user, server.name)
        return f"{self.domains.of_user(server.user)}{path}oauth_callback"

    def access(self, server: Server) -> tuple[str, ...]:
        """Return the scopes of which a person must hold one to enter `server`."""
        user, name = server.user, server.name
        return (f"access:servers!server={user}/{name}", f"access:servers!user={user}")

    def give(self, server: Server, id: int) -> Statements:
        """Return what writes those of this incarnation; `id` is that of the token."""
        path = prefix(self.base_url, server.user, server.name)
        access = self.access(server)
        token = Token(
            id=id,
            kind=Kind.SERVER,
            user_id=server.user_id,
            user=server.user,
            note=f"{SERVER_AT}{path}"[:255],
            scopes=(f"users:activity!user={server.user}", access[0]),
            created=server.since,
            server_id=server.id,
        )
        digest = hashlib.sha256(self.secret(server).encode()).hexdigest()
        client = Client(
            id=server.placement.client,
            secret=digest,
            redirect_uri=self.callback(server),
            description=token.note,
            server_id=server.id,
            scopes=access,
        )
        return tokens.add(token, digest), *clients.put(client)

    def take(self, server: Server) -> Statements:
        """Return what removes them, and the tokens with which people have entered."""
        return (
            tokens.remove_of_server(server.id, server.user_id),
            tokens.remove_of_client(server.placement.client),
            clients.remove_of_server(server.id),
        )

"""Statements on pj_clients."""

import json

from sqlalchemy import bindparam, delete, insert, select

from perijove.model.client import Client
from perijove.store.access_tables import clients
from perijove.store.statement import Query, Row, Statement, lookup, one, write
from perijove.store.tables import servers, text

_c = clients.c
_FIND = Query(
    select(
        _c.id,
        _c.secret,
        _c.redirect_uri,
        _c.description,
        _c.server_id,
        servers.c.user_id,
        _c.scopes,
    )
    .outerjoin(servers, servers.c.id == _c.server_id)
    .where(_c.id == bindparam("id"))
)
_ADD = Query(insert(clients))
_REMOVE = Query(delete(clients).where(_c.id == bindparam("was_id")))
_REMOVE_SERVER = Query(delete(clients).where(_c.server_id == bindparam("of_server")))


def find(id: str) -> Statement[Client | None]:
    """Return the client of that id, or None."""
    return lookup(_FIND, {"id": id}, one(_client))


def put(client: Client) -> tuple[Statement[None], Statement[None]]:
    """Write a client over whatever has its id."""
    return remove(client.id), write(
        _ADD,
        {
            "id": client.id,
            "secret": client.secret,
            "redirect_uri": client.redirect_uri,
            "description": client.description,
            "server_id": client.server_id,
            "scopes": text(client.scopes),
        },
    )


def remove(id: str) -> Statement[None]:
    """Delete the client, if it is there."""
    return write(_REMOVE, {"was_id": id}, touches=None)


def remove_of_server(server_id: int) -> Statement[None]:
    """Delete the client of a server, if it has one."""
    return write(_REMOVE_SERVER, {"of_server": server_id}, touches=None)


def _client(row: Row) -> Client:
    id, secret, redirect_uri, description, server_id, owner_id, scopes = row
    return Client(
        id=id,
        secret=secret,
        redirect_uri=redirect_uri,
        description=description,
        server_id=server_id,
        owner_id=owner_id,
        scopes=tuple(json.loads(scopes)),
    )

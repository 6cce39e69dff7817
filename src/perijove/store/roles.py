"""Statements on pj_roles: those that the authenticator gives."""

import json

from sqlalchemy import bindparam, delete, insert, select, update

from perijove.model.role import Role
from perijove.store.statement import Query, Statement, Value, write
from perijove.store.tables import roles, text

_c = roles.c
_ALL = Query(select(_c.name, _c.description, _c.scopes).order_by(_c.name))
_ADD = Query(insert(roles))
_CHANGE = Query(
    update(roles)
    .where(_c.name == bindparam("was_name"))
    .values(description=bindparam("description"), scopes=bindparam("scopes"))
)
_CLEAR = Query(delete(roles))


def every() -> Statement[list[Role]]:
    """Return all of them, by name."""
    return Statement(
        _ALL,
        {},
        lambda rows: [
            Role(name=name, description=description, scopes=tuple(json.loads(scopes)))
            for name, description, scopes in rows
        ],
    )


def add(role: Role) -> Statement[None]:
    """Insert a role; there must be none of that name."""
    return write(_ADD, {"name": role.name, **_values(role)})


def change(role: Role) -> Statement[None]:
    """Write what the role of that name means now; Stale if there is none."""
    return write(_CHANGE, {"was_name": role.name, **_values(role)})


def clear() -> Statement[None]:
    """Delete all of them."""
    return write(_CLEAR, {}, touches=None)


def _values(role: Role) -> dict[str, Value]:
    return {"description": role.description, "scopes": text(role.scopes)}

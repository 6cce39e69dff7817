"""Statements on pj_services: those that were made through the API."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from perijove.model.service import Service
from perijove.store.statement import Query, Row, Statement, every, write
from perijove.store.tables import services, text

_c = services.c
_ALL = Query(select(_c.name, _c.token, _c.client, _c.spec).order_by(_c.name))
_ADD = Query(insert(services))
_REMOVE = Query(delete(services).where(_c.name == bindparam("was_name")))
_KEPT = ("admin", "url", "redirect_uri", "asks", "display", "timeout")
"""Fields of a service that are kept as they are."""


def every_one() -> Statement[list[Service]]:
    """Return all of them, by name."""
    return Statement(_ALL, {}, every(_service))


def add(service: Service) -> Statement[None]:
    """Insert one; none may have its name, its client or its token."""
    spec: Mapping[str, Any] = {
        **{name: getattr(service, name) for name in _KEPT},
        "allowed": list(service.allowed),
        "info": dict(service.info),
    }
    return write(
        _ADD,
        {
            "name": service.name,
            "token": service.token or None,
            "client": service.client or None,
            "spec": text(spec),
        },
    )


def remove(name: str) -> Statement[None]:
    """Delete one; Stale if there is none."""
    return write(_REMOVE, {"was_name": name})


def _service(row: Row) -> Service:
    name, token, client, spec = row
    kept = json.loads(spec)
    return Service(
        name=name,
        token=token or "",
        client=client or "",
        allowed=tuple(kept["allowed"]),
        info=kept["info"],
        **{field: kept[field] for field in _KEPT},
    )

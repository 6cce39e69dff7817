"""Statements on services: those made through the API, and what hubs say of those they run."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from perijove.model.service import Seen, Service
from perijove.store.statement import Query, Row, Statement, Statements, Value, every, write
from perijove.store.tables import replicas, service_states, services, text

_c = services.c
_ALL = Query(select(_c.name, _c.token, _c.client, _c.spec).order_by(_c.name))
_ADD = Query(insert(services))
_REMOVE = Query(delete(services).where(_c.name == bindparam("was_name")))
_s = service_states.c
_SAID = Query(
    select(_s.name, _s.pid, _s.answers).join_from(
        service_states, replicas, replicas.c.id == _s.replica
    )
)
_SAY = Query(insert(service_states))
_FORGET = Query(delete(service_states).where(_s.name == bindparam("was_name")))
_UNSAY = Query(
    delete(service_states).where(_s.name == bindparam("was_name"), _s.replica == bindparam("by"))
)
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


def said() -> Statement[dict[str, Seen]]:
    """Return what hubs that live say of those they look after, by name."""
    return Statement(_SAID, {}, lambda rows: dict(map(_seen, rows)))


def say(name: str, replica: int, seen: Seen) -> Statements:
    """Write down what hub `replica` sees of one, in place of what was said before."""
    answers = None if seen.answers is None else int(seen.answers)
    row: dict[str, Value] = {"name": name, "replica": replica, "pid": seen.pid, "answers": answers}
    return write(_FORGET, {"was_name": name}, touches=None), write(_SAY, row)


def unsay(name: str, replica: int) -> Statement[None]:
    """Take it back, unless another hub says something else by now."""
    return write(_UNSAY, {"was_name": name, "by": replica}, touches=None)


def _seen(row: Row) -> tuple[str, Seen]:
    name, pid, answers = row
    return name, Seen(pid=pid, answers=None if answers is None else bool(answers))


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

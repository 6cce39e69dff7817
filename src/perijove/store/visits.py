"""Statements on pj_visits."""

from sqlalchemy import bindparam, insert, select

from perijove.model.visit import Visit
from perijove.store.access_tables import visits
from perijove.store.statement import Query, Row, Statement, every, write
from perijove.store.tables import instant, micros, servers, users

_ADD = Query(insert(visits))
_OF_OWNER = Query(
    select(visits, servers.c.name, users.c.name)
    .join_from(visits, users, visits.c.visitor_id == users.c.id)
    .outerjoin(servers, visits.c.server_id == servers.c.id)
    .where(visits.c.owner_id == bindparam("owner_id"))
    .order_by(visits.c.id.desc())
    .limit(bindparam("most"))
)


def add(visit: Visit, visitor_id: int) -> Statement[None]:
    """Write a visit down."""
    return write(
        _ADD,
        {
            "id": visit.id,
            "server_id": visit.server_id,
            "owner_id": visit.owner_id,
            "visitor_id": visitor_id,
            "why": visit.why,
            "at": micros(visit.at),
        },
    )


def of_owner(owner_id: int, most: int = 100) -> Statement[list[Visit]]:
    """Return the visits to servers of `owner_id`, the latest first."""
    return Statement(_OF_OWNER, {"owner_id": owner_id, "most": most}, every(_visit))


def _visit(row: Row) -> Visit:
    id, server_id, owner_id, _, why, at, server, visitor = row
    return Visit(
        id=id,
        server_id=server_id,
        server=server,
        owner_id=owner_id,
        visitor=visitor,
        why=why,
        at=instant(at),
    )

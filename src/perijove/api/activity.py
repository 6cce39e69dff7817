"""/users/{user}/activity: what a server says of itself and its owner (hub.md 2.8)."""

from perijove.api.ends import ActivityModel, ActivityQuery, told
from perijove.api.models import ActivityBody
from perijove.core import Hub
from perijove.http.route import Call, Reply


async def report(hub: Hub, call: Call) -> Reply:
    """Note when a user and their servers were last active; what is older changes nothing."""
    assert isinstance(call.body, ActivityBody)
    times = {
        name: server.last_activity
        for name, server in (call.body.servers or {}).items()
        if server.last_activity
    }
    await hub.activity.report(call.owner, call.body.last_activity, times)
    assert isinstance(call.query, ActivityQuery)
    if not call.query.ends:
        return Reply(200)
    servers = await hub.servers.recent(call.owner)
    ends = {it.name: told(hub, it) for it in servers if it.name in times}
    return Reply(200, ActivityModel(servers=ends))

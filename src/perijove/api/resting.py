"""PUT and PATCH of a server: make one without starting it, change one that does not run."""

from typing import Any

from pydantic import BaseModel, ConfigDict, StrictStr, model_validator

from perijove.api.models import Options, StartBody
from perijove.api.servers import shown
from perijove.core import Hub
from perijove.core.resting import Change
from perijove.http.route import Call, Reply
from perijove.model.server import Server


class ServerChange(BaseModel):
    """PATCH …/server: at least one of them."""

    model_config = ConfigDict(extra="forbid")

    name: StrictStr | None = None
    display_name: StrictStr | None = None
    user_options: Options | None = None

    @model_validator(mode="before")
    @classmethod
    def _something(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and (not tree or tree.get("user_options", tree) is None):
            raise ValueError("nothing to change")
        return tree


async def make(hub: Hub, call: Call) -> Reply:
    """Make a server with a name, and start nothing."""
    assert isinstance(call.body, StartBody)
    wanted = Change(display_name=call.body.display_name, user_options=call.body.user_options)
    server = await hub.resting.add(call.owner, call.target.server, wanted)
    return _one(hub, call, server, 201)


async def change(hub: Hub, call: Call) -> Reply:
    """Give a server that does not run another name or other options."""
    body = call.body
    assert isinstance(body, ServerChange)
    told = {"name": body.name, "display_name": body.display_name}
    call.asked.done |= {key: value for key, value in told.items() if value is not None}
    if body.user_options is not None:
        call.asked.done["user_options"] = sorted(body.user_options)
    wanted = Change(name=body.name, display_name=body.display_name, user_options=body.user_options)
    server = await hub.resting.change(call.owner, call.target.server, wanted)
    return _one(hub, call, server)


def _one(hub: Hub, call: Call, server: Server, status: int = 200) -> Reply:
    return Reply(status, shown(hub, server, state="state" in call.grant.fields(call.target)))

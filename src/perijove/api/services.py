"""/services and /services/{service}"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, StrictBool, StrictStr
from pydantic import StringConstraints as Constraints

from perijove.api.models import Line, Name
from perijove.core import Hub
from perijove.core.access import Sight
from perijove.core.service_rules import named_as
from perijove.http.route import Call, Reply
from perijove.kit.secret import digest
from perijove.model.errors import Invalid
from perijove.model.scope import Kind, Target
from perijove.model.service import Seen, Service

_NOBODY = Seen()
_Text = Annotated[StrictStr, Constraints(max_length=2000)]
_Token = Annotated[StrictStr, Constraints(min_length=8, max_length=64)]
_Scopes = Annotated[list[Name], Field(max_length=1000)]


class NewService(BaseModel):
    """POST /services/{service}: one that others run."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    """The same as in the path."""
    admin: StrictBool = False
    url: _Text = ""
    api_token: _Token | None = None
    oauth_client_id: Line = ""
    oauth_redirect_uri: _Text = ""
    oauth_client_allowed_scopes: _Scopes = []
    oauth_roles: _Scopes = []
    oauth_no_confirm: StrictBool = False
    display: StrictBool = True
    info: dict[str, Any] = {}
    timeout: Annotated[int, Field(strict=True, ge=1, le=86_400)] = 30
    command: _Text | list[_Text] = ""
    """None: only the configuration says what the hub runs."""


class ServiceModel(BaseModel):
    """One service."""

    kind: str
    name: str
    admin: bool = False
    roles: list[str] = []
    url: str = ""
    prefix: str = ""
    command: list[str] = []
    pid: int = 0
    info: dict[str, Any] = {}
    display: bool = True


class ServicesModel(RootModel[dict[str, ServiceModel]]):
    """GET /services: those that may be seen, by name."""


async def every(hub: Hub, call: Call) -> Reply:
    """Return the services that the caller may see, by name."""
    found = {
        name: it
        for name, it in (await hub.services.all()).items()
        if call.grant.covers(_target(it))
    }
    sight, seen = Sight(call.principal.scopes), await hub.services.seen()
    return Reply(200, {name: _shown(hub, sight, it, seen) for name, it in found.items()})


async def show(hub: Hub, call: Call) -> Reply:
    """Return one service, as far as the caller may see it."""
    return await _one(hub, call, await hub.services.named(call.target.service))


async def create(hub: Hub, call: Call) -> Reply:
    """Make a service that others run; what the hub runs stands in the configuration."""
    body = call.body
    assert isinstance(body, NewService)
    if not body.model_fields_set - {"name"}:
        raise Invalid("bad-body", field="")
    if body.name not in {None, call.target.service}:
        raise Invalid("bad-body", field="name")
    if body.command:
        raise Invalid("service.managed", service=call.target.service)
    call.asked.done |= {"fields": sorted(body.model_fields_set)}
    service = await hub.services.create(_service(hub, call.target.service, body), call.principal)
    return await _one(hub, call, service, 201)


async def remove(hub: Hub, call: Call) -> Reply:
    """Forget a service, and what people have given to it."""
    await hub.services.delete(call.target.service)
    return Reply(200)


def _service(hub: Hub, name: str, body: NewService) -> Service:
    allowed = body.oauth_client_allowed_scopes or hub.roles.texts(body.oauth_roles)
    service = Service(
        name=name,
        admin=body.admin,
        url=body.url,
        token=digest(body.api_token) if body.api_token else "",
        client=body.oauth_client_id,
        redirect_uri=body.oauth_redirect_uri,
        allowed=tuple(allowed),
        asks=not body.oauth_no_confirm,
        display=body.display,
        info=body.info,
        timeout=body.timeout,
    )
    return named_as(service, wanted=bool(allowed) or body.oauth_no_confirm)


async def _one(hub: Hub, call: Call, service: Service, status: int = 200) -> Reply:
    seen = await hub.services.seen()
    return Reply(status, _shown(hub, Sight(call.principal.scopes), service, seen))


def _shown(hub: Hub, sight: Sight, service: Service, seen: Mapping[str, Seen]) -> dict[str, Any]:
    fields = sight.of_service(_target(service))
    whole = {
        "admin": service.admin,
        "roles": hub.services.role_names(service),
        "url": service.url,
        "prefix": hub.services.prefix(service.name) if service.url else "",
        "command": list(service.command),
        "pid": seen.get(service.name, _NOBODY).pid,
        "info": dict(service.info),
        "display": service.display,
    }
    shown = {name: value for name, value in whole.items() if name in fields}
    return {"kind": "service", "name": service.name, **shown}


def _target(service: Service) -> Target:
    return Target(kind=Kind.SERVICE, service=service.name)

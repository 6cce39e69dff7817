"""What is measured with ten thousand people: lists, look-ups, batches, sign-ins, activity."""

import itertools
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from bench.hub.client import Client
from bench.hub.contender import Contender
from bench.hub.measure import STALLED, cost, look_cost, p99_ms, require, settle, until_left, watched
from bench.proc import cpu_seconds
from perijove.kit.clock import Clock

_PAGE = 100
_PAGED = {"Accept": "application/jupyterhub-pagination+json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_LED_ON = 302
_XSRF = re.compile(rb'name="_xsrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """CPU of the hub, but for the batch, which somebody waits for."""

    list_s: float
    user_ms: float
    batch_s: float
    batch_p99_ms: float
    activity_ms: float
    sign_in_ms: float
    stop_ms: float


async def people(hub: Contender, names: list[str], running: int, times: int) -> People:
    """Measure; the first `running` of `names` have a server, `times` is how often each is asked."""
    list_s = await listing(hub, len(names))
    client = hub.client()
    user_ms = await look_cost(hub, client, [f"/hub/api/users/{it}" for it in names[:times]])
    client.close()
    batch_s, batch_p99_ms = await batch(hub, 2000)
    return People(
        list_s=list_s,
        user_ms=user_ms,
        batch_s=batch_s,
        batch_p99_ms=batch_p99_ms,
        activity_ms=await activity(hub, names[:running], times),
        sign_in_ms=await sign_ins(hub, names[-times:]),
        stop_ms=await stops(hub, names[:running]),
    )


async def listing(hub: Contender, users: int) -> float:
    """Return the CPU seconds of reading all, a hundred a page, each of which names the next."""
    client, found = hub.client(), 0
    await settle(hub)
    cpu = cpu_seconds(hub.hub)
    following: Any = {"url": f"/hub/api/users?limit={_PAGE}"}
    headers = {"Authorization": f"token {client.token}", **_PAGED}
    while following:  # as jupyterhub-idle-culler does
        place = urlsplit(following["url"])
        path = f"{place.path}?{place.query}"
        page = json.loads((await client.exchange("GET", path, headers)).body)
        found, following = found + len(page["items"]), page["_pagination"]["next"]
    spent = cpu_seconds(hub.hub) - cpu
    client.close()
    if found < users:
        raise RuntimeError(f"{hub.name} lists {found} of {users}")
    return spent


async def batch(hub: Contender, number: int) -> tuple[float, float]:
    """Return seconds until `number` people are made by one request, and others' p99 meanwhile."""
    client = hub.client()
    async with watched(hub) as delays:
        began = time.monotonic()
        wanted = {"usernames": [f"batch-{n:05d}" for n in range(number)]}
        made = await client.json("POST", "/hub/api/users", wanted)
        seconds = time.monotonic() - began
    client.close()
    if len(made) != number:
        raise RuntimeError(f"{hub.name} made {len(made)} of {number}")
    return seconds, p99_ms(delays)


async def activity(hub: Contender, names: list[str], posts: int) -> float:
    """Return the CPU milliseconds of one server that says it was used."""
    client = hub.client()

    async def post(name: str) -> None:
        now = Clock()().isoformat()
        said = {"servers": {"": {"last_activity": now}}, "last_activity": now}
        require(hub, await client.ask("POST", f"/hub/api/users/{name}/activity", said))

    spent = await cost(hub, post, list(itertools.islice(itertools.cycle(names), posts)))
    client.close()
    return spent


async def sign_ins(hub: Contender, names: list[str]) -> float:
    """Return the CPU milliseconds of one form with a name and a password, until one is in."""
    client = Client(hub.port, "")
    form, sent = await sign_in_form(hub, client)

    async def sign_in(name: str) -> None:
        text = urlencode({"username": name, **form}).encode()
        answer = await client.exchange("POST", "/hub/login", sent, text)
        if answer.status != _LED_ON:
            raise RuntimeError(f"{hub.name}: {answer.status} {answer.body[:300]!r}")

    spent = await cost(hub, sign_in, names)
    client.close()
    return spent


async def sign_in_form(hub: Contender, client: Client) -> tuple[dict[str, str], dict[str, str]]:
    """Return the form of signing in but for the name, and the headers with which it is sent."""
    page = await client.exchange("GET", "/hub/login", {})
    found = _XSRF.search(page.body)
    if not found:
        raise RuntimeError(f"{hub.name} shows no form: {page.status} {page.body[:300]!r}")
    sent = {"Cookie": page.cookies, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    return {"password": "any", "_xsrf": found[1].decode()}, {**FORM, **sent}


async def stops(hub: Contender, names: list[str]) -> float:
    """Return the CPU milliseconds of one stop, from the request until its route is gone."""
    client, left = hub.client(), await hub.routes() - len(names)

    async def stop(name: str) -> None:
        require(hub, await client.ask("DELETE", f"/hub/api/users/{name}/server"))

    async def gone() -> None:
        await until_left(hub, left, STALLED)

    spent = await cost(hub, stop, names, at_once=20, then=gone)
    client.close()
    return spent

"""What is measured where people come from elsewhere: OAuth, and tokens that are checked."""

import itertools
import json
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from bench.hub.client import Answer, Client
from bench.hub.contender import Contender
from bench.hub.door import BACK, CLIENT, SECRET
from bench.hub.measure import cost, require
from bench.hub.people import FORM, sign_in_form

_AT_ONCE = 64
_ASKED = f"/hub/api/oauth2/authorize?client_id={CLIENT}&response_type=code&state=x"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """CPU milliseconds of the hub."""

    dance: float
    check: float


async def doors(hub: Contender, names: list[str], checks: int) -> Doors:
    """Measure a sign-in to the service of each of `names`, then `checks` of what it was given."""
    client, tokens = Client(hub.port, ""), list[str]()
    form, headers = await sign_in_form(hub, client)
    cookies = dict[str, str]()
    for name in names:
        text = urlencode({"username": name, **form}).encode()
        answer = await client.exchange("POST", "/hub/login", headers, text)
        cookies[name] = answer.cookies

    async def dance(name: str) -> None:
        tokens.append(await _entered(hub, client, cookies[name]))

    dance_ms = await cost(hub, dance, names)
    client.close()
    return Doors(dance=dance_ms, check=await _check_cost(hub, tokens, checks))


async def _entered(hub: Contender, client: Client, cookies: str) -> str:
    """Return the token for which the service has swapped the code of one browser."""
    goes = {"Cookie": cookies, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    led = await client.exchange("GET", f"{_ASKED}&redirect_uri={quote(BACK, safe='')}", goes)
    found = parse_qs(urlsplit(led.location).query).get("code")
    if not found:
        raise RuntimeError(f"{hub.name} gives no code: {led.status} {led.body[:300]!r}")
    form = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "grant_type": "authorization_code",
        "code": found[0],
        "redirect_uri": BACK,
    }
    given = await client.exchange("POST", "/hub/api/oauth2/token", FORM, urlencode(form).encode())
    token: str = json.loads(given.body)["access_token"]
    require(hub, _told(await _look(client, token)))
    return token


async def _check_cost(hub: Contender, tokens: list[str], checks: int) -> float:
    """Return the cost of one look at whose a token is, as services take it at many connections."""
    client = Client(hub.port, "")

    async def check(token: str) -> None:
        require(hub, _told(await _look(client, token)))

    asked = list(itertools.islice(itertools.cycle(tokens), checks))
    spent = await cost(hub, check, asked, at_once=_AT_ONCE)
    client.close()
    return spent


async def _look(client: Client, token: str) -> Answer:
    return await client.exchange("GET", "/hub/api/user", {"Authorization": f"token {token}"})


def _told(answer: Answer) -> tuple[int, bytes]:
    return answer.status, answer.body

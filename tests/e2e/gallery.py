"""A hub with people and servers in every state, on a port, for browsers to look at."""

import asyncio
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from perijove.core import Hub
from perijove.core.shares import With
from perijove.http.cookies import LOGIN
from perijove.kit.secret import digest
from perijove.model.client import Client
from perijove.model.server import Phase
from perijove.model.signal import Signal
from perijove.model.trash import Label
from perijove.model.usage import Usage
from perijove.model.user import Standing, User
from perijove.model.workload import LaunchSpec, Observation, State
from perijove.spawners.fake import FakeSpawner
from perijove.spawners.homes import Homes
from perijove.spawners.trash import Trash
from perijove.store import clients, share_codes
from perijove.store.open import open_database
from perijove.web.sign_up import COOKIE, remembered
from tests.integration.test_usage import Meter
from tests.mortal import Plenty
from tests.ports import free_port
from tests.web.desk import PROFILES, Desk
from tests.web.desk import desk as open_desk

LOG = """[I 10:02:11 ServerApp] Serving notebooks from local directory: ~
[E 10:02:12 ServerApp] No module named 'jupyterlab'
"""
OFFERS = [
    *PROFILES,
    {"display_name": "Small", "kubespawner_override": {"mem_limit": "1G"}},
    {"display_name": "Large", "kubespawner_override": {"mem_limit": "4G"}},
]
ROLES = {
    "sharers": {
        "scopes": ["shares!user", "read:users:name", "read:groups:name"],
        "users": ["lin.xiao"],
    },
    "graders": {
        "scopes": ["access:services!service=assignments", "access:services!service=forms"],
        "users": ["slow.sun"],
    },
}
SERVICES = {
    "assignments": {"url": "http://127.0.0.1:9"},
    "forms": {"url": "http://127.0.0.1:9", "info": {"description": "Questionnaires"}},
    "cull": {"api_token": "the-token-of-the-idle-culler"},
}
BY_LIN = {"who": "lin.xiao", "kind": "user", "by": "session", "from": "203.0.113.24"}
BY_CHEN = {
    "who": "chen.wei",
    "kind": "user",
    "by": "session",
    "from": "2001:db8::24",
    "admin": True,
}
BY_CULL = {"who": "cull", "kind": "service", "by": "token a5", "from": "192.0.2.9"}
OF_LIN = {"user": "lin.xiao"}
DONE: list[dict[str, Any]] = [
    {**BY_CHEN, "call": "POST /users", "details": {"users": [f"student-{n:02}" for n in range(60)]},
     "status": 201},
    {**BY_CULL, "call": "DELETE /users/{user}/servers/{server}", "about": {**OF_LIN, "server": "x"},
     "details": {"remove": True}, "status": 202},
    {"who": None, "from": "198.51.100.7", "call": "POST /login", "status": 403,
     "details": {"name": "lin.xiao", "refused": "wrong-password"}},
    {**BY_LIN, "call": "POST /token", "status": 200,
     "details": {"token": "a12", "note": "backup of my laptop", "scopes": ["read:users!user"]}},
    {**BY_LIN, "call": "POST /spawn/{user}/{server}", "about": {**OF_LIN, "server": "thesis"},
     "status": 303},
    {**BY_LIN, "call": "PATCH /users/{user}", "about": {"user": "slow.sun"}, "status": 403,
     "error": "denied", "details": {"admin": True}},
    {**BY_CHEN, "call": "POST /visit/{user}", "about": OF_LIN, "status": 303,
     "details": {"as": "lin.xiao", "why": "looking at the CUDA error you reported"}},
]  # fmt: skip
LINK = "a-link-that-lin-xiao-has-made"
HELD = (
    Signal(
        code="no-room-gpu",
        params={
            "resource": "nvidia.com/gpu",
            "wanted": "2",
            "nodes": "gpu-01: 4, gpu-02: 4",
            "why": "0/5 nodes are available: 2 Insufficient nvidia.com/gpu, 3 node(s) had "
            "untolerated taint {node-role.kubernetes.io/control-plane: }.",
        },
        at=datetime(2026, 11, 21, 10, 31, tzinfo=UTC),
    ),
)


@dataclass
class Gallery:
    """Where it is, and the cookies of those who can look."""

    url: str
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    """By a person's name, the cookies of a browser in which they have signed in."""


class Waiting(FakeSpawner):
    """Never gets to a workload whose name has `slow` in it, and late to one with `gao` in it.

    One with `lasting` in its name does not end.
    """

    async def start(self, spec: LaunchSpec) -> None:
        if "slow" in spec.name:
            signals = HELD if "slow-gpu" in spec.name else ()
            seen = Observation(state=State.PENDING, origin=spec.origin, signals=signals)
            self.become(spec.name, seen)
            return
        if "gao" in spec.name:
            await asyncio.sleep(2)  # so that its page has to wait
        await super().start(spec)

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        if "lasting" not in name:
            await super().stop(name, incarnation, force=force)


class Busy(Meter):
    """Every server uses something."""

    def usage(self, names: Collection[str]) -> Mapping[str, Usage]:
        used = Usage(
            incarnation=1, memory=1_395_864_371, memory_limit=4 << 30, cpu_seconds=20.0,
            processes=12, open_files=340,
        )  # fmt: skip
        return dict.fromkeys(names, used)


@contextmanager
def gallery(folder: Path) -> Iterator[Gallery]:
    """Yield it, served by a thread of its own."""
    it = Gallery(f"http://127.0.0.1:{free_port()}")
    ready, loop = threading.Event(), asyncio.new_event_loop()
    end, trouble = asyncio.Event(), []

    def run() -> None:
        try:
            loop.run_until_complete(_serve(it, folder, ready, end))
        except BaseException as error:
            trouble.append(error)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        assert not trouble, trouble
        yield it
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(20)
        loop.close()


async def _serve(it: Gallery, folder: Path, ready: threading.Event, end: asyncio.Event) -> None:
    database = await open_database(f"{folder}/hub.sqlite")
    spawner = Waiting("i")
    spawner.gauge, spawner.devices = Busy(), Plenty(two=True)
    spawner.trash = await asyncio.to_thread(_thrown_away, folder)
    async with open_desk(
        database,
        folder,
        spawner=spawner,
        offers=OFFERS,
        loadRoles=ROLES,
        services=SERVICES,
        # who waits for a start here waits for as long as the tests take
        config={"Authenticator": {"auto_login": True}, "Spawner": {"start_timeout": 86_400}},
    ) as desk:
        desk.hub.services.answering |= {"assignments": True, "forms": False}
        await _populate(desk, it, Homes(folder / "homes"))
        await desk.hub.trash.turn()
        config = uvicorn.Config(
            desk.running.app,
            port=int(it.url.rpartition(":")[2]),
            log_level="warning",
            lifespan="off",
        )
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        ready.set()
        await end.wait()
        server.should_exit = True
        await serving
    await database.close()


def _thrown_away(folder: Path) -> Trash:
    """Return a trash with the homes of two people, one of whom has come back since."""
    homes, now = Homes(folder / "homes"), datetime.now(UTC)
    trash = Trash(homes)
    for days, name, shown in ((3, "gao.lin", "Gao Lin"), (12, "he.jing", "He Jing")):
        homes.make(f"1-{name}")
        (homes.path(f"1-{name}") / "thesis.ipynb").write_text(" " * 5000 * days)
        at = now - timedelta(days=days)
        trash.throw(f"1-{name}", Label(user=name, user_id=1, at=at, display_name=shown))
    return trash


def _remember(hub: Hub) -> None:
    """Fill the audit log, with more than one page of it."""
    now = datetime.now(UTC)
    for n, entry in enumerate([*DONE, *DONE * 9]):
        at = min(now, now - timedelta(minutes=7 * (9 * len(DONE) - n)))
        hub.trail.remember({"at": at.isoformat(timespec="milliseconds"), "request": "r", **entry})


async def _populate(desk: Desk, it: Gallery, homes: Homes) -> None:
    hub = desk.hub
    chen = await desk.person("chen.wei", display_name="Chen Wei", admin=True)
    lin = await desk.person("lin.xiao", display_name="Lin Xiao", note="Machine Learning 2026")
    new = await desk.person("gao.lin", display_name="Gao Lin")
    slow = await desk.person("slow.sun", display_name="Sun Yue")
    zhou = await desk.person(
        "zhou.yi", display_name="Zhou Yi", note="Assignments", standing=Standing.WAITING
    )
    await desk.person("du.fan", display_name="Du Fan", standing=Standing.BLOCKED)
    for n in range(60):
        await hub.accounts.add(f"student-{n:02}", display_name=f"Student {n}")
    await hub.groups.create("ml-2026", members=["lin.xiao", "slow.sun", "gao.lin", "du.fan"])
    await hub.groups.create("staff", members=["chen.wei"])
    await desk.person("wang." + "xiaoming" * 5, display_name="Wang " + "Xiaoming" * 5)
    for user in [lin, *await hub.accounts.all()][:20]:
        await asyncio.to_thread(homes.make, await hub.servers.home(user))
    await _servers(desk, lin, slow)
    service = Client(
        id="service-grades",
        secret="0" * 64,
        redirect_uri="http://grades.example.edu/callback",
        description="Grade book",
        scopes=("access:services!service=grades",),
    )
    await hub.accounts.database.write(*clients.put(service))
    running = await hub.servers.find(lin, "")
    assert running
    await hub.visits.add(running, chen, "looking at the CUDA error you reported")
    await _share(desk, lin, chen, slow)
    for note, scope in (
        ("VS Code on my laptop", "access:servers!user"),
        ("Nightly backup", "self"),
    ):
        await _token(desk, lin, note, scope)
    for user in (chen, lin, new, slow):
        secret, _ = await hub.sessions.begin(
            user,
            address="203.0.113.24",
            agent="Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
        )
        it.cookies[user.name] = {LOGIN: secret}
    _remember(hub)
    await hub.sessions.begin(
        lin,
        address="198.51.100.7",
        agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    )
    it.cookies["who asked"] = {COOKIE: remembered(hub, zhou)}


async def _token(desk: Desk, owner: User, note: str, scope: str) -> None:
    secret, _ = await desk.hub.sessions.begin(owner, address="203.0.113.24", agent="")
    visitor = await desk.hub.sessions.visitor(secret)
    assert visitor
    await desk.hub.tokens.make(owner, by=visitor.principal, note=note, scopes=[scope])
    await desk.hub.sessions.end(visitor.session)


async def _share(desk: Desk, lin: User, *guests: User) -> None:
    hub = desk.hub
    for name in ("", "thesis"):
        server = await hub.servers.find(lin, name)
        assert server
        for user in guests:
            await hub.shares.grant(server, ["access:servers", "servers"], With(user=user))
        await hub.shares.grant(server, ["access:servers"], With(group="staff"))
    server = await hub.servers.find(lin, "")
    assert server
    code, _ = await hub.share_codes.make(server, ["access:servers"], timedelta(days=7))
    known = replace(code, id=code.id + 1, scopes=("access:servers", "servers"))
    await hub.accounts.database.write(share_codes.add(known, digest(LINK)))


async def _servers(desk: Desk, lin: User, slow: User) -> None:
    hub = desk.hub
    await hub.servers.start(lin, "", {"profile": "data-science"})
    for name in ("thesis", "big-join"):
        await hub.servers.start(lin, name, {"profile": "deep", "image": "old"})
        await _until(desk, lin, name, Phase.RUNNING)
    await _until(desk, lin, "", Phase.RUNNING)
    await hub.servers.stop(lin, "thesis")
    await _until(desk, lin, "thesis", Phase.STOPPED)
    broken = await hub.servers.find(lin, "big-join")
    assert broken
    seen = desk.spawner.world[broken.key]
    desk.spawner.written[broken.key] = LOG
    desk.spawner.become(
        broken.key, Observation(state=State.EXITED, origin=seen.origin, exit_code=1)
    )
    await _until(desk, lin, "big-join", Phase.FAILED)
    await _ends(desk, lin, "small", "out-of-memory", limit=1 << 30, process="python", size=9 << 26)
    await _ends(desk, lin, "crowded", "home-full", size=10 << 30)
    await hub.servers.start(slow, "", {"profile": "deep"})
    await hub.servers.start(lin, "slow-lab", {"profile": "deep"})
    await hub.servers.start(slow, "slow-gpu", {"profile": "deep"})
    await hub.servers.start(lin, "lasting", {"profile": "deep"})
    await _until(desk, lin, "lasting", Phase.RUNNING)
    await hub.servers.stop(lin, "lasting")
    await _until(desk, lin, "lasting", Phase.STOPPING)


async def _ends(desk: Desk, owner: User, name: str, code: str, **params: str | float) -> None:
    """Start a server whose place says why it has ended."""
    await desk.hub.servers.start(owner, name, {"profile": "small"})
    await _until(desk, owner, name, Phase.RUNNING)
    server = await desk.hub.servers.find(owner, name)
    assert server
    signal = Signal(code=code, params=params, terminal=True)
    origin = desk.spawner.world[server.key].origin
    seen = Observation(state=State.EXITED, origin=origin, exit_code=1, signals=(signal,))
    desk.spawner.become(server.key, seen)
    await _until(desk, owner, name, Phase.FAILED)


async def _until(desk: Desk, owner: User, name: str, phase: Phase) -> None:
    async with asyncio.timeout(30):
        while True:
            server = await desk.hub.servers.find(owner, name)
            if server and server.phase is phase:
                return
            await asyncio.sleep(0.02)

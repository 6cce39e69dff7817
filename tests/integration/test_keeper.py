"""Services that the hub runs: real processes that end, hang, fork, and never come up."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from perijove.app import Running, running_hub
from perijove.cli.hold import started
from perijove.core.keeper import Keeper
from perijove.core.leases import Alone
from perijove.core.service_environment import ServiceEnvironment
from perijove.kit.backoff import Backoff
from perijove.kit.tasks import in_background
from perijove.model.service import Service
from perijove.settings import of
from perijove.spawners.attendant import launch
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN, parts
from tests.ports import free_port

PYTHON = (sys.executable, "-I", "-S", "-c")
SLEEPS = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
PARENT = (
    "import os, subprocess, sys\n"
    "it = subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(600)'])\n"
    "print(it.pid, flush=True)\n"
    "it.wait()\n"
)
FAMILY = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{PARENT}"
"""A child that its parent waits for; neither wants to end."""
LISTENS = (
    "import os, socket, time\nfrom urllib.parse import urlsplit\n"
    "port = urlsplit(os.environ['JUPYTERHUB_SERVICE_URL']).port\n"
    "it = socket.create_server(('127.0.0.1', port))\n"
    "while True:\n"
    "    it.accept()[0].close()\n"
)


@dataclass
class Some(Alone):
    """Leases that a test gives and takes."""

    held: bool = True
    known: bool = True
    """Whether the database says so."""

    def holds(self, key: str) -> bool:
        del key
        return self.held and self.known

    def had(self, key: str) -> bool:
        del key
        return self.held


@dataclass
class Kept:
    running: Running
    keeper: Keeper
    leases: Some = field(default_factory=Some)

    def put(self, *services: Service) -> None:
        self.running.hub.services.configured = {it.name: it for it in services}

    @property
    def pids(self) -> Mapping[str, int]:
        return self.running.hub.services.pids


@asynccontextmanager
async def keeping(database: Database) -> AsyncIterator[Kept]:
    settings = await asyncio.to_thread(of, {})
    async with running_hub(settings, parts(database, FakeSpawner("i"))) as running:
        leases = Some()
        keeper = Keeper(
            services=running.hub.services,
            launch=launch,
            environment=ServiceEnvironment(hub="http://127.0.0.1:8081"),
            leases=leases,
            backoff=Backoff(base=0.05, ceiling=0.2),
        )
        async with in_background(keeper.run()):
            yield Kept(running, keeper, leases)


@pytest.fixture
async def kept(database: Database) -> AsyncIterator[Kept]:
    async with keeping(database) as it:
        yield it


async def until(done: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(done):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


def service(script: str, name: str = "s", **more: object) -> Service:
    given = {"secret": "a-secret", "configured": True, **more}
    return Service(name=name, command=(*PYTHON, script), **given)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    return started(pid) is not None


async def lives(pid: int) -> bool:
    return await asyncio.to_thread(alive, pid)


def said(log: pytest.LogCaptureFixture, name: str = "s") -> list[str]:
    """Return the lines that a service has written."""
    head = f"service {name}: "
    return [it.message.removeprefix(head) for it in log.records if it.message.startswith(head)]


async def numbers(log: pytest.LogCaptureFixture, count: int = 1) -> list[int]:
    await until(lambda: len(said(log)) >= count, f"{count} lines of the service")
    return [int(it) for it in said(log)]


@pytest.fixture(autouse=True)
def _everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "perijove")


async def test_its_environment_is_that_of_the_contract(kept: Kept, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"import json, os; open({str(told)!r}, 'w').write(json.dumps([dict(os.environ), os.getcwd()])); {SLEEPS}"  # noqa: E501
    url = f"http://127.0.0.1:{free_port()}"
    more: dict[str, Any] = {"url": url, "client": "service-s", "allowed": ("read:servers!user",)}
    os.environ["PERIJOVE_TEST_SECRET"] = "of the administrator"
    try:
        given = {"MINE": "1", "JUPYTERHUB_HOST": "h", "JUPYTERHUB_SERVICE_NAME": "x"}
        kept.put(service(script, **more, environment=given, cwd=str(tmp_path)))
        await until(lambda: told.exists() and told.read_text(), "it runs")
    finally:
        del os.environ["PERIJOVE_TEST_SECRET"]
    environment, folder = json.loads(await asyncio.to_thread(told.read_text))
    assert folder == str(tmp_path)
    access = '["access:services", "access:services!service=s"]'
    ours = {it: value for it, value in environment.items() if it.startswith(("JUPYTERHUB", "JPY"))}
    assert ours == {
        "JUPYTERHUB_SERVICE_NAME": "s",
        "JUPYTERHUB_SERVICE_PREFIX": "/services/s/",
        "JUPYTERHUB_SERVICE_URL": url,
        "JUPYTERHUB_API_TOKEN": "a-secret",
        "JPY_API_TOKEN": "a-secret",
        "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_HOST": "h",  # the administrator's word
        "JUPYTERHUB_CLIENT_ID": "service-s",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "/services/s/oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": access,
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": access,
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": '["read:servers!user"]',
        "JUPYTERHUB_USER": "",
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_PUBLIC_URL": "",
        "JUPYTERHUB_PUBLIC_HUB_URL": "",
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "0",
    }
    assert environment["MINE"] == "1"
    assert "PERIJOVE_TEST_SECRET" not in environment


async def test_what_it_writes_is_in_the_log(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    script = (
        "import os, sys\nprint('a line')\nsys.stdout.flush()\n"
        "os.write(2, b'\\xff error\\n' + b'x' * 300_000 + b'\\nend')"
    )
    kept.put(service(script))
    await until(lambda: "end" in said(caplog), "its last words")
    assert {"a line", "\ufffd error"} <= set(said(caplog))
    assert max(map(len, said(caplog))) <= 4000


async def test_one_that_ends_is_started_again_later_each_time(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.put(service("import sys; print(1, flush=True); sys.exit(3)"))
    await numbers(caplog, 4)
    assert any("ended with exit code 3" in it.message for it in caplog.records)
    waits = [it.args[1] for it in caplog.records if "started again in" in it.message]  # type: ignore[index]
    assert waits[:3] == [0.05, 0.1, 0.2]


@pytest.mark.parametrize(
    "bad",
    [
        {"command": ("/no/such/program",)},
        {"cwd": "/no/such/folder", "command": ("sleep", "1")},
        {"user": "no-such-account-here", "command": ("sleep", "1")},
        {"command": ("\udcff",)},
    ],
    ids=["program", "folder", "account", "bytes"],
)
async def test_one_that_cannot_start_holds_up_nobody(
    kept: Kept, caplog: pytest.LogCaptureFixture, bad: dict[str, object]
) -> None:
    kept.put(replace(service("", "bad"), **bad), service(SLEEPS))  # type: ignore[arg-type]
    await numbers(caplog)
    await until(lambda: len([it for it in caplog.records if "bad is started again" in it.message])
                > 1, "it is tried again")  # fmt: skip
    assert "s" in kept.pids


async def test_a_hub_begins_while_a_service_is_slow_and_says_when_it_answers(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    """Of JupyterHub 6.1.1, a managed service that is slow at start aborts the hub."""
    url = f"http://127.0.0.1:{free_port()}"
    slow = service(f"import time; time.sleep(2)\n{LISTENS}", url=url, timeout=1)
    kept.put(slow)
    answering = kept.running.hub.services.answering
    await until(lambda: answering.get("s") is False, "it is told that it does not answer")
    assert any("does not answer" in it.message for it in caplog.records)
    assert (await asyncio.wait_for(kept.running.hub.services.named("s"), 20)) == slow
    await until(lambda: answering.get("s"), "it is told that it answers")


async def test_it_ends_with_the_hub_with_all_that_it_has_started(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with keeping(database) as kept:
        kept.put(service(PARENT))
        (child,) = await numbers(caplog)
        warden = kept.pids["s"]
        assert await lives(child)
    assert not await lives(warden)
    await until(lambda: not alive(child), "its child has ended")


@pytest.mark.parametrize("program", [STUBBORN, FAMILY], ids=["itself", "its child"])
async def test_what_will_not_end_is_made_to(
    database: Database, caplog: pytest.LogCaptureFixture, program: str
) -> None:
    async with keeping(database) as kept:
        kept.put(service(program))
        (pid,) = await numbers(caplog)
    await until(lambda: not alive(pid), "it has ended")


@pytest.mark.parametrize("program", [SLEEPS, FAMILY], ids=["itself", "its child"])
@pytest.mark.parametrize("order", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_of_it_is_left_when_its_warden_is_ended(
    kept: Kept, caplog: pytest.LogCaptureFixture, order: signal.Signals, program: str
) -> None:
    kept.put(service(program))
    (first,) = await numbers(caplog)
    os.kill(kept.pids["s"], order)
    await until(lambda: not alive(first), "it has ended with its warden")
    _, second = await numbers(caplog, 2)
    assert await lives(second)


async def test_another_configuration_starts_and_ends_them(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    one = service(SLEEPS)
    kept.put(one)
    (first,) = await numbers(caplog)
    kept.put(replace(one, environment={"A": "1"}))
    _, second = await numbers(caplog, 2)
    assert not await lives(first)
    kept.put(replace(one, environment={"A": "1"}))  # the same again
    await asyncio.sleep(1.2)
    assert await lives(second)
    kept.put()
    await until(lambda: not alive(second), "it has ended")
    assert not kept.pids


async def test_one_hub_of_several_runs_it(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with keeping(database) as one, keeping(database) as other:
        one.leases.held = False
        for it in (one, other):
            it.put(service(SLEEPS))
        (first,) = await numbers(caplog)
        assert not one.pids
        other.leases.held, one.leases.held = False, True
        _, second = await numbers(caplog, 2)
        await until(lambda: not alive(first), "the other one has ended it")
        assert await lives(second)
        assert not other.pids


async def test_it_goes_on_while_nobody_knows_whose_it_is(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.put(service(SLEEPS))
    (first,) = await numbers(caplog)
    kept.leases.known = False
    await asyncio.sleep(1.2)
    assert await lives(first)
    kept.leases.held = False
    await until(lambda: not alive(first), "another has it")


async def test_a_name_that_cannot_be_asked_for_is_one_that_does_not_answer(kept: Kept) -> None:
    kept.put(service(SLEEPS, url="http://foo..bar:80", timeout=1))
    await until(lambda: kept.running.hub.services.answering.get("s") is False, "it is told")


async def test_its_process_is_shown_and_its_derived_token_opens_the_api(
    database: Database, tmp_path: Path
) -> None:
    import httpx  # noqa: PLC0415

    told = tmp_path / "token"
    script = f"import os; open({str(told)!r}, 'w').write(os.environ['JPY_API_TOKEN']); {SLEEPS}"
    tree = {"hub": {"services": {"mine": {"command": [*PYTHON, script]}}}}
    settings = await asyncio.to_thread(of, tree)
    secrets = []
    for _ in range(2):
        told.unlink(missing_ok=True)
        made = parts(database, FakeSpawner("i"), launch=launch)
        async with running_hub(settings, made) as running:
            await until(lambda: told.exists() and told.read_text(), "it runs")
            secrets.append(await asyncio.to_thread(told.read_text))
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=running.app), base_url="http://hub/hub/api"
            ) as client:
                mine = {"authorization": f"token {secrets[-1]}"}
                assert (await client.get("/user", headers=mine)).json()["name"] == "mine"
                shown = await client.get(
                    "/services/mine", headers={"authorization": f"token {ADMIN_TOKEN}"}
                )
                assert await lives(shown.json()["pid"])
                assert shown.json()["command"] == [*PYTHON, script]
    assert secrets[0] == secrets[1]


async def test_what_a_killed_hub_has_left_ends_by_itself(tmp_path: Path) -> None:
    """The hub is a process of its own here, and is killed."""
    hub = tmp_path / "hub.py"
    program = (
        "import asyncio, sys\n"
        "from perijove.model.service import Service\n"
        "from perijove.spawners.attendant import launch\n"
        "async def main():\n"
        f"    it = Service(name='s', command={(*PYTHON, PARENT)!r})\n"
        "    made = await launch(it, {})\n"
        "    print(made.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    await asyncio.to_thread(hub.write_text, program)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(hub), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        warden = int(await asyncio.wait_for(process.stdout.readline(), 20))

        def children() -> list[int]:
            with suppress(OSError):
                text = Path(f"/proc/{warden}/task/{warden}/children").read_text()
                return [int(it) for it in text.split()]
            return []

        await until(children, "the service runs")
        (child,) = await asyncio.to_thread(children)
    finally:
        process.kill()
        await process.wait()
    await until(lambda: not alive(warden) and not alive(child), "nothing is left")

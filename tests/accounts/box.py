"""A box with systemUsers whose people are real, with real JupyterLabs, in a place all can reach."""

import json
import pwd
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.accounts.machine import Machine, machine, run
from tests.accounts.program import Program, program
from tests.e2e.box import Up, until
from tests.singleuser.kernel import Kernel


class Box(Up):
    """One `up` as root; every name of a person ends with the tag of the machine."""

    def __init__(self, folder: Path, machine: Machine, made: Program, **settings: Any) -> None:
        super().__init__(folder, **{"singleuser": {}, "systemUsers": True, **settings})
        self.file.chmod(0o600)
        self.python = str(made.python)
        self.machine = machine
        self.program = made
        self.source = made.source
        self.as_whom: list[str] = []
        """A command that becomes somebody else, and goes on."""

    def write(self, **settings: Any) -> None:
        """Change the configuration."""
        self.file.write_text(json.dumps({**json.loads(self.file.read_text()), **settings}))

    def log(self, part: str) -> str:
        return (self.data / "log" / f"{part}.log").read_text()

    def begin(self, *more: str, wrapped: Callable[[list[str]], list[str]] = list) -> None:
        environment = ["env", f"PYTHONPATH={self.source}", *self.as_whom]
        super().begin(*more, wrapped=lambda it: wrapped([*environment, *it]))

    def person(self, word: str) -> str:
        """Return the name of a person who has a server that is ready."""
        name = self.machine.name(word)
        assert self.hub("POST", f"/users/{name}")[0] in {201, 409}
        assert self.hub("POST", f"/users/{name}/server")[0] in {201, 202}
        until(lambda: self.ready(name), f"{name}'s server is ready", patience=120)
        return name

    def ask_for_server(self, name: str) -> int:
        """Ask for a server, whether there is a hub that hears it or not."""
        token = (self.data / "secrets" / "cli-token").read_text().strip()
        headers = {"Authorization": f"token {token}"}
        return self.ask("POST", f"/hub/api/users/{name}/server", headers)[0]

    def account(self, name: str) -> pwd.struct_passwd:
        return pwd.getpwnam(f"jupyter-{name}")

    def token(self, name: str) -> str:
        """Return a token of a person, as they would make one on their page."""
        status, made = self.hub("POST", f"/users/{name}/tokens", {"note": "test"})
        assert status in {200, 201}, made
        return str(made["token"])

    def kernel(self, name: str) -> Kernel:
        headers = {"Authorization": f"token {self.token(name)}"}
        return Kernel(f"http://127.0.0.1:{self.public}/user/{name}/", headers)

    def port(self, name: str) -> int:
        """Return where a server listens, as its own environment says."""
        environment = self.environment(self.server_pid(name))
        return int(environment["JUPYTERHUB_SERVICE_URL"].split(":")[2].split("/")[0])

    def server_pid(self, name: str) -> int:
        uid = str(self.account(name).pw_uid)
        return int(run("pgrep", "-U", uid, "-f", "perijove-singleuser").split()[0])

    def environment(self, pid: int) -> dict[str, str]:
        text = Path(f"/proc/{pid}/environ").read_text()
        return dict(it.split("=", 1) for it in text.split("\0") if it)

    def pids(self, name: str) -> list[int]:
        """Return every process that runs as the account of a person."""
        return [int(it) for it in run("pgrep", "-U", str(self.account(name).pw_uid)).split()]


@contextmanager
def open_box(**settings: Any) -> Iterator[Box]:
    """Yield a box that does not run yet; nothing of it stays, whatever becomes of it."""
    folder = Path(tempfile.mkdtemp(prefix="pj-accounts-", dir="/var/tmp"))
    folder.chmod(0o755)
    with machine() as it:
        box = Box(folder, it, program(folder), **settings)
        try:
            yield box
        finally:
            box.end()
            shutil.rmtree(folder, ignore_errors=True)


def open_to_others(folder: Path) -> list[str]:
    """Return what below `folder` somebody else could open, by its modes."""
    return [
        str(path)
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


def listening(uid: int) -> set[int]:
    """Return the TCP ports on which processes of `uid` listen."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[7]) == uid:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found

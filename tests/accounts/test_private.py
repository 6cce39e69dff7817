"""Two people with accounts of their own, and what one of them cannot get at, from a real kernel."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.box import Box, listening, open_box, open_to_others
from tests.accounts.machine import run
from tests.e2e.box import until
from tests.singleuser.kernel import Kernel

PROBE = Path(__file__).with_name("probe.py")
SECRET = "the secret of ada"
MAKES = f"""
import os, pathlib, tempfile
pathlib.Path("secret.txt").write_text({SECRET!r})
pathlib.Path("/tmp/{{tag}}.txt").write_text({SECRET!r})
pathlib.Path("/dev/shm/{{tag}}.txt").write_text({SECRET!r})
print(os.getpid())
"""


@dataclass
class Scene:
    """Ada has something to hide, and Bob looks for it."""

    box: Box
    ada: str
    bob: str
    hers: Kernel
    his: Kernel
    pid: int
    """Of Ada's kernel."""

    def targets(self) -> dict[str, Any]:
        account, data = self.box.account(self.ada), self.box.data
        sockets = Path(f"/run/perijove/{account.pw_uid}")
        port, prefix = self.box.port(self.ada), f"/user/{self.ada}/"
        inside = [str(it) for it in (*data.rglob("*"), *sockets.iterdir())]
        tag = self.box.machine.tag
        pages = [
            "lab", "tree", "files/secret.txt", "api/contents", "api/contents/secret.txt",
            "api/kernels", "api/sessions", "api/terminals", "api/status", "api/me",
        ]  # fmt: skip
        return {
            "paths": [
                account.pw_dir, f"{account.pw_dir}/secret.txt", f"{account.pw_dir}/.bashrc",
                f"/tmp/{tag}.txt", f"/dev/shm/{tag}.txt", str(sockets), str(data),
                str(self.box.file), *inside,
            ],
            "pids": [*self.box.pids(self.ada), *self.box.told["pids"].values(), *launchers(self)],
            "sockets": [str(it) for it in sockets.iterdir() if it.is_socket()],
            "pages": [[port, f"{prefix}{page}"] for page in pages],
            "headers": {"Authorization": f"token {self.box.token(self.bob)}"},
            "uid": account.pw_uid,
            "gid": account.pw_gid,
        }  # fmt: skip


def launchers(scene: Scene) -> list[int]:
    files = scene.box.data.glob("workloads/*/pid")
    return [int(it.read_text().split()[0]) for it in files]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can make accounts and become them")
    with open_box() as box, ExitStack() as kernels:
        box.start()
        ada, bob = box.person("ada"), box.person("bob")
        hers, his = (kernels.enter_context(box.kernel(it)) for it in (ada, bob))
        pid = int(hers.run(MAKES.replace("{tag}", box.machine.tag)))
        yield Scene(box, ada, bob, hers, his, pid)
        for folder in ("/tmp", "/dev/shm"):
            Path(folder, f"{box.machine.tag}.txt").unlink(missing_ok=True)
        assert box.stop() == 0


def test_every_server_and_kernel_runs_as_the_account_of_its_person(scene: Scene) -> None:
    for name, kernel in ((scene.ada, scene.hers), (scene.bob, scene.his)):
        account = scene.box.account(name)
        said = kernel.run("import os, getpass; print(os.getuid(), getpass.getuser(), os.getcwd())")
        assert said.split() == [str(account.pw_uid), account.pw_name, account.pw_dir]
        assert Path(f"/proc/{scene.box.server_pid(name)}").stat().st_uid == account.pw_uid
    uids = {scene.box.account(it).pw_uid for it in (scene.ada, scene.bob)}
    assert len(uids) == 2
    assert 0 not in uids


def probe(scene: Scene, by: str) -> dict[str, Any]:
    """Return what the probe could do; `by`: in whose kernel, or root."""
    folder = scene.box.folder
    targets = folder / "targets.json"
    targets.write_text(json.dumps(scene.targets()))
    targets.chmod(0o644)
    script = folder / "probe.py"
    script.write_text(PROBE.read_text())
    script.chmod(0o644)
    if by == "root":
        return dict(json.loads(run(sys.executable, str(script), str(targets))))
    code = f"""
import subprocess, sys
command = [sys.executable, {str(script)!r}, {str(targets)!r}]
print(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
"""
    kernel = scene.his if by == "bob" else scene.hers
    return dict(json.loads(kernel.run(code, patience=300)))


def test_bob_gets_at_nothing_of_adas_nor_of_the_hubs(scene: Scene) -> None:
    """With everything that a program can try as him; root, who tries the same, gets at all."""
    found = probe(scene, "bob")
    assert found["uid"] == scene.box.account(scene.bob).pw_uid
    assert found["tried"] > 150
    world = {f"read /proc/{pid}/task" for pid in scene.targets()["pids"]}
    assert set(found["done"]) - world == set(), "besides that there are such processes, as `ps`"
    root = probe(scene, "root")
    refused = {it for it in root["done"] if it.split()[0] in {"read", "connect", "signal"}}
    assert len(refused) > 80, "the probe can do what it is for"
    assert f"read {scene.box.account(scene.ada).pw_dir}/secret.txt" in refused
    assert f"read /proc/{scene.pid}/environ" in refused
    assert f"read /proc/{scene.pid}/mem" in refused
    assert f"ptrace {scene.pid}" in root["done"]
    assert [it for it in refused if it.startswith("connect ")]
    assert [it for it in refused if it.endswith("perijove.sqlite")]
    assert [it for it in refused if it.endswith("secrets/cookie")]


def test_ada_gets_at_what_is_hers_and_not_at_what_the_hub_keeps_of_her(scene: Scene) -> None:
    done = set(probe(scene, "ada")["done"])
    home = scene.box.account(scene.ada).pw_dir
    assert {f"read {home}/secret.txt", f"write {home}", f"read /proc/{scene.pid}/environ"} <= done
    assert not [it for it in done if str(scene.box.data) in it], "not even the log of her server"
    assert not {"setuid 0", "setgroups"} & done
    pages = [it for it in done if it.startswith("get ")]
    assert pages == [], "with the token of Bob"


LISTENS = """
import time, zmq
heard, context = [], zmq.Context()
for address in {addresses}:
    it = context.socket(zmq.SUB)
    it.setsockopt(zmq.SUBSCRIBE, b"")
    it.setsockopt(zmq.LINGER, 0)
    it.connect(address)
    heard.append(it)
end = time.time() + 5
said = b""
while time.time() < end and b"something" not in said:
    print("something", flush=True)
    for it in heard:
        if it.poll(50):
            said += b"".join(it.recv_multipart())
for it in heard:
    it.close()
print("HEARD" if b"something" in said else "NOTHING")
"""


def test_nobody_can_listen_to_a_kernel(scene: Scene) -> None:
    """Who can connect to the iopub of a kernel reads all that it prints: it is a file, not a port.

    One port of it is left, on which ipykernel takes the output of processes: it says nothing.
    """
    account = scene.box.account(scene.ada)
    folder = Path(f"/run/perijove/{account.pw_uid}")
    assert folder.stat().st_mode & 0o777 == 0o700
    files = [f"ipc://{it}" for it in folder.iterdir() if it.is_socket()]
    assert len(files) >= 5
    ports = listening(account.pw_uid) - {scene.box.port(scene.ada)}
    assert len(ports) <= 1
    addresses = [*files, *(f"tcp://127.0.0.1:{port}" for port in ports)]
    hers = scene.hers.run(LISTENS.format(addresses=files))
    assert hers.endswith("HEARD\n"), "she can listen to herself"
    call = scene.hers.begin(
        "import time\nfor i in range(80): print('something', flush=True); time.sleep(0.1)"
    )
    assert scene.his.run(LISTENS.format(addresses=addresses)).endswith("NOTHING\n")
    assert call
    scene.hers.run("")


def test_the_token_of_a_server_is_its_owners_alone(scene: Scene) -> None:
    """Bob can ask Ada's server, but it lets in nobody without a token that opens it."""
    port = scene.box.port(scene.ada)
    ask = f"""
import http.client, json
def ask(headers):
    it = http.client.HTTPConnection("127.0.0.1", {port}, timeout=20)
    it.request("GET", "/user/{scene.ada}/api/contents/secret.txt", headers=headers)
    return it.getresponse().status
import os
own = os.environ["JUPYTERHUB_API_TOKEN"]
"""
    tries = ["{}", "{'Authorization': f'token {own}'}", "{'Authorization': 'token x'}"]
    for headers in tries:
        assert scene.his.run(f"{ask}\nprint(ask({headers}))").strip() == "403"
    hers = {"Authorization": f"token {scene.box.token(scene.ada)}"}
    status, body = scene.box.ask("GET", f"/user/{scene.ada}/api/contents/secret.txt", hers)
    assert (status, json.loads(body)["content"]) == (200, SECRET), "she gets in"


def test_nothing_of_the_data_directory_is_open_by_its_own_mode(scene: Scene) -> None:
    """Also if somebody opens the directory itself, as on a disk that others must reach."""
    kept = [it for it in open_to_others(scene.box.data) if "/run/" not in it]
    assert [it for it in kept if Path(it).parent == scene.box.data] == []


def test_what_both_are_given_is_theirs_to_share(scene: Scene) -> None:
    """A group in Perijove is one of Unix, from the next start on."""
    box, group = scene.box, scene.box.machine.name("phys")
    assert box.hub("POST", f"/groups/{group}")[0] == 201
    assert box.hub("POST", f"/groups/{group}/users", {"users": [scene.ada]})[0] == 200
    carol = box.machine.name("carol")
    assert box.hub("POST", f"/users/{carol}")[0] == 201
    assert box.hub("POST", f"/groups/{group}/users", {"users": [carol]})[0] == 200
    shared = box.folder / "shared"
    box.person("carol")
    with box.kernel(carol) as kernel:
        run("install", "-d", "-m", "2770", "-g", f"jupyter_{group}", str(shared))
        kernel.run(
            f"open('{shared}/plan', 'w').write('x'); import os; os.chmod('{shared}/plan', 0o640)"
        )
    assert (shared / "plan").stat().st_uid == box.account(carol).pw_uid
    with pytest.raises(AssertionError, match="Permission denied"):
        scene.his.run(f"open('{shared}/plan')")


def test_a_kernel_cannot_become_root_whatever_sudo_says(scene: Scene) -> None:
    said = scene.his.run("print([it for it in open('/proc/self/status') if 'NoNewPrivs' in it])")
    assert "1" in said
    su = subprocess.run(["which", "su"], capture_output=True, check=False).returncode == 0
    if su:
        code = "import subprocess; print(subprocess.run(['su','-c','id'], input=b'x').returncode)"
        assert scene.his.run(code).strip() != "0"


def test_up_says_what_it_does_and_doctor_agrees(scene: Scene) -> None:
    box = scene.box
    assert "share" not in box.err
    command = [str(box.program.python), "-m", "perijove", "doctor", "--data", str(box.data)]
    done = subprocess.run(
        [*command, "-f", str(box.file), "-o", "json"],
        capture_output=True, text=True, check=False, env=box.program.environment, timeout=180,
    )  # fmt: skip
    findings = {it["check"]: it for it in json.loads(done.stdout)["findings"]}
    assert findings["accounts"]["code"] == "accounts.good", findings["accounts"]
    assert findings["start"]["health"] == "good", findings["start"]
    left = run("getent", "passwd")
    assert "perijove-doctor-" not in left, "the account of the trial is gone"
    box.file.chmod(0o644)
    done = subprocess.run(
        [*command, "-f", str(box.file), "-o", "json", "--no-start"],
        capture_output=True, text=True, check=False, env=box.program.environment, timeout=180,
    )  # fmt: skip
    box.file.chmod(0o600)
    findings = {it["check"]: it for it in json.loads(done.stdout)["findings"]}
    assert findings["accounts"]["code"] == "accounts.file-open"
    assert str(box.file) in findings["accounts"]["remedy"]


def test_a_deleted_person_leaves_files_and_a_locked_account(scene: Scene) -> None:
    box = scene.box
    dora = box.person("dora")
    account = box.account(dora)
    with box.kernel(dora) as kernel:
        kernel.run("open('work', 'w').write('kept')")
    assert box.hub("GET", "/info")[1]["homes"] == "kept"
    until(lambda: box.hub("DELETE", f"/users/{dora}")[0] == 204, "deleted")
    assert (Path(account.pw_dir) / "work").read_text() == "kept"
    assert run("getent", "shadow", account.pw_name).split(":")[7] == "1"
    assert run("pgrep", "-U", str(account.pw_uid), check=False) == ""
    assert box.hub("POST", f"/users/{dora}")[0] == 201
    box.person("dora")
    with box.kernel(dora) as kernel:
        who, there = kernel.run("import os, getpass; print(getpass.getuser(), os.listdir())").split(
            " ", 1
        )
    assert who == f"{account.pw_name[:26]}---1"[:32] or who.endswith("---1")
    assert "work" not in there

"""The unit of `perijove install-service` under a real systemd, which boots here for the test."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.accounts.program import Program, program
from tests.databases import MUST
from tests.e2e.box import until

BOOT = Path(__file__).with_name("boot.sh")
SYSTEMD = Path("/lib/systemd/systemd")
ALONE = ("unshare", "--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup",
         "--kill-child")  # fmt: skip
SCRIPT = """
set -x
cd /run/test
{python} - <<'UP'
import fcntl, socket, struct
# `lo` is down in a new network: SIOCSIFFLAGS, IFF_UP; see netdevice(7)
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))
UP
export PYTHONPATH={source} LC_ALL=C.UTF-8
perijove() {{ {bin}/perijove "$@"; }}
with_the_source() {{
  sed -i "s#^Type=exec#&\\nEnvironment=PYTHONPATH={source}#" /etc/systemd/system/perijove.service
}}
{script}
"""


class Machine:
    """A machine that boots, does what a script says, and is thrown away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program: Program = program(folder)
        (folder / "root").mkdir()
        self.group = _cgroup(folder.name)

    def run(self, script: str) -> str:
        """Return what `script` says, each command before what it prints, as bash -x does."""
        it = self.program
        text = SCRIPT.format(
            python=it.python, source=it.source, bin=it.python.parent, script=textwrap.dedent(script)
        )
        (self.folder / "inside.sh").write_text(text)
        enter = f'echo 0 > {self.group}/cgroup.procs; exec "$@"'
        command = ["sh", "-c", enter, "sh", *ALONE, "bash", str(BOOT), str(self.folder)]
        with (self.folder / "boot").open("wb") as boot:
            booted = subprocess.Popen(command, stdout=boot, stderr=boot, stdin=subprocess.DEVNULL)
        try:
            done = self.folder / "done"
            until(lambda: done.exists() or booted.poll() is not None, "the script ends", 600)
            if not done.exists() and not (self.folder / "log").exists():
                pytest.skip(f"NOT TESTED: no systemd can be booted here: {self.said('boot')}")
        finally:
            booted.send_signal(signal.SIGKILL)
            booted.wait()
        return self.said("log")

    def said(self, name: str) -> str:
        return (self.folder / name).read_text()


def _cgroup(name: str) -> Path:
    """Return a new control group (version 2) for all of the machine."""
    unified = Path("/sys/fs/cgroup/unified")
    group = (unified if unified.is_dir() else Path("/sys/fs/cgroup")) / name
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"NOT TESTED: no control group for a systemd can be made here: {error}")
    return group


@pytest.fixture
def machine() -> Iterator[Machine]:
    if not SYSTEMD.exists():
        if MUST:
            pytest.fail("systemd is not here: CI installs Debian's package systemd")
        pytest.skip("NOT TESTED: systemd is not here (Debian's package systemd)")
    folder = Path(tempfile.mkdtemp(prefix="pj-boot-", dir="/var/tmp"))
    folder.chmod(0o755)
    it = Machine(folder)
    yield it
    shutil.rmtree(folder, ignore_errors=True)
    until(lambda: _gone(it.group), "the control group is empty")


def _gone(group: Path) -> bool:
    """Remove a control group with those below it, as far as nobody is in them."""
    for folder, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()
    return not group.exists()


def after(log: str, command: str) -> str:
    """Return what a command has printed, the last time that it was run."""
    part = log.rpartition(f"+ {command}\n")[2]
    assert part != log, f"{command} was not run:\n{log}"
    return part.partition("\n+ ")[0]


def test_as_an_account_it_starts_reloads_and_leaves_servers_running(machine: Machine) -> None:
    log = machine.run("""
        echo 'cull: {timeout: 60}' > lab.yaml
        useradd --system --home-dir /var/lib/perijove --shell /bin/bash perijove
        perijove install-service -f /run/test/lab.yaml --user perijove
        with_the_source
        systemctl daemon-reload
        systemctl start perijove
        until perijove status --data /var/lib/perijove; do sleep 0.5; done
        pid=$(systemctl show -p MainPID --value perijove)
        grep -E '^(Uid|CapBnd|CapAmb|NoNewPrivs):' /proc/$pid/status
        perijove user add ada --data /var/lib/perijove
        perijove server start ada --data /var/lib/perijove
        pgrep -f perijove-singleuser -u perijove > first
        echo 'cull: {timeout: 90}' > lab.yaml
        systemctl reload perijove
        : reloaded $?
        echo 'cull: {tiemout: 90}' > lab.yaml
        systemctl reload perijove
        : reloaded $?
        echo 'cull: {timeout: 90}' > lab.yaml
        systemctl restart perijove
        until perijove status --data /var/lib/perijove; do sleep 0.5; done
        systemctl stop perijove
        pgrep -f perijove-singleuser -u perijove > second
        cmp first second
        : same $?
        stat -c '%a %U' /var/lib/perijove
        echo 'cull: {tiemout: 90}' > lab.yaml
        systemctl start perijove
        sleep 4
        systemctl show -p NRestarts -p ExecMainStatus perijove
    """)
    status = re.findall(r"^(\w+):\s*(.*)$", log, re.MULTILINE)
    facts = dict(status)
    assert facts["CapBnd"] == facts["CapAmb"] == "0" * 16, log
    assert facts["NoNewPrivs"] == "1"
    assert facts["Uid"].split()[0] != "0"
    assert "100%  Server ready at /user/ada/" in log
    assert "1 running" in after(log, "perijove status --data /var/lib/perijove"), (
        "after the restart"
    )
    assert re.findall(r"^\+ : reloaded (\d)$", log, re.MULTILINE) == ["0", "1"], log
    assert "+ : same 0\n" in log, "the same process, over a restart and a stop"
    assert "700 perijove" in log
    assert "NRestarts=0" in log, "a wrong configuration is not tried again and again"
    assert "ExecMainStatus=2" in log
    assert "Did you mean `timeout`?" in machine.said("out")


def test_as_root_it_makes_accounts_and_people_see_nothing_of_each_other(machine: Machine) -> None:
    log = machine.run("""
        echo 'systemUsers: true' > lab.yaml
        chmod 600 lab.yaml
        perijove install-service -f /run/test/lab.yaml
        with_the_source
        systemctl daemon-reload
        systemctl start perijove
        until perijove status --data /var/lib/perijove; do sleep 0.5; done
        for person in ada bob; do
            perijove user add $person --data /var/lib/perijove
        done
        perijove group add physics ada --data /var/lib/perijove
        perijove server start ada --data /var/lib/perijove
        perijove server start bob --data /var/lib/perijove
        id -Gn jupyter-ada
        stat -c '%a %U' /home/jupyter-ada /home/jupyter-bob
        ada=$(pgrep -f perijove-singleuser -u jupyter-ada)
        bob=$(pgrep -f perijove-singleuser -u jupyter-bob)
        grep -E '^(CapBnd|NoNewPrivs):' /proc/$ada/status
        ids="--reuid $(id -u jupyter-bob) --regid $(id -g jupyter-bob)"
        as_bob() { nsenter -t $bob -m -r setpriv $ids --clear-groups "$@"; }
        as_bob ls /proc/$bob/cmdline
        as_bob ls /proc/$ada/cmdline
        as_bob cat /proc/$bob/environ > /dev/null
        : own $?
        systemctl restart perijove
        until perijove status --data /var/lib/perijove; do sleep 0.5; done
        perijove doctor -f lab.yaml --data /var/lib/perijove
        perijove server stop bob --data /var/lib/perijove
        while kill -0 $bob; do sleep 0.2; done
        perijove user remove ada --yes --data /var/lib/perijove
        getent shadow jupyter-ada
        systemctl stop perijove
        stat -c '%a %U:%G' /etc/passwd /etc/shadow
        ls /home
    """)
    assert log.count("100%  Server ready at") == 2, log
    assert after(log, "id -Gn jupyter-ada") == "jupyter-ada jupyter_physics"
    assert "700 jupyter-ada\n700 jupyter-bob" in log
    assert re.search(r"^NoNewPrivs:\s*1$", log, re.MULTILINE)
    assert re.search(r"^/proc/\d+/cmdline$", log, re.MULTILINE), "he sees his own"
    assert re.search(r"cannot access '/proc/\d+/cmdline'", log), "that there is a process of hers"
    assert "+ : own 0\n" in log
    doctor = after(log, "perijove doctor -f lab.yaml --data /var/lib/perijove")
    assert "Every person's servers run as a Unix account of their own." in doctor
    assert "✓ start" in doctor, doctor
    assert "✗" not in doctor
    assert "ada is deleted. Their files are kept." in log
    assert ":1:" in after(log, "getent shadow jupyter-ada"), "locked"
    assert "644 root:root" in log
    assert "640 root:shadow" in log
    assert "doctor" not in log.rpartition("+ ls /home")[2], "no account of the trial is left"

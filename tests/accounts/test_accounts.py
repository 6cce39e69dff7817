"""People as Unix accounts: made once, whatever comes in between; who is whose; what is refused."""

import asyncio
import grp
import os
import pwd
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perijove.model.errors import Refused
from perijove.model.placement import Placement
from perijove.model.trash import Label
from perijove.model.workload import OLD_HOME, LaunchSpec, Observation, Origin, State
from perijove.spawners.accounts import GIVEN, Accounts
from perijove.spawners.bounds import Rlimits
from perijove.spawners.directory import Directory
from perijove.spawners.process import ProcessSpawner
from tests.accounts.machine import Machine, run
from tests.ports import free_port

PORT = free_port()
SLEEP = ("sleep", "60")


@dataclass
class Lab:
    """One machine with a spawner whose people have accounts."""

    machine: Machine
    folder: Path
    groups: dict[int, set[str]] = field(default_factory=dict)

    def spawner(self, **given: str) -> ProcessSpawner:
        async def groups_of(person: int) -> set[str]:
            return self.groups.get(person, set())

        return ProcessSpawner(
            self.folder / "workloads", self.machine.instance, self.folder / "homes",
            traits={GIVEN: given}, groups_of=groups_of,
        )  # fmt: skip

    def home(self, word: str = "ada", person: int = 7) -> str:
        return f"{person}-{self.machine.name(word)}"

    def spec(self, *command: str, home: str = "") -> LaunchSpec:
        home = home or self.home()
        person, user = home.split("-", 1)
        origin = Origin(
            instance=self.machine.instance, incarnation=1, user=user, server="", port=PORT,
            user_id=int(person), home=home,
        )  # fmt: skip
        return LaunchSpec(name=f"srv-{home}", origin=origin, command=command or SLEEP)

    def placement(self) -> Placement:
        return Placement(workload="w", port=PORT, client="c", home=self.home())

    def label(self) -> Label:
        return Label(user=self.machine.name("ada"), user_id=7, at=datetime.now(UTC))

    def account(self, home: str = "") -> pwd.struct_passwd:
        """Return the account that was made for the person of `home`."""
        mark = f"Perijove person {(home or self.home()).split('-')[0]} of {self.machine.instance}"
        (found,) = (it for it in pwd.getpwall() if it.pw_gecos == mark)
        return found


@pytest.fixture
async def lab(machine: Machine, tmp_path: Path) -> AsyncIterator[Lab]:
    (tmp_path / "workloads").mkdir()
    it = Lab(machine, tmp_path)
    yield it
    for path in (tmp_path / "workloads").iterdir():
        await ended(it.spawner(), path.name)


async def until(it: ProcessSpawner, name: str, state: State) -> Observation:
    async with asyncio.timeout(20):
        while (seen := await it.poll(name)).state is not state:
            await asyncio.sleep(0.02)
    return seen


async def ended(it: ProcessSpawner, name: str) -> None:
    async with asyncio.timeout(20):
        while (seen := await it.poll(name)).state is not State.GONE:
            await it.stop(name, seen.incarnation, force=True)
            await asyncio.sleep(0.02)


async def said(it: ProcessSpawner, spec: LaunchSpec) -> list[str]:
    """Return what a workload says until its end; it is gone then."""
    await it.ensure_storage(spec)
    await it.start(spec)
    seen = await until(it, spec.name, State.EXITED)
    lines = (await it.logs(spec.name)).splitlines()
    assert seen.exit_code == 0, lines
    await ended(it, spec.name)
    return lines


async def test_a_server_runs_as_the_account_of_its_person_and_can_become_nobody_else(
    lab: Lab,
) -> None:
    group = lab.machine.name("phys")
    lab.groups[7] = {group}
    script = """
        id -un; id -u; id -G; pwd; umask; echo "$HOME $USER $LOGNAME"
        grep -E "^(NoNewPrivs|CapEff|CapBnd|CapAmb):" /proc/self/status | tr -s "\\t\\n" "  "; echo
        echo kept > file; stat -c %a file; echo "$JUPYTER_RUNTIME_DIR"
        ls -l /proc/self/fd | wc -l; echo told >> /dev/stderr
    """
    who, uid, gids, place, mask, named, rights, mode, sockets, files, told = await said(
        lab.spawner(), lab.spec("/bin/sh", "-c", textwrap.dedent(script))
    )
    account = lab.account()
    name = f"jupyter-{lab.machine.name('ada')}"
    assert (who, account.pw_name) == (name, name)
    assert int(uid) == account.pw_uid >= 1000
    assert set(map(int, gids.split())) == {account.pw_gid, grp.getgrnam(f"jupyter_{group}").gr_gid}
    assert place == account.pw_dir == f"/home/{name}"
    assert named == f"{place} {name} {name}"
    assert int(mask, 8) == 0o077
    assert "NoNewPrivs: 1" in rights
    assert "CapEff: 0000000000000000" in rights
    assert "CapAmb: 0000000000000000" in rights
    assert mode == "600"
    assert sockets == f"/run/perijove/{uid}"
    assert int(files) <= 6, "total, and stdin, stdout, stderr, and that of ls: nothing of the hub"
    assert told == "told"


async def test_where_nobody_counts_processes_each_account_has_its_limit(lab: Lab) -> None:
    script = 'for n in 1 2 3 4 5 6 7 8; do sleep 60 & done; echo "all"'
    spec = replace(lab.spec("/bin/sh", "-c", script), overrides={"pids_limit": 4})
    it = lab.spawner()
    it.__dict__["bounds"] = Rlimits()
    await it.ensure_storage(spec)
    await it.start(spec)
    seen = await until(it, spec.name, State.EXITED)
    assert seen.exit_code != 0
    log = await it.logs(spec.name)
    assert "fork" in log
    assert "all" not in log


async def test_a_rescue_start_has_an_empty_home_that_is_theirs_alone(lab: Lab) -> None:
    await said(lab.spawner(), lab.spec("/bin/sh", "-c", "echo kept > work"))
    script = 'pwd; echo "$HOME"; id -un; stat -c "%a %U" . .jupyter README.txt; cat old-home/work'
    place, home, who, *owned, kept = await said(
        lab.spawner(), replace(lab.spec("/bin/sh", "-c", script), rescue=True)
    )
    account = lab.account()
    assert place == home != account.pw_dir
    assert owned == [f"700 {who}", f"700 {who}", f"644 {who}"]
    assert (who, kept) == (account.pw_name, "kept")
    assert not Path(place).exists(), "it goes with the workload"
    assert (Path(account.pw_dir) / "work").exists()


async def test_an_account_has_no_password_and_a_home_of_its_own(lab: Lab) -> None:
    await lab.spawner().ensure_storage(lab.spec())
    account = lab.account()
    shadow = run("getent", "shadow", account.pw_name).split(":")[1]
    assert shadow.startswith(("!", "*")), "nobody can sign in with a password"
    home = Path(account.pw_dir)
    for path in (home, *home.rglob("*"), Path(f"/run/perijove/{account.pw_uid}")):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (account.pw_uid, account.pw_gid), path
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {it.name for it in home.iterdir()} == {it.name for it in Path("/etc/skel").iterdir()}
    assert not (lab.folder / "homes" / lab.home()).exists()


async def test_made_again_nothing_changes_whoever_asks(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab.groups[7] = {lab.machine.name("phys")}
    await lab.spawner().ensure_storage(lab.spec())
    account = lab.account()
    (Path(account.pw_dir) / "work").write_text("kept")
    monkeypatch.setattr("perijove.spawners.passwd.SEARCHED", str(tmp_path))  # no useradd is there
    for _ in range(3):
        await lab.spawner().ensure_storage(lab.spec())
    assert lab.account() == account
    assert (Path(account.pw_dir) / "work").read_text() == "kept"


async def test_ten_that_ask_at_once_make_one(lab: Lab) -> None:
    lab.groups[7] = {lab.machine.name("phys")}
    await asyncio.gather(*(lab.spawner().ensure_storage(lab.spec()) for _ in range(10)))
    assert lab.account().pw_name == f"jupyter-{lab.machine.name('ada')}"


async def test_a_name_that_is_taken_gives_another_account_for_ever(lab: Lab) -> None:
    """Of a stranger, of a deleted person: who comes later gets none of what they have."""
    first, second = lab.home(person=7), lab.home(person=12)
    plain = f"jupyter-{lab.machine.name('ada')}"
    stranger = lab.machine.account(plain, "--create-home")
    for home in (first, second):
        await lab.spawner().ensure_storage(lab.spec(home=home))
    names = [lab.account(home).pw_name for home in (first, second)]
    assert names == [f"{plain}---1", f"{plain}---2"]
    assert {lab.account(it).pw_uid for it in (first, second)}.isdisjoint({stranger.pw_uid})
    run("userdel", "--remove", plain)
    await lab.spawner().ensure_storage(lab.spec(home=first))
    await lab.spawner().ensure_storage(lab.spec(home=second))
    assert [lab.account(home).pw_name for home in (first, second)] == names
    another = replace(lab, machine=Machine(lab.machine.tag))
    another.machine.__class__ = type("Other", (Machine,), {"instance": f"other{lab.machine.tag}"})
    await another.spawner().ensure_storage(another.spec(home=first))
    assert another.account(first).pw_name == plain, "free again, and another Perijove's"


async def test_a_long_or_foreign_name_is_a_good_name_for_an_account(lab: Lab) -> None:
    long = f"7-{lab.machine.name('a' * 17)}"
    assert len(long) == 2 + 24
    lab.machine.account(f"jupyter-{long[2:]}")
    await lab.spawner().ensure_storage(lab.spec(home=long))
    name = lab.account(long).pw_name
    assert name.endswith("---1")
    assert len(name) == 32


@pytest.mark.parametrize("home", ["", "ada", "7-", "7-../x", "7-a b", "x-ada", "7-Ada", "7-a/b"])
async def test_what_is_no_home_of_a_person_is_refused(lab: Lab, home: str) -> None:
    origin = replace(lab.spec().origin, home=home)
    with pytest.raises(Refused):
        await lab.spawner().ensure_storage(replace(lab.spec(), origin=origin))


KILLED = """
    import asyncio, os, shutil, signal, sys
    from perijove.model.workload import Origin
    from perijove.spawners import accounts, housing, passwd

    instance, home, step, when, group = sys.argv[1:]
    left = [int(step)]
    def deadly(module, name):
        real = getattr(module, name)
        def call(*given, **more):
            left[0] -= 1
            if not left[0] and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            done = real(*given, **more)
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return done
        setattr(module, name, call)
    deadly(passwd, "_run")
    for name in ("chown", "fchown", "fchmod"):
        deadly(os, name)
    deadly(shutil, "copytree")
    deadly(housing.Path, "rename")
    deadly(housing.Path, "chmod")
    deadly(accounts.Path, "mkdir")

    async def groups(_): return {group}
    person, user = home.split("-", 1)
    origin = Origin(instance=instance, incarnation=1, user=user, server="", port=1, home=home)
    asyncio.run(accounts.Accounts(instance, groups, {}).make(origin))
"""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_step_it_goes_on_the_next_time(lab: Lab, when: str) -> None:
    """kill -9 at the first step, the second, …, until one run comes to its end."""
    group = lab.machine.name("phys")
    for step in range(1, 100):
        home = lab.home(f"k{step}", person=step)
        command = [sys.executable, "-c", textwrap.dedent(KILLED), lab.machine.instance, home]
        done = await asyncio.to_thread(
            subprocess.run, [*command, str(step), when, group],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        lab.groups[step] = {group}
        who, gids, mode = await said(
            lab.spawner(),
            lab.spec("/bin/sh", "-c", "id -un; id -Gn; stat -c '%a %U %G' .", home=home),
        )
        assert who == f"jupyter-{lab.machine.name(f'k{step}')}", "no second account was made"
        assert gids.split() == [who, f"jupyter_{group}"]
        assert mode == f"700 {who} {who}"
        assert not list(Path("/home").glob(f".*{lab.machine.tag}*"))
        if not done.returncode:
            break
    assert 8 < step < 99, step


async def test_a_launcher_that_is_killed_takes_its_server_with_it(lab: Lab) -> None:
    """A change of account makes the kernel forget whose death is ours."""
    spawner, spec = lab.spawner(), lab.spec()
    await spawner.ensure_storage(spec)
    await spawner.start(spec)
    await until(spawner, spec.name, State.UP)
    directory = Directory(lab.folder / "workloads" / spec.name)
    async with asyncio.timeout(30):
        while not (pids := run("pgrep", "-U", str(lab.account().pw_uid), check=False).split()):
            await asyncio.sleep(0.02)
    launcher = await asyncio.to_thread(directory.pid)
    assert launcher is not None
    assert Path(f"/proc/{launcher.pid}").stat().st_uid == 0, "who keeps it stays root"
    assert Path(f"/proc/{pids[0]}").stat().st_uid == lab.account().pw_uid
    os.kill(launcher.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while Path(f"/proc/{pids[0]}").exists():
            await asyncio.sleep(0.02)


async def test_a_home_of_somebody_else_is_left_alone(lab: Lab) -> None:
    await lab.spawner().ensure_storage(lab.spec())
    account = lab.account()
    home = Path(account.pw_dir)
    (home / "work").write_text("of somebody")
    os.chown(home, 1, 1)
    with pytest.raises(Refused) as refused:
        await lab.spawner().ensure_storage(lab.spec())
    assert refused.value.code == "account.home-owner"
    assert refused.value.params == {"account": account.pw_name, "owner": "daemon"}
    assert home.stat().st_uid == 1
    os.chown(home, 0, 0)
    with pytest.raises(Refused, match="home-owner"):
        await lab.spawner().ensure_storage(lab.spec())
    assert home.stat().st_uid == 0, "not empty: whose files are these?"
    assert (home / "work").read_text() == "of somebody"


async def test_an_empty_home_of_roots_becomes_theirs_and_a_lost_one_is_made_again(lab: Lab) -> None:
    await lab.spawner().ensure_storage(lab.spec())
    account, home = lab.account(), Path(lab.account().pw_dir)
    run("rm", "-rf", str(home))
    home.mkdir(mode=0o755)
    await lab.spawner().ensure_storage(lab.spec())
    assert (home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)) == (account.pw_uid, 0o700)
    home.chmod(0o755)
    await lab.spawner().ensure_storage(lab.spec())
    assert stat.S_IMODE(home.stat().st_mode) == 0o700, "nobody else reads it, whoever opened it"
    home.rmdir()
    await lab.spawner().ensure_storage(lab.spec())
    assert home.stat().st_uid == account.pw_uid


@pytest.mark.parametrize("kind", ["link", "file"])
async def test_a_home_that_is_no_folder_is_refused(lab: Lab, tmp_path: Path, kind: str) -> None:
    await lab.spawner().ensure_storage(lab.spec())
    home = Path(lab.account().pw_dir)
    run("rm", "-rf", str(home))
    if kind == "link":
        home.symlink_to(tmp_path)
    else:
        home.write_text("x")
    with pytest.raises(Refused, match=r"account\.no-home"):
        await lab.spawner().ensure_storage(lab.spec())
    assert tmp_path.stat().st_uid == 0


async def test_groups_are_joined_and_left_and_those_of_the_machine_stay(lab: Lab) -> None:
    one, other, own = (lab.machine.name(it) for it in ("one", "other", "video"))
    lab.groups[7] = {one, "二年级物理" + lab.machine.tag}
    await lab.spawner().ensure_storage(lab.spec())
    account = lab.account()
    lab.machine.group(own)
    run("usermod", "--append", "--groups", own, account.pw_name)
    lab.groups[7] = {other}
    (names,) = await said(lab.spawner(), lab.spec("id", "-Gn"))
    assert set(names.split()) == {account.pw_name, own, f"jupyter_{other}"}
    assert not grp.getgrnam(f"jupyter_{one}").gr_mem
    for group in [it.gr_name for it in grp.getgrall() if it.gr_name.startswith("jupyter_")]:
        if group.endswith(tuple("0123456789abcdef")) and not grp.getgrnam(group).gr_mem:
            run("groupdel", group, check=False)


async def test_an_account_that_is_theirs_already_is_used_as_it_is(lab: Lab) -> None:
    name = lab.machine.name("grace")
    account = lab.machine.account(name, "--create-home", "--shell", "/bin/sh")
    Path(account.pw_dir).chmod(0o750)
    spawner = lab.spawner(**{lab.machine.name("ada"): name})
    who, place = await said(spawner, lab.spec("/bin/sh", "-c", "id -un; pwd"))
    assert (who, place) == (name, account.pw_dir)
    assert stat.S_IMODE(Path(account.pw_dir).stat().st_mode) == 0o750, "it is theirs to say"
    assert not [it for it in pwd.getpwall() if lab.machine.instance in it.pw_gecos]
    await spawner.remove_storage(lab.placement(), lab.label())
    assert run("getent", "shadow", name).split(":")[7] == "", "it is not locked, either"


@pytest.fixture
def given(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield an account that no server may run as, by what is wrong with it."""
    name = lab.machine.name("own")
    match request.param:
        case "account.missing":
            yield name
        case "account.system":
            yield "daemon"
        case "account.no-home":
            lab.machine.account(name, "--no-create-home")
            yield name
        case "account.privileged":
            lab.machine.account(name, "--create-home", "--groups", "disk")
            yield name
        case "account.home-owner":
            lab.machine.account(name, "--create-home")
            os.chown(f"/home/{name}", 1, 1)
            yield name
        case "account.taken":
            mark = f"Perijove person 99 of {lab.machine.instance}"
            lab.machine.account(name, "--create-home", "--comment", mark)
            yield name
        case _:
            raise AssertionError(request.param)


CODES = ["missing", "system", "no-home", "privileged", "home-owner", "taken"]


@pytest.mark.parametrize("given", [f"account.{it}" for it in CODES], indirect=True)
async def test_an_account_that_may_not_be_used_is_refused(
    lab: Lab, given: str, request: pytest.FixtureRequest
) -> None:
    spawner = lab.spawner(**{lab.machine.name("ada"): given})
    with pytest.raises(Refused) as refused:
        await spawner.ensure_storage(lab.spec())
    assert refused.value.code == request.node.callspec.params["given"]
    assert refused.value.params["account"] == given
    spawner.renew({GIVEN: {}})
    await spawner.ensure_storage(lab.spec())
    assert lab.account().pw_name == f"jupyter-{lab.machine.name('ada')}"


async def test_the_account_of_a_deleted_person_keeps_its_files_and_lets_nobody_in(
    lab: Lab,
) -> None:
    await said(lab.spawner(), lab.spec("/bin/sh", "-c", "echo kept > work"))
    account = lab.account()
    for _ in range(2):
        await lab.spawner().remove_storage(lab.placement(), lab.label())
    shadow = run("getent", "shadow", account.pw_name).split(":")
    assert shadow[1].startswith("!")
    assert shadow[7] == "1", "expired, so no key opens it, either"
    assert (Path(account.pw_dir) / "work").read_text() == "kept\n"
    await lab.spawner().ensure_storage(lab.spec(home=lab.home(person=8)))
    assert lab.account(lab.home(person=8)).pw_name != account.pw_name


async def test_an_account_that_is_gone_is_said_and_not_run_as_root(lab: Lab) -> None:
    await lab.spawner().ensure_storage(lab.spec())
    run("userdel", "--remove", lab.account().pw_name)
    with pytest.raises(FileNotFoundError):
        await lab.spawner().start(lab.spec("id"))


async def test_a_rescue_start_is_theirs_as_well(lab: Lab) -> None:
    await said(lab.spawner(), lab.spec("/bin/sh", "-c", "echo kept > work"))
    script = f"id -un; pwd; stat -c '%a %U' . .jupyter; cat {OLD_HOME}/work; touch new"
    who, place, *modes, kept = await said(
        lab.spawner(), replace(lab.spec("/bin/sh", "-c", script), rescue=True)
    )
    account = lab.account()
    assert who == account.pw_name
    assert place != account.pw_dir
    assert modes == [f"700 {account.pw_name}"] * 2
    assert kept == "kept"
    assert not Path(place).exists(), "it goes with the workload"


async def test_what_no_account_can_be_made_with_is_tried_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine whose useradd fails now, as when another holds the lock of /etc/passwd."""
    broken = tmp_path / "useradd"
    broken.write_text("#!/bin/sh\necho 'cannot lock /etc/passwd; try again later.' >&2; exit 1\n")
    broken.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr("perijove.spawners.passwd.SEARCHED", f"{tmp_path}:/usr/sbin:/usr/bin")
        with pytest.raises(OSError, match="try again later"):
            await lab.spawner().ensure_storage(lab.spec())
    await lab.spawner().ensure_storage(lab.spec())
    assert lab.account().pw_name == f"jupyter-{lab.machine.name('ada')}"


def test_the_launcher_never_becomes_root() -> None:
    script = "from perijove.spawners.launcher import become; become('0:0:0')"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ValueError" in done.stderr


async def test_accounts_without_names_make_none(lab: Lab) -> None:
    async def nothing(_: int) -> set[str]:
        return set()

    it = Accounts(lab.machine.instance, nothing, {})
    await it.retire(lab.home())
    assert not [each for each in pwd.getpwall() if lab.machine.tag in each.pw_gecos]

"""The accounts of this machine for tests: made under names of their own, and always taken away."""

import grp
import os
import pwd
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Machine:
    """What one test makes; everything it names holds `tag`."""

    tag: str = field(default_factory=lambda: f"t{secrets.token_hex(3)}")

    @property
    def instance(self) -> str:
        return f"test{self.tag}"

    def name(self, word: str) -> str:
        """Return a name for a person, an account or a group that nobody else has."""
        return f"{word}{self.tag}"

    def account(self, name: str, *options: str) -> pwd.struct_passwd:
        """Make an account as an administrator would."""
        run("useradd", *options, name)
        return pwd.getpwnam(name)

    def group(self, name: str) -> int:
        run("groupadd", name)
        return grp.getgrnam(name).gr_gid

    def take_away(self) -> None:
        """Remove every account and group with the tag, their homes, and their processes."""
        for account in pwd.getpwall():
            if self.tag in account.pw_name or self.tag in account.pw_gecos:
                subprocess.run(["pkill", "-KILL", "-U", str(account.pw_uid)], check=False)
                run("userdel", "--remove", "--force", account.pw_name, check=False)
                run("rm", "-rf", f"/run/perijove/{account.pw_uid}")
        for group in grp.getgrall():
            if self.tag in group.gr_name:
                run("groupdel", group.gr_name, check=False)
        for left in Path("/home").glob(f"*{self.tag}*"):
            with suppress(OSError):
                subprocess.run(["rm", "-rf", str(left)], check=False)


@contextmanager
def machine() -> Iterator[Machine]:
    it = Machine()
    try:
        yield it
    finally:
        it.take_away()


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check:
        assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def as_account(account: pwd.struct_passwd, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody's account, as from a terminal of theirs."""
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return subprocess.run(
        command, user=account.pw_uid, group=account.pw_gid, extra_groups=groups, cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": account.pw_dir}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip

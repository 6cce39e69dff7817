"""Unit: what systemd is told to keep Perijove running, hardened. See systemd.exec(5).

People's servers are children of the service and inherit all that it says, so it forbids what
nobody needs to work in a notebook, and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_STATE = Path("/var/lib")
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ProtectHome= hides."""
_SYSTEM = tuple(Path(it) for it in ("/usr", "/bin", "/sbin", "/lib", "/boot", "/efi", "/etc"))
"""What ProtectSystem=full makes read-only."""
_PROGRAMS = tuple(Path(it) for it in ("/usr", "/bin", "/sbin", "/lib", "/boot", "/efi"))
"""What ProtectSystem=yes does."""
_LOW = "CAP_NET_BIND_SERVICE"
_OF_ROOT = (
    "CAP_SETUID", "CAP_SETGID",  # become them
    "CAP_CHOWN", "CAP_FOWNER", "CAP_DAC_OVERRIDE",  # their homes, and the files of useradd
    "CAP_KILL", "CAP_SYS_PTRACE",  # their processes: end them; see what listens, /proc/*/fd
    "CAP_AUDIT_WRITE",  # useradd says what it does
)  # fmt: skip
_FIRST_FREE_PORT = 1024
_NO_PROGRAM = frozenset("\"'\\")


class Unwritable(Exception):
    """A value that no unit can hold; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A service on one data directory."""

    name: str
    program: Path
    """`perijove` of the environment that it is to run."""
    data: Path
    account: str | None
    """None: root, which runs everybody's servers as their own accounts."""
    file: Path | None = None
    port: int | None = None
    """As the command line says it."""
    low_port: bool = False
    """Whether it listens below 1024."""
    reads: tuple[Path, ...] = ()
    """What else must be seen: where links lead, its Python."""

    @property
    def state(self) -> str | None:
        """Return the data directory as StateDirectory= takes it: systemd makes it and owns it."""
        if self.account is None:
            return None  # with a new owner, systemd would give all that is in it to root
        below = self.data.is_relative_to(_STATE) and self.data != _STATE
        plain = ":" not in str(self.data)  # which would begin a second name of it
        return str(self.data.relative_to(_STATE)) if below and plain else None

    def text(self) -> str:
        """Return the unit file.

        Raises:
            Unwritable: a path has a character that no line can hold.
        """
        sections = (self._unit(), self._service(), self._sandbox(), _INSTALL)
        return "\n".join("\n".join(lines) + "\n" for lines in sections)

    def _unit(self) -> tuple[str, ...]:
        return (
            "# Written by `perijove install-service`; what is added with",
            f"# `systemctl edit {self.name}` stays when it is written anew.",
            "[Unit]",
            "Description=Perijove",
            "Wants=network-online.target",
            "After=network-online.target",
        )

    def _service(self) -> tuple[str, ...]:
        up: list[str] = ["up", *(("-f", str(self.file)) if self.file else ())]
        up += ["--data", str(self.data), *(("--port", str(self.port)) if self.port else ())]
        return (
            "[Service]",
            "Type=exec",
            *((f"User={self.account}",) if self.account else ()),
            *((f"StateDirectory={quoted(self.state)}", "StateDirectoryMode=0700")
              if self.state else ()),
            f"ExecStart={_command(self.program, *up, '--keep-servers')}",
            f"ExecReload={_command(self.program, 'reload', '--data', str(self.data))}",
            "Restart=on-failure",
            "RestartSec=2",
            "# A wrong configuration does not get right by itself.",
            "RestartPreventExitStatus=2",
            "# People's servers outlive a restart; who takes too much memory is ended alone.",
            "KillMode=process",
            "OOMPolicy=continue",
            "TasksMax=infinity",
            "# It makes the control groups that limit them.",
            "Delegate=yes",
            "UMask=0077",
        )  # fmt: skip

    def _sandbox(self) -> Iterator[str]:
        yield "# All of this binds people's servers, too. Not here, because they need it:"
        yield "# PrivateTmp (it would empty /tmp of servers that outlive a restart), RemoveIPC"
        yield "# (likewise), PrivateDevices (GPUs), MemoryDenyWriteExecute (numba, PyTorch),"
        yield "# PrivateNetwork, ProtectControlGroups."
        yield "NoNewPrivileges=yes"
        yield from self._of_root() if self.account is None else self._of_an_account()
        yield from _SANDBOX

    def _of_an_account(self) -> Iterator[str]:
        low = _LOW if self.low_port else ""
        yield f"CapabilityBoundingSet={low}"
        if low:
            yield f"AmbientCapabilities={low}"
        yield "ProtectSystem=full"
        yield f"ProtectHome={'read-only' if self._in_homes() else 'yes'}"
        if self._below(self.data, (*_HOMES, *_SYSTEM)):
            yield f"ReadWritePaths={quoted(str(self.data))}"
        yield "RestrictSUIDSGID=yes"

    def _of_root(self) -> Iterator[str]:
        yield "# Root makes accounts (in /etc) and homes, becomes people, and ends their servers."
        yield f"CapabilityBoundingSet={' '.join(_OF_ROOT)}{f' {_LOW}' if self.low_port else ''}"
        yield "ProtectSystem=yes"
        if self._below(self.data, _PROGRAMS):
            yield f"ReadWritePaths={quoted(str(self.data))}"

    def _in_homes(self) -> bool:
        needed = (self.program, self.data, *((self.file,) if self.file else ()), *self.reads)
        return any(self._below(path, _HOMES) for path in needed)

    @staticmethod
    def _below(path: Path, places: tuple[Path, ...]) -> bool:
        return any(path.is_relative_to(place) for place in places)


def low(port: int | None) -> bool:
    """Return whether only a capability lets a program listen there."""
    return port is not None and port < _FIRST_FREE_PORT


def quoted(text: str) -> str:
    """Return `text` as one word of a unit file. See systemd.syntax(7), systemd.unit(5).

    Raises:
        Unwritable: it cannot be one.
    """
    if not text.isprintable():
        raise Unwritable(f"{text!r} has a character that no unit file can hold")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    plain = all(it.isalnum() or it in "/._-+,@=:%" for it in text)
    return escaped if plain and text else f'"{escaped}"'


def _command(program: Path, *arguments: str) -> str:
    """Return a command line; the colon keeps systemd from reading `$` as a variable.

    Raises:
        Unwritable: systemd takes no program of that name.
    """
    if set(str(program)) & _NO_PROGRAM:
        raise Unwritable(
            f"{str(program)!r} has a quote or a backslash, so systemd refuses to run it"
        )
    words = [quoted(it) for it in (str(program), *arguments)]
    return f"{':' if any('$' in it for it in words) else ''}{' '.join(words)}"


_SANDBOX = (
    "PrivateMounts=yes",
    "ProtectProc=invisible",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "KeyringMode=private",
    "SystemCallArchitectures=native",
    "SystemCallFilter=~@clock @cpu-emulation @module @mount @obsolete @raw-io @reboot @swap",
    "SystemCallErrorNumber=EPERM",
)
_INSTALL = ("[Install]", "WantedBy=multi-user.target")

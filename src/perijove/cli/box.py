"""Box: the data directory of one machine: what lies where, its secrets, its ports, its locks."""

import json
import os
import secrets
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from perijove import __version__
from perijove.cli.hold import Hold
from perijove.cli.trouble import Trouble, with_data

FORMAT = 2
"""What this version makes of a directory, the database in it included.

A release that an earlier one could not follow raises it, so that the earlier one says so.
"""

SECRETS = ("cookie", "proxy-token", "server-tokens", "cli-token")
FIRST = "first"
"""The one-time sign-in of the administrator: the file is there until somebody has used it."""

_NEWER = "a newer Perijove"
_SIGN_IN_LIVES = 12 * 3600.0
"""Seconds; the hub takes one of up to a day."""

_FOLDERS = ("secrets", "homes", "workloads", "log", "run")
_NEEDED = 16 << 20
"""Bytes that must be free before anything is started."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where people come in, and where the hub listens on this machine."""

    public: int
    hub: int


@dataclass(frozen=True, slots=True)
class Box:
    """One data directory. A file is written by rename, so it is whole or missing."""

    path: Path
    keys: Path | None = None
    """Where its secrets are, if somebody else keeps them."""

    @staticmethod
    def at(path: str | Path | None, environment: Mapping[str, str] = os.environ) -> "Box":
        """Return the box at `path`; None is PERIJOVE_DATA, or what XDG gives to the account."""
        path = path or environment.get("PERIJOVE_DATA") or None
        if path is None:
            data = environment.get("XDG_DATA_HOME", "")
            home = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
            path = home / "perijove"
        return Box(Path(path).expanduser().absolute())

    @property
    def database(self) -> Path:
        """Return the file of the database."""
        return self.path / "perijove.sqlite"

    @property
    def homes(self) -> Path:
        """Return the directory of people's homes."""
        return self.path / "homes"

    @property
    def workloads(self) -> Path:
        """Return the directory of the process spawner."""
        return self.path / "workloads"

    @property
    def routes(self) -> Path:
        """Return the file of the proxy's last table."""
        return self.path / "routes.json"

    @property
    def first(self) -> Path:
        """Return the file of the administrator's one-time sign-in, used or not."""
        return self.path / "secrets" / FIRST

    @property
    def proxy(self) -> Path:
        """Return the socket at which the proxy tells of itself."""
        return self.path / "run" / "proxy.sock"

    def log(self, part: str) -> Path:
        """Return the file that `part` logs to."""
        return self.path / "log" / f"{part}.log"

    def audit(self, port: int | None = None) -> Path:
        """Return the file of the audit log; of several hubs each has one, called by its port."""
        return self.log("audit" if port is None else f"audit-{port}")

    def hold(self, part: str) -> Hold:
        """Return the lock that `part` holds for life, so that there is never a second one."""
        return Hold(self.path / "run" / f"{part}.lock")

    def ready(self) -> None:
        """Make what is missing.

        Raises:
            Trouble: it cannot be written, is full, or is a newer version's.
        """
        try:
            self._make()
        except OSError as error:
            raise with_data(self.path, error) from error

    def require_known(self) -> None:
        """Return if this version can use the directory.

        Raises:
            Trouble: only a newer one can.
        """
        found = self._read("format") or "0"
        if not found.isdecimal():
            raise Trouble(
                f"{self.path}/format does not say which Perijove the directory is for:"
                " put it back, or choose another with --data DIR."
            )
        if int(found) > FORMAT:
            version = self._read("version")
            raise Trouble(
                f"{self.path} was last used by {f'Perijove {version}' if version else _NEWER},"
                f" and this is {__version__} (format {found}, this one knows {FORMAT}): install"
                f" {version or 'that version'}, or choose another with --data DIR."
            )

    def sign(self) -> None:
        """Say in the directory which version has it now.

        Called once the database is of that version as well: until then, an earlier one goes on.

        Raises:
            Trouble: it cannot be written.
        """
        with data_trouble(self):
            for name, text in (("version", __version__), ("format", str(FORMAT))):
                if self._read(name) != text:
                    _write(self.path / name, f"{text}\n")

    def ports(self) -> Ports:
        """Return the ports that were chosen.

        Raises:
            Trouble: none were.
        """
        try:
            found = json.loads((self.path / "ports.json").read_text())
            return Ports(public=int(found["public"]), hub=int(found["hub"]))
        except FileNotFoundError:
            raise Trouble(
                f"There is no Perijove in {self.path}: run `perijove up` first,"
                " or name its directory with --data DIR."
            ) from None

    def has_ports(self) -> bool:
        """Return whether they were chosen."""
        return (self.path / "ports.json").exists()

    def keep(self, ports: Ports) -> None:
        """Write the ports down."""
        text = json.dumps({"public": ports.public, "hub": ports.hub})
        try:
            _write(self.path / "ports.json", f"{text}\n")
        except OSError as error:
            raise with_data(self.path, error) from error

    def remember(self, base_url: str, file: Path | None) -> None:
        """Write down where the pages are below and which configuration says so, for commands."""
        if self.hold("hub").free():  # else this one is refused
            _write(self.path / "run" / "base_url", f"{base_url}\n")
            _write(self.path / "run" / "config", f"{file.absolute() if file else ''}\n")

    def base_url(self) -> str:
        """Return where the pages are below, as the last hub had it."""
        with suppress(OSError):
            return (self.path / "run" / "base_url").read_text().strip() or "/"
        return "/"

    def scheme(self) -> str:
        """Return how the proxy is spoken to, `http` or `https`, as it was last started."""
        return self._read("run/scheme") or "http"

    def serve(self, scheme: str) -> None:
        """Write down how the proxy is spoken to."""
        with data_trouble(self):
            _write(self.path / "run" / "scheme", f"{scheme}\n")

    def keep_secret(self, name: str, text: str) -> Path:
        """Return a private file that holds `text`."""
        with data_trouble(self):
            _write(self.path / "secrets" / name, text)
        return self.path / "secrets" / name

    def file(self) -> Path | None:
        """Return the configuration that the last hub was started with; None: there was none."""
        said = self._read("run/config")
        return Path(said) if said else None

    def start(self) -> str:
        """Return the command that starts it as it was."""
        file = self.file()
        named = ("-f", str(file)) if file else ()
        return shlex.join(["perijove", "up", *named, "--data", str(self.path)])

    def secret(self, name: str) -> str:
        """Return a secret; `name` is one of SECRETS."""
        try:
            return ((self.keys or self.path / "secrets") / name).read_text().strip()
        except FileNotFoundError:
            if self.keys:
                raise Trouble(f"There is no file {name!r} in {self.keys}.") from None
            raise Trouble(
                f"There is no secret {name!r} in {self.path}: run `perijove up` there first."
            ) from None

    def sign_in(self) -> str | None:
        """Return the secret of the one-time sign-in, or None if it was used."""
        with suppress(FileNotFoundError):
            return self.first.read_text().strip()
        return None

    def renew_sign_in(self, now: float) -> None:
        """Replace a one-time sign-in that nobody used in time, so that what is shown works."""
        with suppress(FileNotFoundError):
            if now - self.first.stat().st_mtime > _SIGN_IN_LIVES:
                _write(self.first, f"{secrets.token_urlsafe(32)}\n")

    def _make(self) -> None:
        fresh = not self.path.exists() or not any(self.path.iterdir())
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if fresh and self.path.stat().st_uid == os.geteuid():
            # somebody else's directory, or their volume, keeps its mode; what we put is private
            self.path.chmod(0o700)
        for name in _FOLDERS:
            (self.path / name).mkdir(mode=0o700, exist_ok=True)
        with Hold(self.path / "run" / "box.lock").wait():
            self.require_known()
            if not self._read("format"):
                self.sign()
            self._check_room()
            self._make_secrets()
            self.database.touch(mode=0o600)  # SQLite's other files get the mode of this one

    def _read(self, name: str) -> str:
        """Return what a file of the directory says, nothing if it is not there."""
        with suppress(FileNotFoundError, UnicodeDecodeError):
            return (self.path / name).read_text().strip()
        return ""

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < _NEEDED:
            raise Trouble(
                f"The disk that holds {self.path} is full ({free >> 20} MiB left, at least"
                f" {_NEEDED >> 20} are needed): make room on it, or choose another place"
                " with --data DIR."
            )

    def _make_secrets(self) -> None:
        """Make each once. The one-time sign-in comes first: once the others are there, never."""
        if self.keys:
            return
        folder = self.path / "secrets"
        if not (folder / SECRETS[0]).exists() and not self.first.exists():
            _write(self.first, f"{secrets.token_urlsafe(32)}\n")
        for name in SECRETS:
            if not (folder / name).exists():
                _write(folder / name, f"{secrets.token_hex(32)}\n")


@contextmanager
def data_trouble(box: Box) -> Iterator[None]:
    """Say what an OSError in the block means for the data directory."""
    try:
        yield
    except OSError as error:
        raise with_data(box.path, error) from error


def _write(path: Path, text: str) -> None:
    """Write a private file, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(draft, "w", opener=_private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_TRUNC, 0o600)

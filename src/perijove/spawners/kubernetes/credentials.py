"""Credentials: how a request shows who we are; those that run out are renewed in time."""

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from perijove.kit.clock import Clock, steadily
from perijove.spawners.kubernetes.errors import Unauthenticated
from perijove.spawners.kubernetes.tls import Pair

_READ_AGAIN = 60.0
"""Seconds; the kubelet writes a new token long before the old one ends."""
_PATIENCE = 30.0
_EARLY = timedelta(seconds=10)
_GROUP = "client.authentication.k8s.io/"
_LAST_WORDS = 400


@dataclass(frozen=True, slots=True)
class Shown:
    """What goes with a request: the field Authorization, and the certificate below it."""

    header: str = field(default="", repr=False)
    pair: Pair | None = None


class Credentials(Protocol):
    """Who we are."""

    async def show(self) -> Shown:
        """Return what is good now.

        Raises:
            Unauthenticated: there is nothing to show.
        """
        ...

    async def renew(self) -> bool:
        """Look for something better than what was refused; return whether to ask again."""
        ...


@dataclass(slots=True)
class Fixed:
    """Never changes: a certificate, a token, a password or nothing."""

    shown: Shown = field(default_factory=Shown)

    async def show(self) -> Shown:
        """Return it."""
        return self.shown

    async def renew(self) -> bool:
        """Return that there is no other."""
        return False


def bearer(token: str) -> str:
    """Return the field for a token."""
    return f"Bearer {token.strip()}"


def basic(name: str, password: str) -> str:
    """Return the field for a name and a password."""
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


@dataclass(slots=True)
class TokenFile:
    """A token in a file, read once a minute: somebody else keeps it fresh."""

    path: Path
    pair: Pair | None = None
    _token: str = field(default="", repr=False)
    _due: float = 0.0

    async def show(self) -> Shown:
        """Return the token as it was within the last minute."""
        if not self._token or steadily() >= self._due:
            await self._read()
        return Shown(bearer(self._token), self.pair)

    async def renew(self) -> bool:
        """Read it at once; return whether it is another one."""
        before = self._token
        await self._read()
        return self._token != before

    async def _read(self) -> None:
        try:
            token = (await asyncio.to_thread(self.path.read_text)).strip()
        except (OSError, UnicodeDecodeError) as error:
            if self._token:  # it is being replaced; the one we have may be good for a while
                return
            raise Unauthenticated(f"The token file {self.path} cannot be read.") from error
        self._token, self._due = token, steadily() + _READ_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The section `exec` of a user: a program that prints credentials."""

    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str = _GROUP + "v1"
    cluster: Mapping[str, Any] | None = None
    """What it is told of the cluster, if it wants that."""


@dataclass(slots=True)
class FromProgram:
    """What a program prints, until it ends (client-go credential plugins)."""

    program: Program
    clock: Clock = field(default_factory=Clock)
    _shown: Shown | None = None
    _until: datetime | None = None
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def show(self) -> Shown:
        """Return what it has printed, having run it when that is needed."""
        async with self._one:
            over = self._until is not None and self.clock() >= self._until - _EARLY
            if self._shown is None or over:
                self._take(await self._run())
            if self._shown is None:
                raise Unauthenticated(f"{self.program.command} has printed no credentials.")
            return self._shown

    async def renew(self) -> bool:
        """Run it again; of many who were refused the same, one does."""
        before = self._shown
        async with self._one:
            if self._shown is before:
                self._take(await self._run())
        return self._shown != before

    async def _run(self) -> bytes:
        told = {"interactive": False}
        if self.program.cluster is not None:
            told["cluster"] = dict(self.program.cluster)  # type: ignore[assignment]
        credential = {"apiVersion": self.program.version, "kind": "ExecCredential", "spec": told}
        try:
            child = await asyncio.create_subprocess_exec(
                self.program.command,
                *self.program.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={
                    **os.environ,
                    **self.program.environment,
                    "KUBERNETES_EXEC_INFO": json.dumps(credential),
                },
            )
        except OSError as error:
            raise Unauthenticated(f"{self.program.command} cannot be run: {error}.") from error
        out, err = await _ended(child, self.program.command)
        if child.returncode:
            words = " ".join(err.decode(errors="replace").split())[-_LAST_WORDS:]
            raise Unauthenticated(
                f"{self.program.command} has failed with exit code {child.returncode}: {words}"
            )
        return out

    def _take(self, printed: bytes) -> None:
        try:
            said = json.loads(printed)
            if said["apiVersion"] != self.program.version:
                raise ValueError(said["apiVersion"])
            status = said["status"]
            until = status.get("expirationTimestamp")
            self._until = datetime.fromisoformat(until) if until else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unauthenticated(
                f"{self.program.command} has printed something else than an ExecCredential"
                f" of {self.program.version}."
            ) from error
        token, certificate = status.get("token"), status.get("clientCertificateData")
        pair = Pair(certificate, status.get("clientKeyData") or "") if certificate else None
        self._shown = Shown(bearer(token) if token else "", pair) if token or pair else None


async def _ended(child: asyncio.subprocess.Process, command: str) -> tuple[bytes, bytes]:
    """Return what it has written, or raise Unauthenticated when it takes too long."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await child.communicate()
    except TimeoutError as error:
        raise Unauthenticated(f"{command} does not end; given up after 30 s.") from error
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

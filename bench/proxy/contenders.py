"""Contenders: the three proxies as processes on one core."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import trustme
from tests.ports import free_port

from bench.proc import family

TOKEN = "bench"  # noqa: S105 - of nothing
CORES = sorted(os.sched_getaffinity(0))
WORKERS = 2
"""Processes of ours, where several are measured."""
_PATIENCE = 20.0
_COMING = 1.5
"""Seconds in which a process that has been started begins to serve."""


class Contender(ABC):
    """One proxy; `places` are what it leads to: prefixes, and the ports behind them."""

    name = ""
    offers = frozenset(("plain", "tls"))
    """How it can be run (plain, tls, http2), and what else not every one has: api."""

    def __init__(self, folder: Path, program: str, places: Mapping[str, int]) -> None:
        self.folder, self.program, self.places = folder, program, places
        self.port, self.api = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def version(self) -> str:
        """Return its name with its version."""

    @abstractmethod
    def _command(self, kind: str) -> list[str]:
        """Return how to run it."""

    def start(self, kind: str) -> None:
        """Run it on the first core until it leads to all of its places."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self._command(kind)
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, CORES[:1])  # threads of its own inherit it as well
        try:
            with (self.folder / "log").open("ab") as log:
                environment = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": TOKEN}
                self._process = subprocess.Popen(  # noqa: S603
                    command, stdout=log, stderr=log, env=environment
                )
        finally:
            os.sched_setaffinity(0, before)
        self._wait(self.port)
        self._ready()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def pids(self) -> list[int]:
        """Return its processes."""
        assert self._process is not None
        return family(self._process.pid)

    @abstractmethod
    def _ready(self) -> None:
        """Tell it of the places, if it does not know them yet."""

    def _wait(self, port: int) -> None:
        assert self._process is not None
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                line.connect()
            except OSError:
                time.sleep(0.05)  # noqa: TID251 - nothing else is to do
            else:
                return
            finally:
                line.close()
        raise SystemExit(f"{self.name} does not start: {(self.folder / 'log').read_text()[-2000:]}")


class Told(Contender):
    """One that is told by the REST API of configurable-http-proxy, and has its command line."""

    offers = frozenset(("plain", "tls", "api"))

    def _command(self, kind: str) -> list[str]:
        key, cert = certificate(self.folder.parent)
        tls = ["--ssl-key", str(key), "--ssl-cert", str(cert)] if kind in {"tls", "http2"} else []
        tls += ["--http2"] if kind == "http2" else []
        places = ["--ip", "127.0.0.1", "--port", str(self.port)]
        api = ["--api-ip", "127.0.0.1", "--api-port", str(self.api)]
        return [*self._program(), *places, *api, *tls, "--log-level", "warn"]

    @abstractmethod
    def _program(self) -> list[str]:
        """Return how to run it, without options."""

    def _ready(self) -> None:
        self._wait(self.api)
        for prefix, port in self.places.items():
            line = http.client.HTTPConnection("127.0.0.1", self.api, timeout=5)
            body = json.dumps({"target": f"http://127.0.0.1:{port}"})
            fields = {"Authorization": f"token {TOKEN}"}
            line.request("POST", f"/api/routes{prefix}", body, fields)
            if line.getresponse().status != http.client.CREATED:
                raise SystemExit(f"{self.name} takes no route")
            line.close()


class Perijove(Told):
    """Ours."""

    name = "Perijove"

    def __init__(self, folder: Path, program: str, places: Mapping[str, int]) -> None:
        super().__init__(folder, program, places)
        self.offers = self.offers | {"workers"}
        if "--http2" in _said(*self._program(), "--help"):
            self.offers = self.offers | {"http2"}

    @property
    def version(self) -> str:
        """Return its version, and what runs it."""
        python = sys.version.split(maxsplit=1)[0]
        return (
            f"`perijove-proxy` {_said(*self._program(), '--version').split()[0]}, Python {python}"
        )

    def _program(self) -> list[str]:
        return [sys.executable, "-m", "perijove.proxy.chp"]

    def _command(self, kind: str) -> list[str]:
        more = ["--workers", str(WORKERS)] if kind == "workers" else []
        self._many = WORKERS if more else 1
        return [*super()._command(kind), *more]

    def _ready(self) -> None:
        super()._ready()
        end = time.monotonic() + _PATIENCE
        while len(self.pids()) < self._many and time.monotonic() < end:
            time.sleep(0.05)  # noqa: TID251 - nothing else is to do
        time.sleep(_COMING if self._many > 1 else 0)  # noqa: TID251 - likewise


class Chp(Told):
    """configurable-http-proxy."""

    name = "CHP"

    @property
    def version(self) -> str:
        """Return its version, and what runs it."""
        node = _said("node", "--version")
        return f"configurable-http-proxy {_said(self.program, '--version')} on Node.js {node}"

    def _program(self) -> list[str]:
        return [self.program]


class Nginx(Contender):
    """nginx with one worker, as JupyterHub's documentation sets it up."""

    name = "nginx"
    offers = frozenset(("plain", "tls", "http2"))

    @property
    def version(self) -> str:
        """Return its version."""
        found = re.search(r"nginx/(\S+)", _said(self.program, "-v"))
        return f"nginx {found[1] if found else 'of no known version'}, one worker"

    def _command(self, kind: str) -> list[str]:
        key, cert = certificate(self.folder.parent)
        secure = {"plain": "", "tls": " ssl", "http2": " ssl http2"}[kind]
        tls = f"ssl_certificate {cert}; ssl_certificate_key {key};" if secure else ""
        config = self.folder / "nginx.conf"
        config.write_text(
            _NGINX.format(
                folder=self.folder,
                user="user root;" if os.geteuid() == 0 else "",
                listen=f"127.0.0.1:{self.port}{secure}",
                tls=tls,
                upstreams="".join(_UPSTREAM.format(port=port) for port in self.places.values()),
                places="".join(
                    _PLACE.format(prefix=prefix, port=port) for prefix, port in self.places.items()
                ),
            )
        )
        told = ["-p", str(self.folder), "-c", str(config), "-e", str(self.folder / "errors")]
        return [self.program, *told]

    def _ready(self) -> None:
        """They are in its file."""


_NGINX = """
{user} worker_processes 1; worker_rlimit_nofile 20000; daemon off; pid {folder}/pid;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  {upstreams}
  server {{
    listen {listen} backlog=4096;
    {tls} ssl_protocols TLSv1.3;
    proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    {places}
  }}
}}
"""
_UPSTREAM = """
  upstream at{port} {{ server 127.0.0.1:{port}; keepalive 256; keepalive_requests 1000000000; }}"""
_PLACE = """
    location {prefix} {{ proxy_pass http://at{port}; }}"""


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return a key and a certificate of its own making: ECDSA on P-256, the same for all."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    if not key.exists():
        made = trustme.CA().issue_cert("edge", "127.0.0.1")
        made.private_key_pem.write_to_path(key)
        made.cert_chain_pems[0].write_to_path(cert)
    return key, cert


def _said(*command: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return (told.stdout or told.stderr).strip()

"""Options of `perijove-proxy`: those of configurable-http-proxy 5, and a few of ours."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from perijove import __version__
from perijove.proxy.limits import Limits, add_limits, taken
from perijove.proxy.manner import Manner
from perijove.proxy.options import LOOPBACK, add_access_log, seconds, workers

_FAILURE = 1
_LEVELS = ("debug", "info", "warn", "error")
_THOUSAND = 1000.0
_FRAMING = frozenset(("connection", "content-length", "expect", "keep-alive", "te", "trailer",
                      "transfer-encoding", "upgrade"))  # fmt: skip
_FIELD = "!#$%&'*+-.^_`|~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files for one side, as they were given."""

    key: Path | None = None
    cert: Path | None = None
    ca: Path | None = None
    request_cert: bool = False
    reject_unauthorized: bool = False

    @property
    def given(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.key or self.cert)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a proxy is to run."""

    ip: str
    port: int
    socket: Path | None
    api_ip: str
    api_port: int
    api_socket: Path | None
    metrics_ip: str
    metrics_port: int | None
    metrics_socket: Path | None
    ssl: Tls
    api_ssl: Tls
    client_ssl: Tls
    ssl_protocol: str
    ssl_ciphers: str
    ssl_dhparam: Path | None
    insecure: bool
    default_target: str
    error_target: str
    error_path: Path | None
    redirect_port: int | None
    redirect_to: int | None
    hsts: int
    http2: bool
    host_routing: bool
    pid_file: Path | None
    log_level: str
    trusted_proxies: tuple[str, ...]
    drain: float
    handover_drain: float
    allow_link_local: bool
    access_log: str
    access_log_sample: float
    limits: Limits
    workers: int
    manner: Manner


class Parser(argparse.ArgumentParser):
    """Ends with 1, as that proxy does."""

    def error(self, message: str) -> NoReturn:
        """Say what makes no sense, and end."""
        sys.stderr.write(f"{self.prog}: {message}; see {self.prog} --help\n")
        sys.exit(_FAILURE)


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options; ends the process with 1 and a sentence on nonsense."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    for sock, others in (("socket", ("ip", "port")), ("api_socket", ("api_ip", "api_port")),
                         ("metrics_socket", ("metrics_ip", "metrics_port"))):  # fmt: skip
        both = [other for other in others if given[sock] and given[other] is not None]
        if both:
            parser.error(f"--{_dashed(sock)} cannot be used together with --{_dashed(both[0])}")
    if given.pop("storage_backend") is not None:
        parser.error(
            "--storage-backend names a module of Node.js, which cannot be loaded here: routes are"
            " kept in memory, and JupyterHub tells them again after a restart"
        )
    if given.pop("ssl_allow_rc4"):
        parser.error("--ssl-allow-rc4 is not possible: RC4 is broken (RFC 7465), leave it away")
    if given["error_target"] and given["error_path"]:
        parser.error("Cannot specify both error-target and error-path. Pick one.")
    sides: dict[str, Any] = {name: _side(given, name) for name in ("ssl", "api_ssl", "client_ssl")}
    if given["redirect_port"] is not None and not sides["ssl"].given:
        parser.error("HTTPS redirection specified but certificates not provided.")
    if (given["hsts"] or given["http2"]) and not sides["ssl"].given:
        parser.error("--hsts and --http2 need --ssl-cert")
    port = 8000 if given["port"] is None else given["port"]
    api_port = port + 1 if given["api_port"] is None else given["api_port"]
    networks = (part.strip() for part in given.pop("trusted_proxies").split(","))
    api_ip = "localhost" if given["api_ip"] is None else given["api_ip"]
    given |= {"port": port, "api_port": api_port, "api_ip": api_ip}
    given |= {"ip": given["ip"] or "", "metrics_ip": given["metrics_ip"] or ""}
    given["trusted_proxies"] = tuple(network for network in networks if network)
    return Options(**sides, limits=taken(given), manner=_manner(given), **given)


def _side(given: dict[str, Any], name: str) -> Tls:
    names = ("key", "cert", "ca", "request_cert", "reject_unauthorized")
    return Tls(**{it: given.pop(f"{name}_{it}") for it in names})


def _manner(given: dict[str, Any]) -> Manner:
    seconds = {"timeout": "quiet_seconds", "proxy_timeout": "answer_seconds",
               "keep_alive_timeout": "kept_seconds"}  # fmt: skip
    asked = {name: given.pop(option) for option, name in seconds.items()}
    chosen: dict[str, Any] = {name: it / _THOUSAND for name, it in asked.items() if it}
    chosen["custom"] = dict(given.pop("custom_header"))
    chosen["forwarded"] = given.pop("x_forward")
    for name in ("include_prefix", "prepend_path", "change_origin", "auto_rewrite"):
        chosen[name] = given.pop(name)
    return Manner(protocol_rewrite=given.pop("protocol_rewrite"), **chosen)


def _parser() -> Parser:
    parser = Parser(
        prog="perijove-proxy",
        allow_abbrev=False,
        description="A proxy with the command line and the REST API of configurable-http-proxy 5;"
        " for JupyterHub: c.ConfigurableHTTPProxy.command = ['perijove-proxy'].",
        epilog="The REST API asks for the token in CONFIGPROXY_AUTH_TOKEN (several, by commas,"
        " while one is replaced by another). MS are milliseconds; time is looked at every second.",
    )
    parser.add_argument(
        "-V", "--version", action="version", version=f"{__version__} (configurable-http-proxy 5)"
    )
    _add_places(parser)
    _add_tls(parser)
    _add_manner(parser)
    add = parser.add_argument
    add("--pid-file", type=Path, metavar="FILE", help="file for the process id")
    add("--log-level", type=str.lower, choices=_LEVELS, default="info", help="what is logged")
    add_access_log(parser)
    add("--storage-backend", metavar="CLASS", help="refused: a module of Node.js")
    add("--drain", type=float, default=2.0, metavar="SECONDS",
        help="for running requests at the end (default: %(default)s)")  # fmt: skip
    add("--handover-drain", type=float, default=60.0, metavar="SECONDS",
        help="for WebSockets when another process takes over (default: %(default)s)")  # fmt: skip
    add("--workers", type=workers, default=1, metavar="N",
        help="processes that serve, at most one for each core (default: %(default)s)")  # fmt: skip
    add("--trusted-proxies", default=",".join(LOOPBACK), metavar="NETWORKS",
        help="whose X-Forwarded-* are believed, by commas (default: %(default)s)")  # fmt: skip
    add("--allow-link-local", action="store_true",
        help="let routes lead to link-local addresses, where clouds tell secrets")  # fmt: skip
    add_limits(parser)
    return parser


def _add_places(parser: Parser) -> None:
    add = parser.add_argument
    for name, what in (("", "the proxy"), ("api-", "the REST API"), ("metrics-", "metrics")):
        add(f"--{name}ip", metavar="IP", help=f"address for {what}{_DEFAULTS[name][0]}")
        add(f"--{name}port", type=_port, metavar="N", help=f"port for {what}{_DEFAULTS[name][1]}")
        add(f"--{name}socket", type=Path, metavar="PATH",
            help=f"socket in the file system for {what}, in place of address and port")  # fmt: skip
    add("--default-target", default="", metavar="URL", help="where to go without a route")
    add("--error-target", default="", metavar="URL", help="who makes the pages for errors")
    add("--error-path", type=Path, metavar="FOLDER", help="folder with the pages for errors")
    add("--redirect-port", type=_port, metavar="N", help="port that leads to the one with TLS")
    add("--redirect-to", type=_port, metavar="N", help="port it leads to (default: --port)")
    add("--host-routing", action="store_true", help="the host is the first part of each path")


def _add_tls(parser: Parser) -> None:
    add = parser.add_argument
    for name, what in (("", "the proxy"), ("api-", "the REST API"), ("client-", "targets")):
        add(f"--{name}ssl-key", type=Path, metavar="FILE", help=f"key for {what}")
        add(f"--{name}ssl-cert", type=Path, metavar="FILE", help=f"certificate for {what}")
        add(f"--{name}ssl-ca", type=Path, metavar="FILE", help=f"authorities for {what}")
        add(f"--{name}ssl-request-cert", action="store_true", help="ask for a certificate")
        add(f"--{name}ssl-reject-unauthorized", action="store_true",
            help="refuse who has none that an authority knows")  # fmt: skip
    add("--ssl-protocol", default="", choices=("TLSv1_2", "TLSv1_3"), help="this version only")
    add("--ssl-ciphers", default="", metavar="LIST", help="ciphers of TLS 1.2, by colons")
    add("--ssl-allow-rc4", action="store_true", help="refused: RC4 is broken")
    add("--ssl-dhparam", type=Path, metavar="FILE", help="Diffie-Hellman parameters")
    add("--hsts", type=seconds, default=0, metavar="SECONDS",
        help="for which browsers are told to come with TLS only (default: not told)")  # fmt: skip
    add("--http2", action="store_true", help="speak HTTP/2 with browsers that ask for it")
    add("--insecure", action="store_true", help="believe targets without a certificate")


def _add_manner(parser: Parser) -> None:
    add = parser.add_argument
    add("--no-x-forward", dest="x_forward", action="store_false", help="say no X-Forwarded-*")
    add("--no-prepend-path", dest="prepend_path", action="store_false",
        help="do not put the path of a target before that of a request")  # fmt: skip
    add("--no-include-prefix", dest="include_prefix", action="store_false",
        help="take the prefix of the route from the path of a request")  # fmt: skip
    add("--auto-rewrite", action="store_true", help="put the host asked for into Location")
    add("--change-origin", action="store_true", help="put the target's address into Host")
    add("--protocol-rewrite", default="", choices=("", "http", "https"),
        help="put this protocol into Location")  # fmt: skip
    add("--custom-header", action="append", type=_custom, default=[], metavar="NAME:VALUE",
        help="field for each request; may be given again")  # fmt: skip
    add("--timeout", type=_positive, metavar="MS", help="a silent request is ended after")
    add("--proxy-timeout", type=_positive, metavar="MS", help="a silent target is left after")
    add("--keep-alive-timeout", type=_positive, metavar="MS", help="an idle connection ends after")


_DEFAULTS = {
    "": (" (default: all)", " (default: 8000)"),
    "api-": (" (default: localhost)", " (default: --port + 1)"),
    "metrics-": (" (default: all)", " (default: none)"),
}


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:  # noqa: PLR2004 - of TCP
        raise argparse.ArgumentTypeError(f"{text} is no port")
    return int(text)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is no number of milliseconds")
    return int(text)


def _custom(text: str) -> tuple[bytes, bytes]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not name:
        raise argparse.ArgumentTypeError(f"A colon was expected in custom header: {text}")
    if not all(it.isascii() and (it.isalnum() or it in _FIELD) for it in name):
        raise argparse.ArgumentTypeError(f"{name} is no name of a field")
    if name.lower() in _FRAMING:
        raise argparse.ArgumentTypeError(f"{name} says where a request ends: it cannot be changed")
    if not value.isprintable():
        raise argparse.ArgumentTypeError(f"the value of {name} has a control character")
    return name.encode(), value.encode()


def _dashed(name: str) -> str:
    return name.replace("_", "-")

"""proxy.kind: chp: what may be said of it, and what is said when nobody asked for it."""

import socket
from pathlib import Path
from typing import Any

import pytest

from perijove.cli.box import Box, Ports
from perijove.cli.chp import command
from perijove.cli.supervisor.ports import require_free
from perijove.cli.trouble import Trouble
from perijove.settings import BadConfig, of
from perijove.settings.read import read_tree
from tests.ports import free_port

OTHER = {"proxy": {"kind": "chp"}}


def chp(**traits: Any) -> dict[str, Any]:
    return {**OTHER, "hub": {"config": {"ConfigurableHTTPProxy": traits}}}


def test_ours_is_the_proxy_until_another_is_asked_for() -> None:
    assert not of({}).proxy.told
    assert of(OTHER).proxy.told


@pytest.mark.parametrize("command", ["chp", ["node", "chp.js"]])
def test_a_command_is_one_word_or_many(command: Any) -> None:
    words = (command,) if isinstance(command, str) else tuple(command)
    assert of(chp(command=command)).hub.config.chp.command == words


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        ({"api_url": "127.0.0.1:8001"}, "http://host:port"),
        ({"api_url": "ftp://x:1"}, "http://host:port"),
        ({"api_url": "http://proxy-api"}, "no port"),
        ({"api_url": "http://proxy-api:99999"}, "api_url"),
        ({"command": []}, "no command"),
        ({"command": " "}, "no command"),
        ({"concurrency": 0}, "concurrency"),
        ({"should_strat": False}, "should_start"),
    ],
)
def test_what_cannot_be_is_refused(traits: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        of(chp(**traits))


def test_it_speaks_no_http2() -> None:
    with pytest.raises(BadConfig, match="no HTTP/2"):
        of({"proxy": {"kind": "chp", "https": {"http2": True}}})


def test_what_is_said_of_it_has_no_effect_unless_it_is_asked_for() -> None:
    def notices(**tree: Any) -> str:
        return "\n".join(map(str, read_tree({**chp(should_start=False), **tree}, {}).notices))

    assert "ConfigurableHTTPProxy" not in notices()
    assert "`proxy.kind: chp` takes a configurable-http-proxy" in notices(proxy={})


def test_the_token_alone_is_the_charts_business() -> None:
    tree = {"hub": {"config": {"ConfigurableHTTPProxy": {"auth_token": "x"}}}}
    assert not [it for it in read_tree(tree, {}).notices if "ConfigurableHTTPProxy" in str(it)]


@pytest.mark.parametrize(
    ("tree", "given"), [({}, False), ({"subdomain_host": "http://hub.test"}, True)]
)
def test_it_looks_at_the_host_where_people_have_hosts_of_their_own(
    tmp_path: Path, tree: dict[str, str], *, given: bool
) -> None:
    settings = of({**OTHER, "hub": {"config": {"JupyterHub": tree}}})
    box = Box(tmp_path / "data")
    box.ready()
    words = command(box, Ports(public=8000, hub=8081), settings)
    assert ("--host-routing" in words) is given


def test_a_program_at_the_place_of_its_routes_is_named_before_it_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = of(chp(api_url=f"http://127.0.0.1:{port}"))
        with pytest.raises(Trouble, match=f"Port {port} is taken"):
            require_free(Ports(public=free_port(), hub=free_port()), settings)

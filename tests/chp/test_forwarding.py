"""How requests are passed on: what the options of configurable-http-proxy choose."""

import asyncio
import gzip
import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.chp.process import Chp, chp, refused
from tests.integration.proxy_parts import mirror, ok, read_request, serving, trickle
from tests.ports import free_port


def fields(mirrored: str) -> dict[str, str]:
    """Return the fields of a head that came back as it was passed on."""
    lines = mirrored.split("\r\n\r\n", maxsplit=1)[0].split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def first(mirrored: str) -> str:
    return mirrored.split(" HTTP/1.1\r\n", maxsplit=1)[0]


async def test_the_path_of_a_target_comes_before_that_of_the_request(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        await it.add("/a", f"http://127.0.0.1:{port}/base/")
        assert first((await it.web.get("/a/x?y=/z")).text) == "GET /base/a/x?y=/z"


async def test_unless_it_is_not_to_be_prepended(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path, "--no-prepend-path") as it:
        await it.add("/a", f"http://127.0.0.1:{port}/base/")
        assert first((await it.web.get("/a/x")).text) == "GET /a/x"


async def test_the_prefix_of_a_route_is_left_away_if_asked(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path, "--no-include-prefix") as it:
        await it.add("/a/b%20c", f"http://127.0.0.1:{port}/base")
        await it.add("/", port)
        for asked, passed in (
            ("/a/b%20c/x/y?z=/", "/base/x/y?z=/"),
            ("/a/b%20c", "/base/"),
            ("/a/b%20c?q", "/base/?q"),
            ("/other/x", "/other/x"),
        ):
            assert first((await it.web.get(asked)).text) == f"GET {passed}"


async def test_the_host_stays_and_where_it_came_from_is_told(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        await it.add("/", port)
        found = fields((await it.web.get("/x", headers={"host": "jupyter.example"})).text)
        assert found["host"] == "jupyter.example"
        assert found["x-forwarded-for"] == "127.0.0.1"
        assert found["x-forwarded-host"] == "jupyter.example"
        assert (found["x-forwarded-proto"], found["x-forwarded-port"]) == ("http", "80")


async def test_fields_can_be_changed_added_and_left_away(tmp_path: Path) -> None:
    more = ("--change-origin", "--no-x-forward", "--custom-header", "X-One: 1",
            "--custom-header", "accept:text/x")  # fmt: skip
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/", port)
        found = fields((await it.web.get("/x", headers={"Accept": "a", "x-one": "2"})).text)
        assert found["host"] == f"127.0.0.1:{port}"
        assert (found["x-one"], found["accept"]) == ("1", "text/x")
        assert not [name for name in found if name.startswith("x-forwarded")]


async def leads_on(it: Chp, where: str) -> str:
    async def upstream(reader: Any, writer: Any) -> None:
        while True:
            await read_request(reader)
            to = where.format(port=writer.get_extra_info("sockname")[1])
            writer.write(ok(b"").replace(b"200 OK", b"302 On", 1).replace(
                b"\r\n\r\n", f"\r\nLocation: {to}\r\nX: y\r\n\r\n".encode()))  # fmt: skip

    async with serving(upstream) as port:
        await it.add("/", port)
        answer = await it.web.get("/x", headers={"host": "jupyter.example:8"})
        assert answer.headers["x"] == "y"
        assert len(answer.headers.get_list("location")) == 1
        return str(answer.headers["location"])


async def test_where_an_answer_leads_is_rewritten_only_if_it_is_the_target(tmp_path: Path) -> None:
    more = ("--auto-rewrite", "--protocol-rewrite", "https")
    async with chp(tmp_path, *more) as it:
        assert await leads_on(it, "http://127.0.0.1:{port}/a?b") == "https://jupyter.example:8/a?b"
        assert await leads_on(it, "http://other/a") == "http://other/a"
        assert await leads_on(it, "/a") == "/a"


async def test_and_otherwise_it_is_left_alone(tmp_path: Path) -> None:
    async with chp(tmp_path) as it:
        assert (await leads_on(it, "http://127.0.0.1:{port}/a")).startswith("http://127.0.0.1:")


async def test_with_host_routing_the_host_is_the_first_part_of_a_route(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path, "--host-routing") as it:
        await it.add("/zoe.hub.test/user/zoe", port)
        assert (await it.routes())["/zoe.hub.test/user/zoe"]["host"] == "zoe.hub.test"
        for host, status in (
            ("zoe.hub.test", 200),
            ("ZOE.hub.test:8000", 200),
            ("hub.test", 404),
            ("[::1]:80", 404),
        ):
            answer = await it.web.get("/user/zoe/lab", headers={"host": host})
            assert answer.status_code == status, host
        assert first((await it.web.get("/user/zoe/", headers={"host": "zoe.hub.test"})).text) == (
            "GET /user/zoe/"
        )
        await it.add("/", port)
        assert (await it.web.get("/x", headers={"host": "hub.test"})).status_code == 200


async def test_the_default_target_has_what_no_route_has(tmp_path: Path) -> None:
    port = free_port()
    more = ("--default-target", f"http://127.0.0.1:{port}")
    async with serving(mirror, port), chp(tmp_path, *more) as it:
        assert first((await it.web.get("/any")).text) == "GET /any"
        assert list(await it.routes()) == ["/"]
        assert (await it.api.delete("/api/routes")).status_code == 204
        assert (await it.web.get("/any")).status_code == 404


async def errors(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Make pages for errors, with a status of its own that nobody is to see."""
    head, _ = await read_request(reader)
    said = ok(f"<p>{head.split()[1]}".encode(), "Content-Type: text/html; charset=x")
    writer.write(said.replace(b"200 OK", b"418 Tea"))


async def test_pages_for_errors_come_from_the_error_target_with_their_own_status(
    tmp_path: Path,
) -> None:
    port = free_port()
    more = ("--error-target", f"http://127.0.0.1:{port}/hub/error")
    async with serving(errors, port), chp(tmp_path, *more) as it:
        await it.add("/away", free_port())
        answer = await it.web.get("/nowhere/x?y=1&z=2")
        assert answer.status_code == 404
        assert answer.text == "<p>/hub/error/404?url=%2Fnowhere%2Fx%3Fy%3D1%26z%3D2"
        assert answer.headers["content-type"] == "text/html; charset=x"
        answer = await it.web.get("/away/x")
        assert (answer.status_code, answer.text) == (503, "<p>/hub/error/503?url=%2Faway%2Fx")
        body = await it.web.post("/nowhere", content=b"x" * 300_000)
        assert (body.status_code, body.text) == (404, "<p>/hub/error/404?url=%2Fnowhere")
        for path, status in (("/nowhere/ws", 404), ("/away/ws", 503)):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{it.port}{path}")
            assert refused.value.response.status_code == status


async def test_without_the_error_target_a_sentence_is_said(tmp_path: Path) -> None:
    async with chp(tmp_path, "--error-target", f"http://127.0.0.1:{free_port()}") as it:
        answer = await it.web.get("/nowhere", headers={"accept": "text/html"})
        assert answer.status_code == 404
        assert "Nothing answers at this address." in answer.text
        assert "该地址没有对应的服务。" in answer.text
        told = await it.web.get("/nowhere", headers={"accept": "application/json"})
        assert json.loads(told.text)["code"] == "no-route"


async def test_pages_for_errors_come_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "404.html").write_text("<p>own 404")
    (tmp_path / "error.html").write_text("<p>own error")
    async with chp(tmp_path, "--error-path", str(tmp_path)) as it:
        await it.add("/away", free_port())
        answer = await it.web.get("/nowhere")
        assert (answer.status_code, answer.text) == (404, "<p>own 404")
        assert answer.headers["content-type"].startswith("text/html")
        answer = await it.web.get("/away")
        assert (answer.status_code, answer.text) == (503, "<p>own error")
        (tmp_path / "error.html").unlink()
        assert "does not answer" in (await it.web.get("/away")).text


async def test_a_silent_target_is_left_and_a_silent_client_too(tmp_path: Path) -> None:
    async def silent(reader: Any, writer: Any) -> None:  # noqa: ARG001 - it says nothing
        await read_request(reader)
        await asyncio.sleep(30)

    async with serving(silent) as port:
        async with chp(tmp_path, "--proxy-timeout", "500") as it:
            await it.add("/", port)
            assert (await it.web.get("/x")).status_code == 503
        (tmp_path / "log").unlink()
        async with chp(tmp_path, "--timeout", "500") as it:
            await it.add("/", port)
            with pytest.raises(httpx.RemoteProtocolError):
                await it.web.get("/x")


async def test_what_moves_is_not_silent(tmp_path: Path) -> None:
    more = ("--proxy-timeout", "2500", "--timeout", "2500")
    async with serving(trickle(8, 0.5)) as port, chp(tmp_path, *more) as it:
        await it.add("/", port)
        assert (await it.web.get("/x")).text == "xxxxxxxx"


async def test_an_idle_connection_ends_when_asked(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path, "--keep-alive-timeout", "500") as it:
        await it.add("/", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n")
        await asyncio.wait_for(reader.read(), 8)
        writer.close()


async def test_sockets_of_the_machine_serve_in_place_of_ports(tmp_path: Path) -> None:
    public, told, behind = (tmp_path / name for name in ("public", "api", "behind"))
    server = await asyncio.start_unix_server(mirror_once, behind)
    it = Chp(tmp_path)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(public))  # of a process that was killed
    stale.close()
    await it.start(("--socket", str(public), "--api-socket", str(told)))
    async with (
        httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(told)), base_url="http://x",
                          headers={"authorization": "token t0ken"}) as api,
        httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(public)),
                          base_url="http://x") as web,
    ):  # fmt: skip
        where = str(behind).replace("/", "%2F")
        for scheme in ("http+unix", "unix+http"):
            target = {"target": f"{scheme}://{where}/base"}
            assert (await api.post("/api/routes/a", json=target)).status_code == 201
            assert first((await web.get("/a/x")).text) == "GET /base/a/x"
    twice = await asyncio.to_thread(refused, "--socket", str(public), "--api-port", "0")
    assert (twice.returncode, "Another program listens on" in twice.stderr) == (1, True)
    assert await it.end() == 2
    assert not public.exists()
    assert not told.exists()
    server.close()


async def mirror_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head, body = await read_request(reader)
    writer.write(ok(head.encode() + body, "Connection: close"))
    writer.close()


async def test_what_a_trusted_peer_says_of_where_it_came_from_stays(tmp_path: Path) -> None:
    sent = {"X-Forwarded-Proto": "https", "X-Forwarded-User": "ada", "X_Forwarded_User": "eve"}
    for more, proto in (
        ((), "https"),
        (("--no-x-forward",), "https"),
        (("--custom-header", "X-Forwarded-Proto: wss"), "wss"),
        (("--trusted-proxies", "192.0.2.0/24"), "http"),
        (("--trusted-proxies", "192.0.2.0/24", "--no-x-forward"), None),
    ):
        (tmp_path / "log").unlink(missing_ok=True)
        async with serving(mirror) as port, chp(tmp_path, *more) as it:
            await it.add("/", port)
            text = (await it.web.get("/x", headers=sent)).text
            assert text.lower().count("x-forwarded-proto:") == (0 if proto is None else 1), more
            found = fields(text)
            assert found.get("x-forwarded-proto") == proto, more
            believed = "--trusted-proxies" not in more
            assert found.get("x-forwarded-user") == ("ada" if believed else None), more


async def test_a_location_that_is_no_address_is_left_alone(tmp_path: Path) -> None:
    async with chp(tmp_path, "--auto-rewrite") as it:
        assert await leads_on(it, "http://[bad/") == "http://[bad/"
        assert await leads_on(it, "http://127.0.0.1:{port}") == "http://jupyter.example:8"


async def test_the_error_target_can_be_a_socket_and_its_page_be_compressed(tmp_path: Path) -> None:
    page = gzip.compress(b"<p>small")

    async def compressed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(ok(page, "Content-Encoding: gzip", "Connection: close"))
        writer.close()

    path = tmp_path / "errors"
    server = await asyncio.start_unix_server(compressed, path)
    target = "http+unix://" + str(path).replace("/", "%2F") + "/hub/error"
    async with chp(tmp_path, "--error-target", target) as it:
        answer = await it.web.get("/nowhere")
        assert (answer.status_code, answer.text) == (404, "<p>small")
    server.close()


async def test_a_client_behind_a_socket_with_any_name_is_served(tmp_path: Path) -> None:
    public = tmp_path / "public"
    async with serving(mirror) as port:
        it = Chp(tmp_path)
        places = ("--socket", str(public), "--api-ip", "127.0.0.1", "--api-port", str(it.api_port))
        await it.start(places)
        await it.add("/", port)
        for name in (f"\0perijove-{it.api_port}", str(tmp_path / "mine")):
            one = socket.socket(socket.AF_UNIX)
            one.bind(name)
            one.connect(str(public))
            reader, writer = await asyncio.open_unix_connection(sock=one)
            writer.write(b"GET /x HTTP/1.1\r\nHost: e\r\nX-Forwarded-Proto: https\r\n"
                         b"Connection: close\r\n\r\n")  # fmt: skip
            found = fields((await reader.read()).decode().partition("\r\n\r\n")[2])
            assert found["x-forwarded-proto"] == "https"
            assert "x-forwarded-for" not in found
            writer.close()
        assert await it.end() == 2
        assert "Traceback" not in it.said()

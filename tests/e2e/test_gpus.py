"""GPUs of a real box whose `nvidia-smi` is recorded: nobody has another's, whatever is killed."""

import json
import os
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.e2e.box import Up, until
from tests.gpus import WHOLE, tool

A100, ANOTHER = (line.split("UUID: ")[1].rstrip(")") for line in WHOLE.splitlines())
GPU = {"extraResource": {"limits": {"nvidia.com/gpu": 1}}}


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    machine = tool(tmp_path / "machine")
    where = machine / os.get_exec_path()[0].lstrip("/")
    monkeypatch.setenv("PATH", f"{where}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    box = Up(tmp_path)
    tree = json.loads(box.file.read_text())
    tree["singleuser"] |= GPU
    box.file.write_text(json.dumps(tree))
    try:
        box.start()
        yield box
        assert box.stop() == 0
    finally:
        box.end()


def visible(pid: int) -> str:
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    found = dict(it.split(b"=", 1) for it in variables if b"=" in it)
    return found[b"CUDA_VISIBLE_DEVICES"].decode()


def test_a_gpu_is_one_persons_until_their_server_has_ended_whatever_is_killed(up: Up) -> None:
    seen = {visible(up.server(name)) for name in ("ada", "bob")}
    assert seen == {A100, ANOTHER}
    up.kill("up", "hub", "proxy")
    up.start()
    until(lambda: up.ready("ada"), "ada's server is known again")
    assert up.hub("POST", "/users/eve")[0] == HTTPStatus.CREATED
    status, told = up.hub("POST", "/users/eve/server")
    assert (status, told["code"]) == (HTTPStatus.TOO_MANY_REQUESTS, "devices-in-use")
    status, every = up.hub("GET", "/usage")
    assert {tuple(it["servers"]) for it in every["devices"]} == {("ada/",), ("bob/",)}
    was = every["servers"]["ada/"]["devices"]
    assert up.hub("DELETE", "/users/ada/server")[0] in {202, 204}
    until(lambda: not up.hub("GET", "/users/ada")[1]["servers"], "ada's server has ended")
    assert [visible(up.server("eve"))] == was

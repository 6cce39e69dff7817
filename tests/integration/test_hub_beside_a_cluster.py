"""A hub that cannot work with its cluster says so in one sentence, and leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from perijove.spawners.kubernetes.rights import VITAL
from tests.kubernetes.api_server import Answer, ApiServer, status, until
from tests.kubernetes.authority import Authority
from tests.kubernetes.commands import Said, begun, kubeconfig, said, stopped
from tests.kubernetes.rights import WHO, denying, reviewed
from tests.ports import free_port


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as it:
        it.token = "Bearer right"
        yield it


def words(folder: Path, *more: str | Path) -> tuple[str | Path, ...]:
    return ("hub", "--spawner", "kubernetes", "--data", folder / "data", *more)


def refused(told: Said, code: int = 1) -> str:
    """Require an end with one sentence; return it."""
    assert told.code == code, told.err
    assert "Traceback" not in told.err
    assert told.last.startswith("perijove: ")
    assert told.last.endswith((".", "?"))
    assert told.out == ""
    return told.last.removeprefix("perijove: ")


async def test_a_kubeconfig_that_is_not_there_and_nothing_is_made(tmp_path: Path) -> None:
    told = await said(*words(tmp_path, "--kubeconfig", tmp_path / "none"))
    assert refused(told) == (
        f"The kubeconfig {tmp_path}/none does not exist. Choose another with --kubeconfig FILE."
    )
    assert "There is no kubeconfig" in refused(await said(*words(tmp_path)))
    assert not (tmp_path / "data").exists()


async def test_a_context_or_an_address_that_is_none(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "https://127.0.0.1:1")
    told = await said(*words(tmp_path, "--kubeconfig", file, "--context", "clas"))
    assert refused(told).endswith("the context 'clas' does not exist; did you mean 'class'?")
    kubeconfig(tmp_path, "https://127.0.0.1:1", **{"certificate-authority-data": ""})
    told = await said(*words(tmp_path, "--kubeconfig", file))
    assert "certificate-authority-data is empty. Fetch the kubeconfig anew" in refused(told)
    kubeconfig(tmp_path, "127.0.0.1")
    told = await said(*words(tmp_path, "--kubeconfig", file, "--connect-url", "hub:8081"))
    assert "--connect-url is no http:// address: hub:8081" in refused_usage(told)
    assert not (tmp_path / "data").exists()


def refused_usage(told: Said) -> str:
    assert told.code == 2
    return told.err


async def test_a_values_file_with_errors_lists_all_of_them(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("singleuser:\n  imagee: {name: x}\n  storage: {type: dynamik}\n")
    told = await said(*words(tmp_path, "-f", file))
    assert told.code == 2
    assert "Traceback" not in told.err
    first, second = told.err.splitlines()
    assert "line 2, column 3: singleuser.imagee: is not known. Did you mean `image`?" in first
    assert "line 3, column 13: singleuser.storage.type: must be dynamic" in second
    assert not (tmp_path / "data").exists()


async def test_a_token_that_has_expired(tmp_path: Path, server: ApiServer) -> None:
    file = kubeconfig(tmp_path, server.url, "old")
    sentence = refused(await said(*words(tmp_path, "--kubeconfig", file)))
    assert sentence == (
        f"{server.url} does not accept the credentials of {file}: they have expired, or belong to"
        " another cluster. Sign in to the cluster anew."
    )


async def test_nobody_in_particular(tmp_path: Path, server: ApiServer) -> None:
    message = 'selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "system:anonymous"'
    message += ' cannot create resource "selfsubjectaccessreviews" in API group'
    message += ' "authorization.k8s.io" at the cluster scope'
    answer = Answer(403, status(403, message))
    server.script(answer, times=99, when=lambda it: it.method == "POST")
    file = kubeconfig(tmp_path, server.url)
    sentence = refused(await said(*words(tmp_path, "--kubeconfig", file)))
    assert "shows nothing by which" in sentence
    assert "Choose a context that has a user" in sentence


async def test_rights_that_are_missing_are_all_named(tmp_path: Path, server: ApiServer) -> None:
    server.scripts.append(denying({"watch events", "create pods", "get pods/log"}))
    file = kubeconfig(tmp_path, server.url)
    sentence = refused(await said(*words(tmp_path, "--kubeconfig", file)))
    assert sentence.startswith(
        f"{WHO} may not create pods, watch events in the namespace school: set rbac.create to true"
    )
    assert not server.objects.get("pods")


async def test_secrets_that_are_not_there(tmp_path: Path, server: ApiServer) -> None:
    server.scripts.append(denying())
    file = kubeconfig(tmp_path, server.url)
    port = str(free_port())
    told = await said(*words(tmp_path, "--kubeconfig", file, "--secrets", tmp_path, "--port", port))
    assert refused(told) == f"There is no file 'cookie' in {tmp_path}."


@pytest.mark.parametrize("how", ["right", "away", "stranger", "hanging"])
async def test_a_cluster_that_does_not_answer_may_do_so_later(
    tmp_path: Path, server: ApiServer, how: str
) -> None:
    """Pages are served meanwhile; the log says once why no server can be started."""
    url = server.url
    server.scripts.append(denying())
    if how == "away":
        url = f"http://127.0.0.1:{free_port()}"
    if how == "hanging":
        server.scripts.insert(0, lambda it: Answer(hang=True) if it.method == "POST" else None)
    if how == "stranger":
        async with ApiServer().serving(Authority().server()) as other:
            log = await served(tmp_path, other.url)
    else:
        log = await served(tmp_path, url)
    said_so = {
        "right": "",
        "away": "cannot be reached",
        "stranger": "shows a certificate we do not trust",
        "hanging": "does not answer in time",
    }[how]
    assert ("the cluster cannot be asked what we may do" in log) is bool(said_so)
    assert said_so in log
    assert "Traceback" not in log
    if how == "right":
        assert reviewed(server) == len(VITAL)


async def served(tmp_path: Path, url: str) -> str:
    """Require a hub that answers, and return what it has logged."""
    port = free_port()
    file = kubeconfig(tmp_path, url)
    hub = await begun(*words(tmp_path, "--kubeconfig", file, "--port", str(port)))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def answers() -> bool:
            try:
                return (await client.get("/hub/health/live")).status_code == 200
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                return False

        await until(answers, 40)
    told = await stopped(hub)
    assert told.code == 0, told.err
    return told.err

"""Which cluster, and who we are: every source, and every way to get it wrong, in words."""

import asyncio
import os
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from perijove.spawners.kubernetes.credentials import Fixed, FromProgram, Shown, TokenFile
from perijove.spawners.kubernetes.errors import BadKubeconfig
from perijove.spawners.kubernetes.kubeconfig import Access, Wanted, find
from perijove.spawners.kubernetes.tls import expires
from tests.kubernetes.authority import Authority

AUTHORITY = Authority()
SERVER = "https://10.0.0.1:6443"
V1 = "client.authentication.k8s.io/v1"


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def tree(
    user: Mapping[str, Any] | None = None,
    cluster: Mapping[str, Any] | None = None,
    current: str = "class",
    **more: Any,
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "contexts": [
            {"name": "class", "context": {"cluster": "c", "user": "u", "namespace": "hub"}},
            {"name": "classroom", "context": {"cluster": "c", "user": "u"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": SERVER, **(cluster or {})}}],
        "users": [{"name": "u", "user": user if user is not None else {"token": "t"}}],
        **more,
    }


def write(path: Path, what: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(what if isinstance(what, str) else yaml.safe_dump(what))
    return path


def read(path: Path, **more: Any) -> Access:
    return find(Wanted(file=path, **more), {})


def refused(path: Path, what: object, **more: Any) -> str:
    write(path, what)
    with pytest.raises(BadKubeconfig) as caught:
        read(path, **more)
    words = str(caught.value)
    assert str(path) in words
    assert words.endswith((".", "?", ")."))
    assert "\n" not in words
    return words


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config"


def header(access: Access) -> str:
    return asyncio.run(show(access)).header


async def show(access: Access) -> Shown:
    return await access.credentials.show()


def test_a_plain_file(file: Path) -> None:
    access = read(write(file, tree()))
    assert (access.server, access.namespace) == (SERVER, "hub")
    assert header(access) == "Bearer t"
    assert read(file, context="classroom").namespace == "default"
    assert read(file, namespace="mine").namespace == "mine"


def test_where_it_is_looked_for(tmp_path: Path) -> None:
    account, home, named = tmp_path / "account", tmp_path / "home", tmp_path / "named"
    write(home / ".kube/config", tree({"token": "home"}))
    write(named, tree({"token": "named"}))
    environment = {"HOME": str(home)}
    assert header(find(Wanted(), environment, account)) == "Bearer home"
    environment["KUBECONFIG"] = str(named)
    assert header(find(Wanted(), environment, account)) == "Bearer named"
    environment |= {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    assert header(find(Wanted(), environment, account)) == "Bearer named"
    write(account / "token", "pod\n")
    write(account / "ca.crt", AUTHORITY.pem)
    write(account / "namespace", "hub\n")
    access = find(Wanted(), environment, account)
    assert (access.server, access.namespace) == ("https://[fd00::1]:443", "hub")
    assert access.trust.authorities == AUTHORITY.pem
    assert header(access) == "Bearer pod"
    wanted = Wanted(file=home / ".kube/config")
    assert header(find(wanted, environment, account)) == "Bearer home"
    assert header(find(Wanted(context="class"), environment, account)) == "Bearer named"


def test_a_service_account_that_is_not_whole(tmp_path: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    write(tmp_path / "token", "pod")
    with pytest.raises(BadKubeconfig, match=r"ca\.crt cannot be read .*mount the service account"):
        find(Wanted(), environment, tmp_path)
    write(tmp_path / "ca.crt", "")
    with pytest.raises(BadKubeconfig, match=r"ca\.crt is empty"):
        find(Wanted(), environment, tmp_path)


def test_many_files_are_one_and_the_first_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "a", tree({"token": "a"}, current=""))
    second = write(
        tmp_path / "b",
        tree(
            {"token": "b"},
            users=[{"name": "v", "user": {"token": "v"}}],
            contexts=[{"name": "second", "context": {"cluster": "c", "user": "v"}}],
            current="second",
        ),
    )
    paths = os.pathsep.join([str(first), str(tmp_path / "missing"), "", str(second)])
    assert header(find(Wanted(), {"KUBECONFIG": paths})) == "Bearer v"
    wanted = Wanted(context="class")
    assert header(find(wanted, {"KUBECONFIG": paths})) == "Bearer a"


def test_files_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    certificate, key = AUTHORITY.person("ada")
    for name, text in (("ca", AUTHORITY.pem), ("crt", certificate), ("key", key), ("tok", "t2")):
        write(tmp_path / "pki" / name, text)
    user = {"client-certificate": "pki/crt", "client-key": "pki/key", "tokenFile": "pki/tok"}
    access = read(write(tmp_path / "config", tree(user, {"certificate-authority": "pki/ca"})))
    assert access.trust.authorities == AUTHORITY.pem
    assert access.pair
    assert (access.pair.certificate, access.pair.key) == (certificate, key)
    assert isinstance(access.credentials, TokenFile)
    assert header(access) == "Bearer t2"
    assert key not in repr(access)


def test_certificates_may_stand_in_the_file(file: Path) -> None:
    certificate, key = AUTHORITY.person("ada")
    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    cluster = {"certificate-authority-data": encoded(AUTHORITY.pem), "tls-server-name": "k8s"}
    access = read(write(file, tree(user, cluster)))
    assert access.pair
    assert access.trust.server_name == "k8s"
    assert isinstance(access.credentials, Fixed)
    access.trust.context(access.pair)


def test_other_ways_to_sign_in(file: Path) -> None:
    access = read(write(file, tree({"username": "ada", "password": "x"})))
    assert header(access) == f"Basic {encoded('ada:x')}"
    for version in (V1, f"{V1}beta1"):
        program = {"apiVersion": version, "command": "true", "args": ["a"], "env": None}
        access = read(write(file, tree({"exec": program})))
        assert isinstance(access.credentials, FromProgram)
    write(file.parent / "login", "").chmod(0o700)
    access = read(write(file, tree({"exec": {"apiVersion": V1, "command": "./login"}})))
    assert isinstance(access.credentials, FromProgram)
    assert access.credentials.program.command == str(file.parent / "login")
    access = read(write(file, tree({}, {"insecure-skip-tls-verify": True})))
    assert access.trust.insecure
    assert header(access) == ""


def test_a_file_that_is_none(file: Path) -> None:
    with pytest.raises(BadKubeconfig, match=r"config does not exist\. Choose another"):
        read(file)
    with pytest.raises(BadKubeconfig, match=r"There is no kubeconfig: /nowhere/\.kube/config"):
        find(Wanted(), {"HOME": "/nowhere"})
    with pytest.raises(BadKubeconfig, match="Is a directory"):
        read(file.parent)
    assert "is not YAML (line 2)" in refused(file, "a: [\n}")
    assert "is not a kubeconfig" in refused(file, "hello")
    assert "is not a kubeconfig" in refused(file, {"kind": "Pod"})
    assert "no context is chosen" in refused(file, "")
    assert "an entry of users has no name" in refused(file, tree(users=[{"user": {}}]))
    assert "cluster 'c' is empty" in refused(file, tree(clusters=[{"name": "c", "cluster": "x"}]))


def test_names_that_do_not_exist(file: Path) -> None:
    words = refused(file, tree(), context="clas")
    assert words == f"{file}: the context 'clas' does not exist; did you mean 'class'?"
    assert "there are 'class', 'classroom'." in refused(file, tree(), context="xyz")
    assert "context 'class': its user 'u' does not exist; there are none." in refused(
        file, tree(users=[])
    )
    assert "context 'class': its cluster 'c' does not exist" in refused(file, tree(clusters=None))


def test_certificates_that_are_none(file: Path) -> None:
    words = refused(file, tree({}, {"certificate-authority-data": ""}))
    assert words == (
        f"{file}: cluster 'c': certificate-authority-data is empty."
        " Fetch the kubeconfig anew from your cluster."
    )
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    for wrong in ("hello", broken, AUTHORITY.pem[:-40]):
        words = refused(file, tree({}, {"certificate-authority-data": encoded(wrong)}))
        assert "certificate-authority holds no certificate in PEM" in words
    assert "is not base64" in refused(file, tree({}, {"certificate-authority-data": "%%"}))
    assert "(No such file or directory)" in refused(file, tree({}, {"certificate-authority": "x"}))
    assert "is empty: it must name" in refused(file, tree({}, {"certificate-authority": ""}))
    certificate, key = AUTHORITY.person("ada")
    data = {"client-certificate-data": encoded(certificate)}
    assert "without a client-key" in refused(file, tree(data))
    assert "client-key-data is empty" in refused(file, tree(data | {"client-key-data": ""}))
    words = refused(file, tree(data | {"client-key-data": encoded("key")}))
    assert "client-key holds no private key" in words
    assert key not in words


def test_a_certificate_that_has_expired(file: Path) -> None:
    until = datetime(2020, 5, 17, tzinfo=UTC)
    certificate, key = AUTHORITY.person("ada", until)
    assert expires(certificate) == until
    assert expires(AUTHORITY.person("ada")[0]) == datetime(2099, 1, 1, tzinfo=UTC)
    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    words = refused(file, tree(user))
    assert "user 'u': its client certificate has expired on 2020-05-17." in words


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({"server": ""}, "server is empty"),
        ({"server": 5}, "server must be a text"),
        ({"server": "ftp://x"}, "must begin with https://"),
        ({"proxy-url": "socks5://x"}, "proxy-url is not supported"),
        (
            {
                "insecure-skip-tls-verify": True,
                "certificate-authority-data": encoded(AUTHORITY.pem),
            },
            "take one out",
        ),
    ],
)
def test_clusters_that_cannot_be_reached(file: Path, cluster: dict[str, Any], words: str) -> None:
    assert words in refused(file, tree(None, cluster))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ({}, "command is empty"),
        ("x", "command is empty"),
        ({"command": "true"}, "apiVersion is ''"),
        ({"command": "true", "apiVersion": "v0"}, "must be one of"),
        ({"command": "true", "apiVersion": V1, "interactiveMode": "Always"}, "ask a person"),
        ({"command": "true", "apiVersion": V1, "env": [{"name": "x"}]}, "env must be"),
    ],
)
def test_programs_that_cannot_be_run(file: Path, program: Any, words: str) -> None:
    assert words in refused(file, tree({"exec": program or {"args": []}}))


def test_a_program_that_is_not_here_comes_with_its_hint(file: Path) -> None:
    program = {"apiVersion": V1, "command": "no-such-login"}
    words = refused(file, tree({"exec": program}))
    assert "user 'u': exec: the program 'no-such-login' is not here. Install it" in words
    hinted = program | {"installHint": "Get it\n  from us."}
    assert refused(file, tree({"exec": hinted})).endswith("not here. Get it from us.")


def test_what_kubernetes_has_given_up(file: Path) -> None:
    assert "use an exec plugin" in refused(file, tree({"auth-provider": {"name": "gcp"}}))

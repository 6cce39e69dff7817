"""Secrets of a release stand in its Secret and nowhere else (B27, on a cluster)."""

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.kubectl import Kubectl, own_namespace
from tests.cluster.release import STUB, Release, installed

OBJECTS = (
    "pods", "configmaps", "events", "services", "persistentvolumeclaims", "serviceaccounts",
    "deployments", "replicasets", "networkpolicies", "roles", "rolebindings", "endpointslices",
)  # fmt: skip
KINDS = ",".join(OBJECTS)
DRAWN = ("perijove.server-tokens", "perijove.cli-token")
LOOK = """
import glob
for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        print(open(name, "rb").read().replace(b"\\0", b"\\n").decode(errors="replace"))
    except OSError:
        pass
"""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A release, and what nobody may read of it."""

    release: Release
    canaries: dict[str, str]

    def hits(self, text: str) -> list[str]:
        """Return which of them are in `text`, as they are or in base64."""
        return sorted(name for name, it in self.canaries.items() if it in text or coded(it) in text)


def coded(text: str) -> str:
    """Return what is found of it in base64 wherever it begins a value."""
    return base64.b64encode(text.encode()).decode().rstrip("=")[:-1]


@pytest.fixture(scope="module")
def told(whole_cluster: Kubectl) -> Iterator[Told]:
    given = {
        name: f"canary-{name}-{secrets.token_hex(8)}" for name in ("service", "database", "proxy")
    }
    given["cookie"] = secrets.token_hex(32)
    values = {
        "hub": {
            "cookieSecret": given["cookie"],
            "services": {"watch": {"api_token": given["service"]}},
            "db": {"password": given["database"]},
        },
        "proxy": {"secretToken": given["proxy"]},
    }
    with own_namespace(whole_cluster) as kubectl, installed(kubectl, STUB, values) as release:
        held = kubectl.json("get", "secret", "hub")["data"]
        drawn = {key: base64.b64decode(held[key]).decode() for key in DRAWN}
        release.start("ada")
        release.until_ready("ada")
        yield Told(release=release, canaries=given | drawn)


def test_the_secret_holds_all_of_them_so_the_search_would_find_them(told: Told) -> None:
    held = told.release.kubectl.json("get", "secret", "hub")
    assert len(told.canaries) == 6
    assert told.hits(" ".join(held["data"].values())) == sorted(
        it for it in told.canaries if it not in {"service", "database"}
    )
    values = base64.b64decode(held["data"]["values.yaml"]).decode()
    assert told.hits(values) == ["cookie", "database", "proxy", "service"]


@pytest.mark.smoke
def test_no_object_but_the_secret_holds_one(told: Told) -> None:
    shown = told.release.kubectl("get", KINDS, "-o", "json", "--show-managed-fields")
    assert '"Pod"' in shown
    assert '"Event"' in shown
    assert told.hits(shown) == []


def test_neither_hub_nor_proxy_logs_one(told: Told) -> None:
    kubectl = told.release.kubectl
    for part in ("hub", "proxy"):
        log = kubectl("logs", f"deployment/{part}", "--all-containers", "--tail=-1")
        assert log
        assert told.hits(log) == []


def test_none_is_in_an_environment_or_on_a_command_line(told: Told) -> None:
    kubectl, pod = told.release.kubectl, told.release.pod("ada")
    for where in ("deployment/hub", "deployment/proxy", f"pod/{pod['metadata']['name']}"):
        seen = kubectl("exec", where, "--", "python3", "-c", LOOK)
        assert "PATH=" in seen
        assert told.hits(seen) == []


def test_the_hub_keeps_none_of_them_beside_its_database(told: Told) -> None:
    look = ("sh", "-c", "cat /srv/jupyterhub/*.sqlite* /srv/jupyterhub/run/*")
    seen = told.release.kubectl("exec", "deployment/hub", "--", *look)
    assert "pj_users" in seen or "pj_user" in seen
    assert told.hits(seen) == []


def test_neither_the_api_nor_a_command_shows_one(told: Told) -> None:
    admin, kubectl = told.release.admin, told.release.kubectl
    for path in ("/users", "/users/ada", "/info", "/metrics", "/proxy", "/users/ada/server"):
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert told.hits(answer.text) == []
    place = ("-f", "/etc/perijove/config/values.yaml", "--spawner", "kubernetes")
    for words in (("config", "show"), ("config", "check"), ("doctor", "--no-start")):
        seen = kubectl("exec", "deployment/hub", "--", "perijove", *words, *place, check=False)
        assert seen
        assert told.hits(seen) == []


def test_the_token_of_a_server_is_in_its_own_pod_alone(told: Told) -> None:
    kubectl, pod = told.release.kubectl, told.release.pod("ada")
    env = {it["name"]: it.get("value", "") for it in pod["spec"]["containers"][0]["env"]}
    token = env["JUPYTERHUB_API_TOKEN"]
    assert len(token) > 20
    holding = [
        it["metadata"]["name"]
        for it in kubectl.json("get", KINDS)["items"]
        if token in json.dumps(it)
    ]
    assert holding == [pod["metadata"]["name"]]
    for part in ("hub", "proxy"):
        assert token not in kubectl("logs", f"deployment/{part}", "--tail=-1")
    assert token not in kubectl("exec", "deployment/hub", "--", "sh", "-c",
                                "cat /srv/jupyterhub/*.sqlite*")  # fmt: skip

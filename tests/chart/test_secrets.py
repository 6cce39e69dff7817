"""Secrets and values: what is given wins, what is drawn is strong, and the hub can read it."""

import json
import re
from pathlib import Path

import pytest
import yaml

from perijove.cli.box import SECRETS
from perijove.settings import read
from tests.chart.helm import decoded, manifests
from tests.chart.test_manifests import CASES

pytestmark = pytest.mark.usefixtures("helm_here")
COOKIE = "hub.config.JupyterHub.cookie_secret"
KEYS = "hub.config.CryptKeeper.keys"
TOKEN = "hub.config.ConfigurableHTTPProxy.auth_token"
CLASS = "hub.config.Authenticator"
A, B = "aa" * 32, "bb" * 32


def secret(*settings: str) -> dict[str, str]:
    return decoded(manifests(None, *settings)["Secret", "hub"])


def test_what_nobody_gives_is_drawn_each_time_and_never_twice() -> None:
    one, other = secret(), secret()
    drawn = [key for key in one if key != "values.yaml"]
    assert sorted(drawn) == [TOKEN, KEYS, COOKIE, "perijove.cli-token", "perijove.server-tokens"]
    values = [each[key] for each in (one, other) for key in drawn]
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in values)
    assert len(set(values)) == len(values)


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [
        (COOKIE, "hub.config.JupyterHub.cookie_secret", "hub.cookieSecret"),
        (TOKEN, "hub.config.ConfigurableHTTPProxy.auth_token", "proxy.secretToken"),
    ],
)
def test_what_is_given_wins_and_the_trait_before_the_key(key: str, first: str, second: str) -> None:
    assert secret(f'{second}="old"')[key] == "old"
    assert secret(f'{second}="old"', f'{first}="new"')[key] == "new"


@pytest.mark.parametrize("given", [[], [A], [A, B], f"{A};{B}"])
def test_the_hub_seals_with_the_keys_that_are_given_or_else_with_one_that_is_drawn(
    given: list[str] | str, tmp_path: Path
) -> None:
    found = manifests(None, f"{KEYS}={json.dumps(given)}", f"{CLASS}.enable_auth_state=true")
    held = decoded(found["Secret", "hub"])
    wanted = ";".join(given) if isinstance(given, list) else given
    assert held[KEYS] == wanted or (not given and re.fullmatch("[0-9a-f]{64}", held[KEYS]))
    pod = found["Deployment", "hub"]["spec"]["template"]["spec"]
    [named] = [it for it in pod["containers"][0]["env"] if it["name"].endswith("__FILE")]
    volume = next(it for it in pod["volumes"] if it["name"] == "secret")
    mount = next(it for it in pod["containers"][0]["volumeMounts"] if it["name"] == "secret")
    for item in volume["secret"]["items"]:  # as a kubelet does it
        (tmp_path / item["path"]).write_text(held[item["key"]])
    (tmp_path / "values.yaml").write_text(held["values.yaml"])
    there = named["value"].replace(mount["mountPath"], str(tmp_path))
    keeping = read(tmp_path / "values.yaml", {named["name"]: there}).required().sign_in.keeping
    assert keeping.enabled
    assert ";".join(it.hex() for it in keeping.keys) == held[KEYS]


def test_the_hub_finds_its_secrets_under_their_names() -> None:
    pod = manifests(None)["Deployment", "hub"]["spec"]["template"]["spec"]
    volume = next(it for it in pod["volumes"] if it["name"] == "secret")
    assert {item["path"] for item in volume["secret"]["items"]} == {*SECRETS, "crypt-keys"}
    mounts = {it["name"]: it for it in pod["containers"][0]["volumeMounts"]}
    assert mounts["secret"]["readOnly"]
    assert mounts["config"]["readOnly"]
    arguments = pod["containers"][0]["args"]
    assert f"--secrets={mounts['secret']['mountPath']}" in arguments
    assert f"--file={mounts['config']['mountPath']}/values.yaml" in arguments


@pytest.mark.parametrize("case", CASES)
def test_the_hub_reads_the_values_without_a_problem(case: str, tmp_path: Path) -> None:
    found = manifests(CASES[case])
    held = next(it for (kind, _), it in found.items() if kind == "Secret")
    file = tmp_path / "values.yaml"
    file.write_text(decoded(held)["values.yaml"])
    reading = read(file, {})
    assert not reading.problems
    assert reading.settings is not None
    if case == "everything":
        assert reading.settings.cull.timeout == 12345678
        assert reading.settings.singleuser.start_timeout == 1000000


def test_the_values_are_as_they_were_given_but_for_the_labels_of_the_release() -> None:
    odd = {"a": "1e3", "b": 0.25, "c": 123456789012, "d": "null", "e": "中文: #", "f": [None, ""]}
    values = yaml.safe_load(secret(f"custom={json.dumps(odd)}")["values.yaml"])
    assert values["custom"] == odd
    labels = values["singleuser"]["extraLabels"]
    assert labels.items() >= {"app": "jupyterhub", "release": "jupyterhub"}.items()
    assert labels["hub.jupyter.org/network-access-hub"] == "true"
    assert values["singleuser"]["storage"]["extraLabels"]["release"] == "jupyterhub"


def test_other_values_make_another_hub_pod_and_leave_the_proxy() -> None:
    given = ('hub.cookieSecret="a"', 'proxy.secretToken="b"')
    one, other = manifests(None, *given), manifests(None, *given, "cull.timeout=5")
    for name, same in [("hub", False), ("proxy", True)]:
        before, after = (it["Deployment", name]["spec"]["template"] for it in (one, other))
        assert (before == after) is same


def test_the_hub_is_told_where_a_proxy_of_another_make_has_its_api() -> None:
    def told(*settings: str) -> object:
        values = yaml.safe_load(secret('proxy.kind="chp"', *settings)["values.yaml"])
        return values["hub"]["config"]["ConfigurableHTTPProxy"]["api_url"]

    assert told() == "http://proxy-api:8001"
    mine = "http://mine:1"
    assert told(f'hub.config.ConfigurableHTTPProxy.api_url="{mine}"') == mine

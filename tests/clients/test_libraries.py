"""Libraries that speak to a hub, unmodified, with ours: jh-client, and Dask Gateway's sign-in."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.programs import python
from tests.e2e.box import Up

REST = """
import json, os, time
from datetime import datetime, timezone
import jh_client
from jh_client import models as m

hub = jh_client.DefaultApi(
    jh_client.ApiClient(
        jh_client.Configuration(host=os.environ["URL"]),
        "Authorization", "token " + os.environ["TOKEN"],
    )
)
told = {"version": hub.root_get().version, "me": hub.user_get().name}
told["spawner"] = bool(hub.info_get().spawner.version)

hub.users_post(m.UsersPostRequest(usernames=["ada", "bob"], admin=False))
hub.users_name_post("cleo")
hub.users_name_patch("cleo", m.UsersNamePatchRequest(admin=True))
told["users"] = {it.name: it.admin for it in hub.users_get()}
told["page"] = [it.name for it in hub.users_get(offset=1, limit=1)]

def ready(user, name=""):
    for _ in range(200):
        server = (hub.users_name_get(user).servers or {}).get(name)
        if server is not None and server.ready:
            return server
        time.sleep(0.1)
    raise SystemExit(f"{user}/{name} never runs")

hub.users_name_server_post("ada")
told["server"] = ready("ada").url
hub.users_name_servers_server_name_post("ada", "lab2", options={"mem": "x"})
told["named"] = ready("ada", "lab2").name
told["ready"] = [it.name for it in hub.users_get(state="ready")]
now = datetime.now(timezone.utc)
hub.users_name_activity_post("ada", m.UsersNameActivityPostRequest(last_activity=now))
told["active"] = (hub.users_name_get("ada").last_activity - now).total_seconds()
told["routes"] = sorted(hub.proxy_get())

made = hub.users_name_tokens_post("ada", m.UsersNameTokensPostRequest(note="by jh-client"))
told["token"] = bool(made.token)
told["note"] = hub.users_name_tokens_token_id_get("ada", made.id).note
told["owner"] = made.user
hub.users_name_tokens_token_id_delete("ada", made.id)
# That text calls it a list; JupyterHub itself, and so ours, answers an object.
listed = json.loads(hub.users_name_tokens_get_without_preload_content("ada").data)
told["tokens"] = "by jh-client" in [it["note"] for it in listed["api_tokens"]]

hub.groups_name_post("math")
told["members"] = hub.groups_name_users_post(
    "math", m.GroupsNameUsersPostRequest(users=["ada", "bob"])
).users
hub.groups_name_properties_put("math", body={"gpus": 2})
told["properties"] = hub.groups_name_get("math").properties
told["groups"] = [it.name for it in hub.groups_get()]
hub.groups_name_delete("math")

hub.users_name_servers_server_name_delete("ada", "lab2")
hub.users_name_server_delete("ada")
hub.users_name_delete("bob")
try:
    hub.users_name_get("bob")
except jh_client.ApiException as error:
    told["missing"] = error.status
print(json.dumps(told))
"""

DASK = """
import asyncio, json, os
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from dask_gateway_server.auth import JupyterHubAuthenticator

async def main():
    told = []
    gateway = JupyterHubAuthenticator()
    await gateway.setup(None)
    for token in json.loads(os.environ["TOKENS"]):
        asked = make_mocked_request("GET", "/", {"Authorization": f"jupyterhub {token}"})
        try:
            user = await gateway.authenticate(asked)
            told.append([user.name, sorted(user.groups), user.admin])
        except web.HTTPException as refused:
            told.append(refused.status)
    await gateway.cleanup()
    print(json.dumps(told))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    hub = {
        "allowNamedServers": True,
        "config": {
            "JupyterHub": {"authenticator_class": "dummy", "load_groups": {"gpu": ["ada"]}},
            "Authenticator": {"allow_all": True, "admin_users": ["root"]},
        },
        "services": {"dask-gateway": {"apiToken": "of-the-gateway"}},
        "loadRoles": {
            "dask": {"scopes": ["access:services!service=dask-gateway"], "groups": ["gpu"]}
        },
    }
    it = Up(tmp_path_factory.mktemp("box"), hub=hub)
    try:
        it.start()
        yield it
        assert it.stop() == 0
    finally:
        it.end()


def told(script: str, **environment: str) -> Any:
    """Return the JSON that a script says, which runs where the libraries are."""
    command = [str(python("api")), "-c", script]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_client_made_from_the_openapi_text_of_jupyterhub_understands_every_answer(
    box: Up,
) -> None:
    token = (box.data / "secrets" / "cli-token").read_text().strip()
    found = told(REST, URL=f"http://127.0.0.1:{box.public}/hub/api", TOKEN=token)
    active = found.pop("active")
    assert abs(active) < 60
    assert found.pop("version").startswith("6.")
    assert found == {
        "me": "perijove-cli",
        "spawner": True,
        "users": {"ada": False, "bob": False, "cleo": True},
        "page": ["bob"],
        "server": "/user/ada/",
        "named": "lab2",
        "ready": ["ada"],
        "routes": ["/", "/user/ada/", "/user/ada/lab2/"],
        "token": True,
        "note": "by jh-client",
        "owner": "ada",
        "tokens": False,
        "members": ["ada", "bob"],
        "properties": {"gpus": 2},
        "groups": ["gpu", "math"],
        "missing": 404,
    }


@pytest.mark.parametrize("enforced", [False, True])
def test_dask_gateway_lets_in_whom_the_hub_knows_and_may_use_it(box: Up, *, enforced: bool) -> None:
    tokens = []
    for person in ("ada", "eve"):
        box.hub("POST", f"/users/{person}")
        status, made = box.hub("POST", f"/users/{person}/tokens", {"note": "dask"})
        assert status == 201, made
        tokens.append(made["token"])
    found = told(
        DASK,
        TOKENS=json.dumps([*tokens, "of-the-gateway", "nobodys"]),
        JUPYTERHUB_API_URL=f"http://127.0.0.1:{box.public}/hub/api",
        JUPYTERHUB_API_TOKEN="of-the-gateway",
        **({"JUPYTERHUB_SERVICE_NAME": "dask-gateway"} if enforced else {}),
    )
    ada, eve, itself, nobody = found
    assert ada == ["ada", ["gpu"], False]
    assert eve == (401 if enforced else ["eve", [], False])
    assert itself == (401 if enforced else ["service:dask-gateway", [], False])
    assert nobody == 500, "what it makes of the 403 of an unknown token"

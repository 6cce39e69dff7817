"""The schema: made from the settings, takes what the hub takes, refuses what nobody meant."""

import json
import os

import pytest

from perijove.settings import read
from tests.chart.helm import CHART, template
from tests.chart.schema import schema

FILE = CHART / "values.schema.json"


def test_the_schema_is_what_the_settings_say() -> None:
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE"):
        FILE.write_text(text)
    assert FILE.read_text() == text, "UPDATE=1 writes it anew; look at the difference"


def test_the_values_of_the_chart_are_a_good_configuration() -> None:
    reading = read(CHART / "values.yaml", {})
    assert not reading.problems
    assert reading.settings is not None
    assert reading.settings.sign_in.name == "dummy"
    rules = reading.settings.sign_in.rules
    assert not rules.any, "nobody enters before a rule is set"
    assert not rules.admin_users


@pytest.mark.usefixtures("helm_here")
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("hub.bseUrl='/'", "bseUrl"),
        ("hub.image.tag=1", "tag"),
        ("hub.db.type='postgresql'", "type"),
        ("hub.config.jupyterhub={}", "jupyterhub"),
        ("hub.config.Authenticator=[]", "Authenticator"),
        ("hub.labels.team=true", "team"),
        ("hub.networkPolicy.enabled='yes'", "enabled"),
        ("hub.orphans='delete'", "orphans"),
        ("hub.image=null", "image"),
        ("proxy.chp=null", "chp"),
        ("singleuser=null", "singleuser"),
        ("proxy.service.type='Loadbalancer'", "type"),
        ("proxy.trustedProxies='10.0.0.0/8'", "trustedProxies"),
        ("singleuser.cpu.gurantee=1", "gurantee"),
        ("singleuser.memory.limit=true", "limit"),
        ("singleuser.storage.type='nfs'", "type"),
        ("rbac.enabled=true", "enabled"),
        ("cull.max_age=3", "max_age"),
        ("auth={}", "auth"),
    ],
)
def test_a_mistake_is_refused_and_named(setting: str, said: str) -> None:
    found = template(None, setting.replace("'", '"'))
    assert found.returncode != 0
    assert said in found.stderr
    assert "nil pointer" not in found.stderr


@pytest.mark.usefixtures("helm_here")
@pytest.mark.parametrize(
    "setting",
    [
        "hub.config=null", "hub.extraEnv=null", "hub.resources=null", "hub.command=null",
        "hub.orphans=null", "hub.podSecurityContext=null", "hub.serviceAccount.name=null",
        "imagePullSecrets=null", "proxy.chp.image.name=null", "proxy.service.nodePorts.http=null",
        "proxy.chp.extraCommandLineFlags=null", "singleuser.extraLabels=null",
        "singleuser.profileList={'a':{'display_name':'A'}}", "singleuser.cmd='start.sh'",
        "singleuser.memory.limit='2G'", "singleuser.memory.limit=1073741824",
        "scheduling.corePods.tolerations=null", "custom={'a':[1]}", "global={'b':1}",
        "cull.enabled=true", "prePuller.hook.enabled=true", "scheduling.userScheduler.enabled=true",
        "scheduling.podPriority.enabled=true", "hub.services.grader={'apiToken':'x'}",
        "hub.config.GitHubOAuthenticator={'client_id':'x'}",
        "singleuser.cloudMetadata.blockWithIptables=false", "proxy.https.enabled=false",
    ],
)  # fmt: skip
def test_what_upstream_takes_is_taken(setting: str) -> None:
    found = template(None, setting.replace("'", '"'))
    assert found.returncode == 0, found.stderr

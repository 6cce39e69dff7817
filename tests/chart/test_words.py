"""What the chart says: what it refuses and why, and what to do after an install."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.chart.helm import CHART, helm, template

pytestmark = pytest.mark.usefixtures("helm_here")


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("proxy.https.enabled=true", "in front of the Service proxy-public"),
        ("ingress.enabled=true", "an Ingress of your own"),
        ("httpRoute.enabled=true", "an HTTPRoute of your own"),
        (
            "imagePullSecret={'create':true,'registry':'r','username':'u','password':'p'}",
            "yourself",
        ),
        ("hub.existingSecret='mine'", "a values file of their own"),
        ("hub.extraFiles={'a':{'mountPath':'/a','stringData':'x'}}", "hub.extraVolumes"),
        ("hub.extraConfig={'a':'c.JupyterHub.x = 1'}", "hub.config"),
        ("hub.config.JupyterHub.internal_ssl=true", "WireGuard"),
        ("singleuser.extraFiles={'a':{'mountPath':'/a','stringData':'x'}}", "extraVolumes"),
        ("singleuser.cloudMetadata.blockWithIptables=true", "networkPolicy"),
        ("proxy.chp.defaultTarget='http://x'", "configurable-http-proxy"),
        ("hub.db.type='mysql'", "mysql://user@host/name"),
        ("hub.db.type='other'", "hub.db.url"),
        ("hub.db.type='postgres'", "hub.db.url"),
        ("hub.replicas=2", "PostgreSQL"),
    ],
)
def test_what_is_not_built_is_refused_with_what_to_do(setting: str, hint: str) -> None:
    found = template(None, setting.replace("'", '"'))
    assert found.returncode != 0
    key = setting.split("=", maxsplit=1)[0]
    assert key in found.stderr
    assert hint in found.stderr


def test_all_refusals_are_told_at_once() -> None:
    found = template(None, "ingress.enabled=true", "proxy.https.enabled=true")
    assert "- ingress.enabled: " in found.stderr
    assert "- proxy.https.enabled: " in found.stderr


def test_helm_has_nothing_against_it() -> None:
    found = helm("lint", "--strict", str(CHART))
    assert found.returncode == 0, found.stdout
    assert "[WARNING]" not in found.stdout


@pytest.fixture
def notes(tmp_path: Path) -> Callable[..., str]:
    """Return what says the notes: `helm template` renders them, but does not show them."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    text = (chart / "templates" / "NOTES.txt").read_text()
    (chart / "templates" / "_notes.tpl").write_text(f'{{{{ define "notes" }}}}{text}{{{{ end }}}}')
    (chart / "templates" / "notes.yaml").write_text('notes: {{ include "notes" . | quote }}')

    def said(*settings: str) -> str:
        found = template(None, *settings, chart=chart)
        assert found.returncode == 0, found.stderr
        documents = yaml.safe_load_all(found.stdout)
        return str(next(it["notes"] for it in documents if it and "notes" in it))

    return said


def test_the_notes_say_that_nobody_may_enter_until_somebody_may(notes: Callable[..., str]) -> None:
    assert "Nobody can sign in yet" in notes()
    for rule in ("Authenticator.allow_all=true", 'JupyterHub.admin_users=["ada"]'):
        assert "Nobody can sign in yet" not in notes(f"hub.config.{rule}")


def test_the_notes_say_what_an_uninstall_leaves_and_how_to_delete_it(
    notes: Callable[..., str],
) -> None:
    said = notes()
    assert "helm uninstall jupyterhub loses nothing" in said
    assert "delete pvc --selector component=singleuser-storage,release=jupyterhub" in said
    assert "delete pvc/hub-db-dir secret/hub" in said
    assert "hub-db-dir" not in notes('hub.db.type="sqlite-memory"')


def test_the_notes_say_where_it_is(notes: Callable[..., str]) -> None:
    assert "EXTERNAL-IP" in notes()
    said = notes('proxy.service={"type":"NodePort","nodePorts":{"http":30080}}')
    assert "http://<address of a node>:30080/" in said
    assert "port-forward" in notes('proxy.service.type="ClusterIP"')

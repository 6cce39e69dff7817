"""The helm that the tests of the chart run, and what it renders."""

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "deploy" / "chart"
RELEASE, NAMESPACE = "jupyterhub", "school"
KUBERNETES = "1.34.4"
"""What is rendered for: a helm that was built with `go install` believes in an old one."""
_CACHE = Path.home() / ".cache" / "perijove-cluster"
_RANDOM = re.compile(r"\b[0-9a-f]{64}\b")

Manifest = dict[str, Any]


def program() -> str | None:
    """Return helm: that of PERIJOVE_HELM, of the PATH, or of the newest test cluster."""
    cached = sorted(_CACHE.glob("*/helm"), key=lambda path: path.stat().st_mtime)
    named = os.environ.get("PERIJOVE_HELM") or shutil.which("helm")
    return named or (str(cached[-1]) if cached else None)


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm and return what came of it."""
    return subprocess.run(
        [program() or "helm", *arguments], capture_output=True, text=True, check=False
    )


def template(
    values: Path | None = None, *settings: str, release: str = RELEASE, chart: Path = CHART
) -> subprocess.CompletedProcess[str]:
    """Run `helm template`; `settings` as --set-json takes them."""
    given = ["--values", str(values)] if values else []
    set_to = [part for setting in settings for part in ("--set-json", setting)]
    fixed = ("--namespace", NAMESPACE, "--kube-version", KUBERNETES)
    return helm("template", release, str(chart), *fixed, *given, *set_to)


def manifests(*arguments: Any, **named: Any) -> dict[tuple[str, str], Manifest]:
    """Return what `template` renders, by kind and name."""
    found = template(*arguments, **named)
    assert found.returncode == 0, found.stderr
    documents = [it for it in yaml.safe_load_all(found.stdout) if it]
    return {(it["kind"], it["metadata"]["name"]): it for it in documents}


def decoded(secret: Manifest) -> dict[str, str]:
    """Return what a Secret holds."""
    return {key: base64.b64decode(it).decode() for key, it in secret["data"].items()}


def golden(found: dict[tuple[str, str], Manifest]) -> str:
    """Return manifests as a golden file has them: sorted, readable, nothing random."""
    texts = []
    for (kind, name), manifest in sorted(found.items()):
        shown = dict(manifest)
        if kind == "Secret":
            data = decoded(manifest)
            data["values.yaml"] = "(the values)"
            shown["data"] = data
        text = yaml.safe_dump(shown, sort_keys=True, width=100)
        text = _RANDOM.sub("(drawn)", text)
        text = re.sub(r"(checksum/auth-token: ).*", r"\1(drawn)", text)
        texts.append(f"# {kind} {name}\n{text}")
    return "---\n".join(texts)

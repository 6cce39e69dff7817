"""Whatever a cluster says of a start is told in plain words, in both languages."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from perijove.http import cluster_sentences as cluster
from perijove.http.catalogue import translated
from perijove.http.reader import Reader
from perijove.http.remedies import ADMINISTRATOR, NEXT
from perijove.http.sentences import ENGLISH, administrator, told
from perijove.kit.section import Section
from perijove.model.signal import Params
from perijove.settings.pod_sections import PodSettings, SchedulingSettings
from perijove.spawners import kubernetes
from tests import sources

SOURCE = Path(kubernetes.__file__).parent
GIVEN: Mapping[str, set[str]] = {
    "admission-denied": {"why"},
    "bad-amount": {"amount"},
    "bad-template": {"template"},
    "claim-class": {"claim", "why"},
    "claim-lost": {"claim"},
    "claim-missing": {"why"},
    "claim-leaving": {"claim"},
    "claim-pending": {"claim", "why"},
    "claim-refused": {"claim", "why"},
    "claim-taken": {"claim"},
    "claim-unbound": {"claim", "why"},
    "cluster-event": {"reason", "why"},
    "cluster-unreachable": set(),
    "container-config": {"why"},
    "container-start": {"why"},
    "crash-loop": {"exit_code", "restarts"},
    "evicted": set(),
    "gated": set(),
    "image-broken": {"image"},
    "image-denied": {"image", "why"},
    "image-disk": {"image", "why"},
    "image-missing": {"image", "why"},
    "image-name": {"image"},
    "image-never": {"image"},
    "image-platform": {"image", "why"},
    "image-pulled": {"image"},
    "image-pulling": {"image"},
    "image-slow": {"image"},
    "image-unreachable": {"image"},
    "init-failed": {"container", "exit_code"},
    "no-room": {"why"},
    "no-room-busy": {"why", "nodes"},
    "no-room-cpu": {"resource", "wanted", "why"},
    "no-room-gpu": {"resource", "wanted", "why", "nodes"},
    "no-room-gpu-none": {"resource", "wanted", "why", "nodes"},
    "no-room-gpu-unseen": {"resource", "wanted", "why"},
    "no-room-memory": {"resource", "wanted", "why"},
    "no-room-pods": {"why"},
    "no-room-resource": {"resource", "wanted", "why"},
    "no-room-selector": {"why", "nodes"},
    "no-room-taint": {"taints", "why"},
    "no-room-volume": {"why", "nodes"},
    "no-scale-up": {"why"},
    "node-lost": {"node"},
    "not-permitted": {"verb", "resource", "why"},
    "not-ready": {"why", "node"},
    "out-of-memory": {"limit", "container"},
    "pod-deleted": {"node"},
    "pod-invalid": {"why"},
    "preempted": {"why"},
    "quota": {"why"},
    "quota-never": {"why"},
    "sandbox": {"why", "node"},
    "scaling-up": {"why"},
    "scheduled": {"node"},
    "volume-made": set(),
    "volume-mount": {"why", "node"},
}
"""The parameters that a code always has; a code that is given in two ways has those of both."""
FACTS = {"cluster-event", "image-pulled", "image-pulling", "scheduled", "volume-made"}
"""What is no hindrance, so that there is nothing to do about it."""
NO_CODES = {"ephemeral-storage", "perijove-doctor", "start-timeout"}
EMPTY = {"claim", "exit_code", "image", "limit", "node", "wanted", "why"}
"""What may be '' or None."""
WORDS = re.compile(
    r"\b(pods?|nodes?|claims?|pvcs?|volumes?|namespaces?|taints?|toleration|scheduler|kubelet|"
    r"kubectl|kubernetes|configmaps?|storageclass|containers?)\b|节点|持久卷|命名空间|污点|容器|申领",
    re.IGNORECASE,
)
CODE = re.compile(r"[a-z]+(-[a-z]+)+")
TELLS = {"Signal", "Refused"}


def codes() -> Iterator[str]:
    """Yield every code that a module of the spawner can give."""
    for path in sorted(SOURCE.glob("*.py")):
        tree = sources.tree(path)
        calls = [it for it in ast.walk(tree) if isinstance(it, ast.Call) and _name(it) in TELLS]
        for call in calls:
            given = [*call.args[:1], *(it.value for it in call.keywords if it.arg == "code")]
            yield from (it for each in given for it in _texts(each))
        if calls:  # they may stand in a table, or be what a function returns
            for node in ast.walk(tree):
                if isinstance(node, ast.Assign | ast.Return) and node.value:
                    yield from (it for it in _texts(node.value) if CODE.fullmatch(it))


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)(?::\w+)?\}", text))


def bare(text: str) -> str:
    """Return the words of a sentence without what it is filled with."""
    return re.sub(r"\{[^}]*\}", "", text)


def both(text: str) -> tuple[str, str]:
    return text, translated(text, "zh")


def test_every_code_of_the_spawner_has_its_words() -> None:
    found = {code for code in codes() if CODE.fullmatch(code) or code in GIVEN} - NO_CODES
    assert {"no-room-gpu", "image-missing", "out-of-memory", "bad-template", "gated"} <= found
    assert sorted(found - GIVEN.keys()) == []
    assert GIVEN.keys() == cluster.ENGLISH.keys()


@pytest.mark.parametrize("code", sorted(GIVEN))
def test_a_person_is_told_what_is_the_case_and_what_to_do_in_plain_words(code: str) -> None:
    texts = [ENGLISH[code], *([cluster.VAGUE[code]] if code in cluster.VAGUE else [])]
    assert (code in NEXT) is (code not in FACTS)
    for text in (*texts, *([NEXT[code]] if code in NEXT else [])):
        assert places(text) <= GIVEN[code] - {"why"}, text
        for said in both(text):
            assert not WORDS.search(bare(said)), said
        assert translated(text, "zh") != text, "it has no Chinese"


@pytest.mark.parametrize("code", sorted(GIVEN.keys() - FACTS))
def test_an_administrator_is_told_where_to_look(code: str) -> None:
    text = ADMINISTRATOR[code]
    assert places(text) <= (GIVEN[code] | {"pod"}) - {"why"}, text
    assert translated(text, "zh") != text, "it has no Chinese"
    assert "`" in text or code in {"preempted", "pod-deleted", "no-scale-up", "no-room-pods"}, (
        "it names a setting or a command"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("code", sorted(GIVEN))
def test_a_sentence_reads_well_when_something_is_not_known(code: str, language: str) -> None:
    who = Reader(language=language)
    known = dict.fromkeys(GIVEN[code], "7")
    for nothing in ("", None):
        params = {**known, **dict.fromkeys(EMPTY & GIVEN[code], nothing)}
        if "image" in params and code != "image-name":
            continue  # a container always names its image
        said = told(code, params, who)
        assert not re.search(r"\?|  |[ :\uff1a][.。]", said), said


def test_the_words_of_kubernetes_are_for_administrators_alone() -> None:
    params = {"why": "0/3 nodes are available"}
    assert "0/3" not in told("no-room", params, Reader())
    said = administrator("no-room", params, Reader())
    assert said
    assert said.endswith("more. Kubernetes says: 0/3 nodes are available")
    assert "says:" not in str(administrator("no-room", {"why": ""}, Reader()))


def test_a_number_of_bytes_and_a_device_are_told_as_people_write_them() -> None:
    limit: Params = {"limit": 2 << 30, "container": "notebook"}
    assert "its limit of 2 GiB and" in told("out-of-memory", limit, Reader())
    assert "达到 2 GiB 上限" in told("out-of-memory", limit, Reader(language="zh"))
    gpu: Params = {"resource": "nvidia.com/gpu", "wanted": "2", "nodes": "n1: 1, n2: 1"}
    assert told("no-room-gpu", gpu, Reader()) == (
        "No machine has enough GPU free. Asked for: 2. The machines have in all: n1: 1, n2: 1."
    )
    assert told("no-room-gpu", gpu, Reader(language="zh")) == (
        "没有机器能空出 2 个 GPU。各机器总数：n1: 1, n2: 1。"  # noqa: RUF001
    )


def test_every_setting_that_an_administrator_is_told_of_exists() -> None:
    roots: Mapping[str, type[Section]] = {
        "singleuser": PodSettings,
        "scheduling": SchedulingSettings,
    }
    elsewhere = {"cmd", "extraEnv", "profileList", "startTimeout"}
    named = {
        key
        for text in cluster.ADMINISTRATOR.values()
        for key in re.findall(r"`((?:singleuser|scheduling)\.[\w.]+)`", text)
    }
    assert len(named) > 15
    for key in sorted(named):
        root, *rest = key.split(".")
        section: type[Section] | None = roots[root]
        if rest[0] in elsewhere:
            continue
        for name in rest:
            assert section is not None, key
            fields = {field.alias or key_: field for key_, field in section.model_fields.items()}
            fields |= {_camel(key_): field for key_, field in section.model_fields.items()}
            assert name in fields, key
            kind = fields[name].annotation
            section = kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)

"""The test cluster's kit: what it says and decides, without a cluster."""

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cluster.kit import (
    archive,
    audit,
    binaries,
    borrowed,
    cluster,
    go,
    images,
    parts,
    tools,
)
from tests.cluster.kit.words import Refused


def test_each_missing_tool_has_a_sentence_with_its_package() -> None:
    absent = {"etcd-that-is-not-here": "etcd-server", "/nowhere/ptp": "containernetworking-plugins"}
    with pytest.raises(Refused) as refused:
        tools.require(absent, {"sh": "dash"})
    assert str(refused.value).splitlines() == [
        "etcd-that-is-not-here is not here: it is in the package etcd-server.",
        "/nowhere/ptp is not here: it is in the package containernetworking-plugins.",
        "On Debian, as root: apt-get install containernetworking-plugins etcd-server",
    ]


def test_a_binary_counts_only_with_its_stamp_and_at_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "BIN", tmp_path)
    made = tmp_path / "out" / "kubelet"
    made.parent.mkdir()
    made.write_bytes(b"a whole binary")
    assert not binaries.whole("kubelet")
    binaries._keep(made)
    assert binaries.whole("kubelet")
    assert "kubelet" not in binaries.missing()
    (tmp_path / "kubelet").write_bytes(b"half")
    assert not binaries.whole("kubelet")


def test_a_binary_of_another_version_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "BIN", tmp_path)
    (tmp_path / "kwok").write_bytes(b"old")
    (tmp_path / "kwok.stamp").write_text("sigs.k8s.io/kwok/cmd/kwok@v0.6.0 3\n")
    assert not binaries.whole("kwok")


def test_a_go_that_does_not_say_its_version_is_too_old(tmp_path: Path) -> None:
    script = tmp_path / "go"
    script.write_text("#!/bin/sh\necho nonsense\n")
    script.chmod(0o755)
    assert go.version(script) < go.LEAST
    script.write_text("#!/bin/sh\necho go1.26.3\n")
    assert go.version(script) == (1, 26)


def put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(content)
    tar.addfile(about, io.BytesIO(content))


def saved(file: Path, *tags: str) -> Path:
    """Write what Docker would save: an image with the layers `below` and `above`."""
    hashes = [f"sha256:{hashlib.sha256(it).hexdigest()}" for it in (b"below", b"above")]
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": hashes}}).encode()
    row = {"Config": "c.json", "RepoTags": list(tags), "Layers": ["1/layer.tar", "2/layer.tar"]}
    with tarfile.open(file, "w") as tar:
        put(tar, "c.json", config)
        put(tar, "1/layer.tar", b"below")
        put(tar, "2/layer.tar", b"above")
        put(tar, "manifest.json", json.dumps([row]).encode())
    return file


def test_a_saved_image_is_known_by_its_full_name(tmp_path: Path) -> None:
    tags = ("perijove-hub:dev", "perijove.test/tiny:1", "ada/lab:2")
    with archive.opened(saved(tmp_path / "image.tar", *tags)) as tar:
        (image,) = archive.contents(tar)
    full = ("docker.io/library/perijove-hub:dev", "perijove.test/tiny:1", "docker.io/ada/lab:2")
    assert image.names == full


def test_layers_that_a_node_has_are_not_sent_to_it_again(tmp_path: Path) -> None:
    below, above = (hashlib.sha256(it).hexdigest() for it in (b"below", b"above"))
    with archive.opened(saved(tmp_path / "image.tar", "lab:1")) as tar:
        images = archive.contents(tar)
        archive.write_layout(tar, images, tmp_path / "layout.tar", {below})
    with tarfile.open(tmp_path / "layout.tar") as layout:
        names = layout.getnames()
        member = layout.extractfile("index.json")
        assert member is not None
        (manifest,) = json.load(member)["manifests"]
    assert f"blobs/sha256/{above}" in names
    assert f"blobs/sha256/{below}" not in names
    assert f"blobs/sha256/{manifest['digest'].removeprefix('sha256:')}" in names
    assert manifest["annotations"] == {"io.containerd.image.name": "docker.io/library/lab:1"}


def test_a_file_that_is_no_image_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with (
        pytest.raises(Refused, match=r"notes\.txt is no file that docker save wrote"),
        archive.opened(tmp_path / "notes.txt"),
    ):
        pytest.fail("it was opened")


def test_a_part_with_the_number_of_a_stranger_is_not_alive() -> None:
    stranger = parts.Part(name="etcd", command=["etcd"], pid=1, born="7")
    assert not parts.alive(stranger)


def test_a_part_that_is_none_is_refused_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "RUN", tmp_path)
    monkeypatch.setattr(parts, "LOG", tmp_path)
    with pytest.raises(Refused, match="the cluster is not up"):
        parts.named("apiserver")
    parts.begin(parts.Part(name="apiserver", command=["sleep", "60"]))
    with pytest.raises(Refused, match=r"There is no part api\. Parts: apiserver\."):
        parts.named("api")
    parts.stop("apiserver")
    assert parts.resting() == ["apiserver"]
    parts.start("apiserver")
    assert parts.resting() == []
    parts.end(parts.named("apiserver"))


def test_a_borrowed_cluster_is_never_put_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    monkeypatch.setenv(borrowed.VARIABLE, str(config))
    with pytest.raises(Refused, match="there is no such file"):
        cluster.down()
    config.write_text("{}")
    cluster.down()
    assert "is not ours" in capsys.readouterr().out
    assert cluster.kubeconfig() == config


def test_an_image_is_known_by_what_it_is_made_from() -> None:
    assert images.key(images.HUB) == images.key(images.HUB)
    assert images.key(images.HUB) != images.key(images.SINGLEUSER)
    assert images.chosen(["perijove-hub:dev"]) == [images.HUB]
    with pytest.raises(Refused, match="There is no image hub: choose from perijove-hub"):
        images.chosen(["hub"])


def test_requests_are_counted_by_who_asked(tmp_path: Path) -> None:
    row = {
        "requestReceivedTimestamp": "2026-11-25T08:00:00.000001Z",
        "user": {"username": "system:serviceaccount:lab:hub"},
        "userAgent": "perijove/0.1 (linux)",
        "verb": "create",
        "requestURI": "/api/v1/namespaces/lab/pods",
        "objectRef": {"resource": "pods", "namespace": "lab"},
        "responseStatus": {"code": 201},
    }
    log = tmp_path / "audit.log"
    log.write_text(2 * f"{json.dumps(row)}\n" + '{"half written')
    ((asked, count),) = audit.requests(log=log).items()
    assert (asked.agent, asked.verb, asked.resource, asked.code) == (
        "perijove/0.1", "create", "pods", 201,
    )  # fmt: skip
    assert count == 2
    later = datetime(2026, 11, 25, 9, tzinfo=UTC)
    assert not audit.requests(later, log)

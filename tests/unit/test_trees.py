"""Trees of files that somebody made to annoy: deep ones, long ones, protected ones."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from perijove.kit import trees
from tests.deep import deep


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    with deep(tmp_path / "top") as top:
        yield top


def test_a_deep_one_is_added_up_and_deleted(tree: Path) -> None:
    assert (trees.size(tree) or 0) >= 4096
    trees.remove(tree)
    assert not tree.exists()


def test_what_lies_behind_a_link_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(kept)
    trees.remove(top)
    assert (kept / "file").read_text() == "x"
    top.symlink_to(kept)
    trees.remove(top)
    assert (kept / "file").read_text() == "x"
    assert not os.path.lexists(top)


def test_what_is_not_there_is_not_missed(tmp_path: Path) -> None:
    trees.remove(tmp_path / "nothing")
    assert trees.size(tmp_path / "nothing") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can protect a file from itself")
def test_what_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", top], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        with pytest.raises(OSError, match="as a whole"):
            trees.remove(top)
    finally:
        subprocess.run(["umount", top], check=True)

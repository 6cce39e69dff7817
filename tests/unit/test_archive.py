"""The homes in a backup: whatever somebody has made there, the others are in it."""

import tarfile
from pathlib import Path

from perijove.cli import archive
from tests.deep import deep


def test_folders_that_are_too_deep_are_named_and_keep_nothing_else_out(tmp_path: Path) -> None:
    homes, tables, secrets = (tmp_path / name for name in ("homes", "tables", "secrets"))
    for folder in (homes / "2-bob", tables, secrets):
        folder.mkdir(parents=True)
    (homes / "2-bob" / "work.txt").write_text("mine")
    (homes / "2-bob" / "link").symlink_to("/etc")
    manifest = archive.Manifest(revision="1", tables={}, made_at="now", homes=True)
    with deep(homes / "1-ada"):
        unread = archive.write(tmp_path / "a.tar", manifest, tables, secrets, homes)
    assert unread
    assert "File name too long" in unread[0]
    with tarfile.open(tmp_path / "a.tar") as tar:
        names = tar.getnames()
    assert {"homes/2-bob/work.txt", "homes/2-bob/link", "homes/1-ada"} <= set(names)

"""The pages are true: links lead somewhere, dependencies and decisions are listed."""

import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from perijove.settings.read import read

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    lost = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not lost


def listed(title: str) -> list[str]:
    page = (ROOT / "docs/explanation/dependencies.md").read_text()
    section = page.split(f"## {title}")[1].split("## ")[0]
    return re.findall(r"^\| ([a-z0-9-]+) \| \S", section, re.MULTILINE)[1:]


def wanted(requirements: list[str]) -> list[str]:
    return sorted(re.split(r"[<>=~!\[; ]", line)[0] for line in requirements)


def test_every_runtime_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert listed("Perijove itself") == wanted(project["dependencies"])
    assert listed("Inside people's servers") == wanted(project["optional-dependencies"]["lab"])


def test_the_locks_have_hashes_and_name_no_place() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        packages = re.findall(r"^[a-z0-9._-]+==.*$", text, re.MULTILINE)
        assert packages
        assert all(line.endswith("\\") for line in packages), "a hash follows"
        assert not re.search(r"https?://|file:|--(index|extra-index|find-links)|@ /", text), lock


def test_every_decision_is_in_the_list_and_has_its_parts() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    decisions = sorted((ROOT / "docs/adr").glob("0*.md"))
    assert decisions
    for number, decision in enumerate(decisions, 1):
        title, *rest = decision.read_text().splitlines()
        assert f"[{title.removeprefix('# ')}]({decision.name})" in index
        assert title.startswith(f"# {number}. ")
        headings = [line for line in rest if line.startswith("## ")]
        assert headings == [
            "## Context",
            "## Decision",
            "## Consequences",
            "## What would change our mind",
        ]


def test_the_readme_shows_the_two_commands_in_both_languages() -> None:
    for name in ("README.md", "README.zh.md"):
        commands = re.findall(r"^make \w+", (ROOT / name).read_text(), re.MULTILINE)
        assert commands == ["make up", "make test"]


@pytest.mark.parametrize("example", sorted(ROOT.glob("examples/*.yaml")), ids=lambda it: it.name)
def test_every_example_is_a_good_configuration(example: Path) -> None:
    command = [sys.executable, "-m", "perijove", "config", "check", "-f", str(example)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


VALUES = re.compile(r"^ *```ya?ml\n(?!# prometheus)(.*?)^ *```", re.MULTILINE | re.DOTALL)
"""What a page shows of a values file; what is another program's says so in its first line."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_values_in_a_page_are_a_good_configuration(page: Path, tmp_path: Path) -> None:
    for number, shown in enumerate(VALUES.findall(page.read_text(encoding="utf-8"))):
        file = tmp_path / f"{number}.yaml"
        file.write_text(textwrap.dedent(shown).replace("…", "5ec2e75ec2e7"), encoding="utf-8")
        found = read(file, {}, cluster="kubernetes" in page.name)
        assert [str(it) for it in found.problems] == []
        assert found.idle == ()

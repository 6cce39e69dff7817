"""Plant a violation of every import contract, and see import-linter find it."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PLANTED = {
    "Dependencies point down": {"kit/ids.py": "import perijove.core.place"},
    "Core knows the protocols, not the implementations": {
        "core/place.py": "import perijove.spawners.process"
    },
    "The proxy knows no users and no database": {"proxy/table.py": "import starlette"},
    "What runs in a user's server is no part of the hub": {
        "singleuser/environment.py": "import jupyterhub"
    },
    "Spawners do not know each other": {"spawners/fake.py": "import perijove.spawners.process"},
    "Starlette stays at the surface": {"core/roles.py": "import starlette"},
    "SQL stays in the store": {"core/names.py": "import sqlalchemy"},
    "The launcher stands alone: it is run without the package": {
        "spawners/launcher.py": "import perijove.kit.ids"
    },
    "The model is pure": {"model/signal.py": "import asyncio"},
    "No cycles between siblings": {
        "kit/clock.py": "import perijove.kit.slugs",
        "kit/slugs.py": "import perijove.kit.clock",
    },
}


def contracts() -> set[str]:
    tree = tomllib.loads((TOP / "pyproject.toml").read_text())
    return {contract["name"] for contract in tree["tool"]["importlinter"]["contracts"]}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(TOP / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    return tmp_path


def plant(copy: Path, module: str, line: str) -> None:
    with (copy / "src" / "perijove" / module).open("a") as file:
        file.write(f"\n{line}\n")


def broken(copy: Path) -> set[str]:
    """Return the contracts that import-linter calls broken."""
    ran = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        env={**os.environ, "PYTHONPATH": str(copy / "src"), "COLUMNS": "200"},
        cwd=copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    assert any(line.startswith("Analyzed") for line in lines), ran.stdout + ran.stderr
    return {line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")}


def test_every_contract_is_kept_and_a_violation_of_each_is_found(copy: Path) -> None:
    assert PLANTED.keys() == contracts(), "a contract without a planted violation"
    assert broken(copy) == set()
    for plants in PLANTED.values():
        for module, line in plants.items():
            plant(copy, module, line)
    assert broken(copy) == contracts()


def test_a_new_module_at_the_top_must_be_given_its_place(copy: Path) -> None:
    (copy / "src" / "perijove" / "newcomer.py").write_text('"""New here."""\n')
    assert broken(copy) == {"Dependencies point down"}

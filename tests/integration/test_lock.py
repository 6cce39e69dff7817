"""What is installed where a hub runs is enough for every database: no more than its lock names."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from tests.databases import empty

LOCK = Path(__file__).parents[2] / "requirements" / "hub.txt"
CODE = """
import asyncio, sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions

allowed, there = set(sys.argv[2].split()), packages_distributions()
lower = lambda name: name.lower().replace("_", "-").replace(".", "-")
class Strangers(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        owners = {lower(it) for it in there.get(name.partition(".")[0], [])}
        if owners and not owners & allowed:
            raise ModuleNotFoundError(f"{name} is of {owners}, not in the lock", name=name)
sys.meta_path.insert(0, Strangers())

from perijove.store import once, rows
from perijove.store.open import open_database
async def main():
    await (await open_database(sys.argv[1])).close()
asyncio.run(main())
print(once.reading(sys.argv[1], rows.count)["pj_feed"])
"""


def test_the_lock_of_a_hub_is_enough_for_every_database(database_url: str) -> None:
    if "://" in database_url:
        asyncio.run(empty(database_url))
    names = re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", LOCK.read_text(), re.MULTILINE)
    assert len(names) > 20
    command = [sys.executable, "-c", CODE, database_url, " ".join([*names, "perijove"])]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stdout == "1\n", ran.stderr

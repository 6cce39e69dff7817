"""Every test that the pages on compatibility and on the contract promise is there."""

import ast
import re
from pathlib import Path

import pytest

from tests import sources

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/compatibility.md").read_text()
CONTRACT = (ROOT / "docs/reference/contract.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE + CONTRACT)))
ROWS = [line for line in PAGE.split("## On purpose")[0].splitlines() if line.startswith("| ")]
ADVISORIES = (
    "CVE-2019-10255", "CVE-2020-36191", "CVE-2021-41247", "CVE-2024-28233", "CVE-2024-41942",
    "CVE-2026-33709", "CVE-2026-40864", "CVE-2026-54338", "GHSA-c4gm-pwx9-9w8j",
    "GHSA-69wv-m5fw-2fhp", "GHSA-mj6q-mp44-53v8",
)  # fmt: skip
"""Those published about JupyterHub itself, in the order of the contract."""


@pytest.mark.parametrize(("file", "name"), NAMED, ids=str)
def test_a_test_that_is_promised_is_there(file: str, name: str) -> None:
    tree = sources.tree(ROOT / file)
    tests = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, tests)}


def test_every_advisory_is_listed_once_and_every_row_is_shown_or_says_why_not() -> None:
    for advisory in ADVISORIES:
        assert sum(advisory in row for row in ROWS) == 1, advisory
    others = ("| advisory", "| program", "| in 6.1.1", "| image", "| 20")
    body = [row for row in ROWS if not row.startswith(others)]
    assert len(body) > 25
    for row in body:
        assert "`tests/" in row or "not built yet" in row, row


CLAUSES = {
    "What clients rely on": [*range(1, 23), 25],
    "Attacks": list(range(1, 10)),
    "Bars": list(range(18, 23)),
}
"""The numbers that each table of the page on the contract must have."""


@pytest.mark.parametrize("title", CLAUSES)
def test_no_clause_of_the_contract_is_left_out(title: str) -> None:
    section = CONTRACT.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    numbers = [re.match(r"\| B?(\d+) ", row) for row in rows]
    assert list(dict.fromkeys(int(it[1]) for it in numbers if it)) == CLAUSES[title]
    assert [row for row in rows if "::" not in row] == []


def test_every_bar_of_the_contract_can_be_made() -> None:
    make = (ROOT / "Makefile").read_text()
    for number in CLAUSES["Bars"]:
        named = re.search(rf"^BAR_{number} := ((?:.*\\\n)*.*)$", make, re.MULTILINE)
        assert named, number
        row = next(it for it in CONTRACT.splitlines() if it.startswith(f"| B{number} "))
        for file, _ in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row):
            assert file in named[1], (number, file)

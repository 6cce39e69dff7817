"""What CI runs again, and what it must not let pass."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run tests with this body, in a folder of their own."""

    def run(body: str, *arguments: str, most: int = 3) -> tuple[int, str]:
        file = tmp_path / "test_those.py"
        head = f"import os, pathlib, pytest\nOTHER = pathlib.Path({str(tmp_path / 'seen')!r})\n"
        file.write_text(head + body)
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        command = [sys.executable, "-m", "tests.again", "--most", str(most), "--", "-q"]
        done = subprocess.run(
            [*command, *arguments, file.name],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return run


ONCE = """
def test_good(): pass
@pytest.mark.parametrize("it", ["a b", "[x]", "c::d"])
def test_once(it):
    seen = OTHER.with_name(f"seen{it.encode().hex()}")
    if not seen.exists():
        seen.touch()
        raise AssertionError("the first time")
"""


@pytest.mark.parametrize("more", [(), ("-n", "2", "--dist", "loadfile")])
def test_what_failed_is_run_again_alone_and_named(run: Run, more: tuple[str, ...]) -> None:
    code, said = run(ONCE, *more)
    assert code == 0, said
    last = said.splitlines()[-1]
    assert last.startswith("=== passed only when run again, alone: ")
    assert last.count("::test_once[") == 3
    assert "test_good" not in last
    assert "the first time" in said, "why it failed stays in the log"
    assert "3 passed" in said.splitlines()[-2], "only those"


def test_nobody_else_runs_any_again(run: Run) -> None:
    assert run(ONCE, most=0)[0] == 1


def test_what_fails_twice_has_failed(run: Run) -> None:
    code, said = run("def test_bad(): assert OTHER.exists()")
    assert code == 1
    assert said.count("1 failed") == 2
    assert "passed only" not in said


def test_more_than_so_many_have_failed_for_one_reason(run: Run) -> None:
    code, said = run(ONCE, most=2)
    assert code == 1
    assert "run again" not in said


@pytest.mark.parametrize(
    "body",
    [
        ONCE + "\ndef test_out(): pytest.exit('enough', 2)",
        ONCE + "\ndef test_out(): os._exit(1)",
        ONCE + "\nraise LookupError",
        "",
    ],
    ids=["stopped", "died", "not read", "none"],
)
def test_a_run_that_did_not_come_to_its_end_is_not_whole(run: Run, body: str) -> None:
    code, said = run(body)
    assert code != 0
    assert "passed only" not in said


def test_an_error_beside_a_test_is_run_again_too(run: Run) -> None:
    body = """
@pytest.fixture
def it():
    yield
    if not OTHER.exists():
        OTHER.touch()
        raise LookupError("once")
def test_it(it): pass
"""
    code, said = run(body)
    assert code == 0, said
    assert said.splitlines()[-1].endswith("::test_it")

"""The log: a line for people or an object for programs, with what the task is about."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from perijove.cli.supervisor.part import _news
from perijove.kit.log import choose

PROGRAM = """
import asyncio, logging, os
from perijove.kit.log import about, to_stderr
to_stderr()
logger = logging.getLogger("perijove.test")

async def work(request):
    about(request=request, user="ada")
    await asyncio.sleep(0)
    try:
        raise ValueError("with \\n a break and \\ud800")
    except ValueError:
        logger.exception("it went %s", "wrong")
    logger.debug("a detail")

async def main():
    await asyncio.gather(work("r1"), work("r2"))
    logger.warning("nobody's")
    logger.info("x", extra={"audit": {"who": "ada"}})

asyncio.run(main())
"""


def _said(environment: Mapping[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=dict(environment), capture_output=True, check=True
    )
    return done.stderr.decode().splitlines()


def test_a_line_for_programs_is_one_object_that_says_what_it_is_about() -> None:
    lines = [json.loads(line) for line in _said({"PERIJOVE_LOG_FORMAT": "json"})]
    assert [it.get("request") for it in lines] == ["r1", "r2", None, None]
    first = lines[0]
    assert (first["level"], first["logger"], first["message"]) == (
        "error", "perijove.test", "it went wrong",
    )  # fmt: skip
    assert first["user"] == "ada"
    assert first["time"].endswith("Z")
    assert "ValueError: with \n a break" in first["exception"]
    assert lines[3]["audit"] == {"who": "ada"}


def test_a_line_for_people_begins_with_the_time_and_ends_with_what_it_is_about() -> None:
    lines = _said({})
    assert lines[0].endswith("Z ERROR perijove.test: it went wrong [request=r1 user=ada]"[1:])
    assert lines[-2].endswith(" WARNING perijove.test: nobody's")
    assert not any("a detail" in line for line in lines)


@pytest.mark.parametrize(
    ("environment", "form"),
    [
        ({}, "console"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "json"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "PERIJOVE_LOG_FORMAT": "console"}, "console"),
        ({"PERIJOVE_LOG_FORMAT": "JSON"}, "json"),
    ],
)
def test_a_cluster_gets_json_and_whoever_says_so_what_they_say(
    environment: Mapping[str, str], form: str
) -> None:
    assert _said(environment)[0].startswith("{") is (form == "json")


def test_the_level_is_that_of_the_environment_and_nonsense_is_told() -> None:
    assert any("a detail" in line for line in _said({"PERIJOVE_LOG_LEVEL": "debug"}))
    assert len(_said({"PERIJOVE_LOG_LEVEL": "error", "PERIJOVE_LOG_FORMAT": "json"})) == 2
    said = _said({"PERIJOVE_LOG_LEVEL": "loud"})
    assert "PERIJOVE_LOG_LEVEL is 'loud'; it can be: debug, info, warning, error" in said[0]


def test_options_hold_for_the_processes_that_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERIJOVE_LOG_FORMAT", "console")
    choose("json", None)
    assert _said(os.environ)[0].startswith("{")


def test_the_terminal_of_up_is_shown_warnings_of_either_form() -> None:
    for form in ("console", "json"):
        shown = [told for line in _said({"PERIJOVE_LOG_FORMAT": form}) if (told := _news(line))]
        assert [told.partition("Z ")[2].split(" [")[0] for told in shown] == [
            "ERROR perijove.test: it went wrong",
            "ERROR perijove.test: it went wrong",
            "WARNING perijove.test: nobody's",
        ]
    assert _news("{half an object") == _news('{"level": 3}') == _news("[1]") == ""

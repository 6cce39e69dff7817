"""The frame of the command line: help, typos, exit codes, completions, and how fast help is."""

import json
import os
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from perijove.cli import output
from perijove.cli.commands import COMMANDS, EXIT_CODES, NOUNS
from perijove.cli.frame import main, parser

HELP = [["--help"], *([noun, "--help"] for noun in NOUNS),
        *([*it.name.split(), "--help"] for it in COMMANDS)]  # fmt: skip
SECONDS = 0.15
"""Of CPU, for any help."""


def perijove(*given: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perijove", *given],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
        timeout=60,
    )


def test_every_help_is_quick() -> None:
    slowest = (0.0, "")
    for given in HELP:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = perijove(*given)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        slowest = max(slowest, (spent, " ".join(given)))
    assert slowest[0] < SECONDS, slowest


@pytest.mark.parametrize("command", COMMANDS, ids=lambda it: it.name)
def test_a_command_has_its_function_and_examples_that_it_understands(command) -> None:
    module, _, function = command.run.partition(":")
    assert callable(getattr(import_module(module), function))
    for example in command.examples:
        words = [it for it in example.replace("(", " ").replace(")", " ").split() if it != "|"]
        rest = words[words.index("perijove") + 1 + command.name.count(" ") + 1 :]
        parser(command).parse_args([it for it in rest if it != "source"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["usr"], "There is no command `usr`. Did you mean `user`?"),
        (["user", "ad"], "There is no command `user ad`. Did you mean `add`?"),
        (["up", "--prt", "3"], "Did you mean `--port`?"),
        (["up", "--port", "99999"], "99999 is no port; ports are 1 to 65535."),
        (["up", "--port", "0"], "0 is no port"),
        (["-o", "json", "server", "list"], "Options follow the command"),
        (["up", "--port", "x"], "x is no port"),
        (["user", "add"], "the following arguments are required: user"),
        (["server", "start", "ada", "--option", "x", "--data", "/nowhere"], "run `perijove up`"),
        (["config", "explain", "hub.bseUrl"], "Did you mean `hub.baseUrl`?"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_next_step(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) in {1, 2, 3}
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""


def test_a_noun_alone_lists_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user"]) == 2
    assert "user approve" in capsys.readouterr().out
    assert main([]) == 2
    assert "server start" in capsys.readouterr().out


def test_the_exit_codes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "exit-codes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[0]) for line in lines] == list(EXIT_CODES) == list(range(8))


def test_config_check_names_key_line_and_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("hub:\n  baseUrll: /\n")
    assert main(["config", "check", "-f", str(file)]) == 2
    assert "line 2, column 3: hub.baseUrll: is not known." in capsys.readouterr().err
    assert main(["config", "check", "-f", str(file), "-o", "json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["problems"][0]["hint"] == "Did you mean `baseUrl`?"
    file.write_text("hub:\n  baseUrl: /x\nprePuller: {hook: {enabled: false}}\n")
    assert main(["config", "check", "-f", str(file)]) == 0
    said = capsys.readouterr()
    assert said.out == "The configuration is good.\n"
    assert "no effect here: prePuller.hook.enabled" in said.err


def test_config_show_hides_secrets_and_names_sources(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text(
        "hub:\n  db: {type: postgres, url: 'postgresql://u:s3cret@db/x'}\n"
        "  services: {eye: {api_token: s3cret}}\n"
        "  config: {DummyAuthenticator: {password: s3cret}}\n"
        "singleuser: {extraEnv: {MY_TOKEN: s3cret, EDITOR: vim}}\n"
    )
    shown = ["config", "show", "-f", str(file)]
    text = perijove(*shown, PERIJOVE__PROXY__PORT="8123")
    done = perijove(*shown, "-o", "json", PERIJOVE__PROXY__PORT="8123")
    assert (text.returncode, done.returncode) == (0, 0), done.stderr
    assert "s3cret" not in text.stdout + done.stdout
    told = json.loads(done.stdout)
    assert told["proxy.port"] == {"value": 8123, "source": "PERIJOVE__PROXY__PORT"}
    assert told["hub.db.type"]["source"] == f"{file}:2"
    assert told["hub.db.url"]["value"] == "(secret)"
    assert told["singleuser.extraEnv.EDITOR"]["value"] == "vim"
    assert told["cull.every"]["source"] == "default"


def test_config_explain_tells_what_a_key_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "hub.concurrentspawnlimit", "-o", "json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["default"], told["value"], told["source"]) == ("64", "64", "default")
    assert told["environment"] == "PERIJOVE__HUB__CONCURRENTSPAWNLIMIT"
    assert "starting at once" in told["meaning"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_know_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for command in COMMANDS:
        assert all(word in script for word in command.name.split())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("perijove se", ["server"]),
        ("perijove server st", ["start", "stop"]),
        ("perijove server start ada --pro", ["--profile"]),
        ("perijove up -o j", ["json"]),
        ("perijove completion f", ["fish"]),
    ],
)
def test_bash_completes(line: str, offered: list[str]) -> None:
    words = " ".join(f"'{word}'" for word in line.split())
    script = (
        f"{perijove('completion', 'bash').stdout}\n"
        f"COMP_WORDS=({words}); COMP_CWORD={len(line.split()) - 1}; _perijove\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == offered, done.stderr


def test_the_version_is_told() -> None:
    assert perijove("--version").stdout.startswith("perijove 0.")


def test_a_pipe_that_closes_is_no_traceback() -> None:
    command = f"{sys.executable} -m perijove config show | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_no_name_gives_orders_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name",), [("\x1b[2Jada\x07\n",)])
    output.fields({"name": "\x1b]0;title\x07"})
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "ada" in said

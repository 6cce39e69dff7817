"""The frame of the command line: help, typos, exit codes, completions, and how fast help is."""

import json
import os
import resource
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from perijove.cli import output
from perijove.cli.box import Box, Ports
from perijove.cli.commands import COMMANDS, EXIT_CODES, NOUNS
from perijove.cli.frame import main, parser
from perijove.cli.source import file_of
from perijove.cli.top import head
from tests.ports import free_port

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
    for given in HELP:
        spent = cost(given)
        for _ in range(4):  # whatever runs beside it makes it dearer, and never cheaper
            spent = min(spent, cost(given) if spent >= SECONDS else spent)
        assert spent < SECONDS, given


def cost(given: Sequence[str]) -> float:
    """Return the seconds of CPU of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = perijove(*given)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
        (["trash", "--data", "x"], "before `--data`: perijove trash empty | list | restore."),
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
    assert said.out == f"The configuration {file} is good.\n"
    assert "no effect here: prePuller.hook.enabled" in said.err


def test_config_check_says_what_it_has_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["config", "check"]) == 0
    assert "No file is named (-f FILE), so this is about the defaults:" in capsys.readouterr().out
    monkeypatch.setenv("PERIJOVE__PROXY__PORT", "8123")
    assert main(["config", "check"]) == 0
    assert "with PERIJOVE__PROXY__PORT of the environment" in capsys.readouterr().out
    monkeypatch.setenv("PERIJOVE_DATA", str(tmp_path))
    box = Box(tmp_path)
    box.ready()
    box.remember("/", tmp_path / "it.yaml")
    assert main(["config", "check"]) == 0
    assert f"What runs here was started with {tmp_path}/it.yaml." in capsys.readouterr().out


def test_status_where_nothing_runs_is_one_sentence_and_whole_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["status", "--data", str(tmp_path)]
    assert main(where) == 7
    assert "There is no Perijove in" in capsys.readouterr().err
    assert main([*where, "-o", "json"]) == 7
    told = json.loads(capsys.readouterr().out)
    assert (told["well"], told["up"], told["hub"]) == (False, False, None)
    box = Box(tmp_path)
    box.ready()
    box.keep(Ports(public=free_port(), hub=free_port()))
    box.remember("/", tmp_path / "it.yaml")
    assert main(where) == 7
    said = capsys.readouterr()
    start = f"perijove up -f {tmp_path}/it.yaml --data {tmp_path}"
    assert said.out == f"Perijove is not up in {tmp_path}: `{start}` starts it.\n"
    assert main(["user", "list", "--data", str(tmp_path)]) == 1
    assert f"Is it up? `{start}` starts it." in capsys.readouterr().err
    assert main([*where, "-o", "json"]) == 7
    told = json.loads(capsys.readouterr().out)
    assert (told["up"], told["hub"]["why"]) == (False, "nothing answers there")


def test_the_database_is_that_of_the_configuration_which_the_hub_was_started_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Box(tmp_path / "data")
    box.ready()
    file = tmp_path / "it.yaml"
    file.write_text("hub: {db: {type: sqlite-pvc, url: 'sqlite:///other.sqlite'}}\n")
    box.remember("/", file)
    given = Namespace(file=None, data=box.path)
    assert file_of(given, box) == file
    named = tmp_path / "named.yaml"
    assert file_of(Namespace(file=named, data=box.path), box) == named
    file.unlink()
    assert main(["db", "backup", str(tmp_path / "a.tar"), "--data", str(box.path)]) == 1
    assert f"started with the configuration {file}, which is no file" in capsys.readouterr().err


def test_top_tells_what_servers_use_from_what_the_machine_has() -> None:
    gib = 1 << 30
    machine = {"cores": 8, "memory": 16 * gib, "memory_free": 6 * gib, "disk_free": 60 * gib}
    servers = {"ada/": {"cores": 0.5, "memory": 2 * gib}, "li/": {"cores": 1.0, "memory": None}}
    assert head({"servers": servers, "devices": [], "machine": machine}) == (
        "2 servers using 1.5 cores, 2.0 GiB of memory; the machine: 8 cores, 10 GiB of 16 GiB of"
        " memory in use, 60 GiB of disk free"
    )
    assert head({"servers": {}, "devices": [], "machine": None}).startswith("0 servers using")


def test_columns_with_chinese_stand_below_each_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("李明", "中"), ("ada", "x"), ("e\N{COMBINING ACUTE ACCENT}va", "y")]
    output.table(("name", "more"), rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["NAME  MORE", "李明  中", "ada   x", "e\N{COMBINING ACUTE ACCENT}va   y"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.table(("name", "more"), rows)
    lines = capsys.readouterr().out.splitlines()
    ends = [output.width(line.rstrip()) - output.width(line.split()[-1]) for line in lines[1:]]
    assert len(set(ends)) == 1


def test_config_show_hides_secrets_and_names_sources(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text(
        "hub:\n  db: {type: postgres, url: 'postgresql://u:s3cret@db/x'}\n"
        "  services: {eye: {api_token: s3cret-of-eye}}\n"
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

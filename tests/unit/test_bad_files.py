"""Files that are no configuration, and YAML that is none: one clear sentence each, with a hint."""

import os
from pathlib import Path

import pytest

from perijove.settings import read

SEEDS = Path(os.environ.get("PERIJOVE_SEEDS", Path(__file__).parents[3] / "shared" / "seeds"))

BAD_PATTERN = (
    "[{display_name: x, profile_options: {o: {unlisted_choice: "
    "{enabled: true, validation_regex: '('}}}}]"
)


def told(folder: Path, data: str | bytes) -> tuple[int | None, str]:
    """Return the line and the words of the one problem that a file with `data` has."""
    file = folder / "it.yaml"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    problems = read(file, {}).problems
    assert len(problems) == 1, problems
    place = problems[0].place
    return place.line if place else None, f"{problems[0].words} {problems[0].hint}"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("hub:\n\tbaseUrl: /\n", 2, "Line 2 is indented with a tab; YAML takes spaces only."),
        ("hub:\n   a: 1\n  b: 2\n", 3, "`b` is indented by 2 spaces, but `a` in line 2"),
        ("hub:\n  baseUrl: /\n    port: 1\n", 3, "line 2 (`baseUrl`, 2) holds a value already"),
        ("hub:\n  baseUrl: a: b\n", 2, 'needs quotes: "a: b"'),
        ("hub:\n  baseUrl: @x\n", 2, 'A value that begins with @ needs quotes: "@x".'),
        ("hub:\n  baseUrl: *x\n", 2, "needs quotes"),
        ("hub:\n  baseUrl: 'x\n  port: 1\n", 2, "The quote that line 2 opens is not closed."),
        ("hub: {port: 1\nproxy: {}\n", 2, "line 1 opens is not closed"),
        ("hub:\n  port\n  baseUrl: /\n", 3, "Line 2 lacks a colon: `port:`."),
        ("hub:\n  port:1\n  baseUrl: /\n", 3, "lacks a space after the colon: `port: 1`"),
        ("hub: {}\n---\nhub: {}\n", 2, "several documents"),
        ("hub: {}\nhub: {}\n", 2, "stands here again; the first is in line 1"),
        ("- hub\n", 1, "holds no `key: value` lines"),
        ("just words\n", 1, "holds no `key: value` lines"),
        ("hub: !vault x\n", 1, "a tag that means nothing here (!vault)"),
        ("{{ hub }}: 1\n", 1, "Put {{ … }} in quotes"),
        ("hub: \x01\n", 1, "a character here that YAML does not allow"),
    ],
)
def test_yaml_that_is_none_is_told_with_line_and_hint(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    at, said = told(tmp_path, text)
    assert (at, words in said) == (line, True), said


def test_files_that_are_no_configuration_are_one_sentence_each(tmp_path: Path) -> None:
    assert "UTF-8" in told(tmp_path, b"\x89PNG\r\n\x1a\n\x00\xff")[1]
    assert "larger than 1 MiB" in told(tmp_path, b"# x\n" * 300_000)[1]
    assert "too large when its aliases" in told(tmp_path, bomb())[1]
    assert told(tmp_path, "[" * 5000)[1]
    assert "too large" in told(tmp_path, f"a: {'[' * 500}{']' * 500}")[1]
    for file, words in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "is a directory")):
        (problem,) = read(file, {}).problems
        assert words in problem.words
        assert str(file) in str(problem)


def bomb() -> str:
    """Return a small file that is huge when it is followed."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 9)]
    return "\n".join(lines)


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "---\n", "~\n"])
def test_an_empty_file_is_a_configuration_with_every_default(tmp_path: Path, text: str) -> None:
    file = tmp_path / "it.yaml"
    file.write_text(text)
    reading = read(file, {})
    assert reading.problems == ()
    assert reading.settings is not None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("hub.db.type", "cassandra", "must be one of mysql, other, postgres"),
        ("hub.db", "{type: mysql}", "needs a url, as mysql://user@host/name"),
        ("hub.db", "{type: mysql, url: 'postgresql://h/x'}", "url is that of another database"),
        ("hub.db", "{type: postgres, url: 'mysql://h/x'}", "url is that of another database"),
        ("hub.db.url", "oracle://x", "must begin with postgresql://"),
        ("hub.orphans", "eat", "must be report, adopt or stop"),
        ("hub.concurrentSpawnLimit", "-1", "must be at least 0; it is -1"),
        ("hub.allowNamedServers", "'yes'", "must be true or false, without quotes; it is a text"),
        ("hub.services", "[]", "must be a mapping"),
        ("hub.loadRoles", "{a1: {scopes: [everything]}}", "there is no scope 'everything'"),
        ("hub.loadRoles", "{X: {}}", "has no good name"),
        ("hub.config", "{JupyterHub: {authenticator_class: github}}", "no way to sign in"),
        ("proxy.port", "'8000'", "must be a whole number, without quotes"),
        ("proxy.service.type", "Nope", "must be ClusterIP, NodePort"),
        ("singleuser.cmd", "[]", "names no command"),
        ("singleuser.extraEnv", "{A: [1]}", "must be a text or a mapping (key: value); it is"),
        ("singleuser.profileList", "[{display_name: A}, {display_name: a}]", "called 'a'"),
        ("singleuser.profileList", "[{display_name: ' '}]", "needs a display_name"),
        ("singleuser.profileList", "[{description: x}]", "is missing"),
        ("singleuser.profileList", BAD_PATTERN, "is no regular expression"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_in_words(tmp_path: Path, key: str, value: str, words: str) -> None:
    *parents, last = key.split(".")
    indented = [f"{'  ' * at}{name}:" for at, name in enumerate(parents)]
    text = "\n".join([*indented, f"{'  ' * len(parents)}{last}: {value}", ""])
    at, said = told(tmp_path, text)
    assert words in said
    assert at == len(parents) + 1


def sample() -> str:
    """Return the configuration that seed S1 prints, whose indentation is wrong."""
    seeds = sorted(SEEDS.glob("001_*.txt"))
    if not seeds:
        assert not os.environ.get("CI"), f"no seeds in {SEEDS}"
        pytest.skip(f"no seeds in {SEEDS}: the sample of S1 was not read")
    lines = seeds[0].read_text().splitlines()
    begin = lines.index("proxy:")
    return "\n".join([*lines[begin : lines.index("```", begin)], ""])


def test_the_sample_of_seed_s1_is_refused_with_the_line_to_change(tmp_path: Path) -> None:
    line, said = told(tmp_path, sample())
    lines = sample().splitlines()
    assert line is not None
    assert lines[line - 1] == "  networkPolicy:"
    fault = lines.index("   extraPodConfig:") + 1
    assert f"indent line {fault} by 2, too" in said


def test_the_sample_of_seed_s1_is_good_once_it_is_indented(tmp_path: Path) -> None:
    text = sample().replace("   extraPodConfig:", "  extraPodConfig:")
    file = tmp_path / "it.yaml"
    file.write_text(text)
    (problem,) = read(file, {}).problems
    assert problem.key == "hub.config.JupyterHub.authenticator_class", "GitLab is not built yet"
    file.write_text(text.replace("oauthenticator.gitlab.GitLabOAuthenticator", "local"))
    reading = read(file, {})
    assert reading.problems == ()
    misspelt = [it for it in reading.notices if "honourMisspelt" in it.hint]
    assert len(misspelt) == 4
    assert "singleuser.extraPodConfig" in reading.idle
    file.write_text(f"{file.read_text()}\ncompat: {{honourMisspelt: true}}\n")
    reading = read(file, {})
    assert not [it for it in reading.notices if "honourMisspelt" in it.hint]
    first = reading.required().profiles.items[0].overrides
    assert (first["cpu_guarantee"], first["mem_guarantee"]) == (1, "1G")

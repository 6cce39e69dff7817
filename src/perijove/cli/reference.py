"""The reference pages that are made from the code: settings, commands, codes, and the wire."""

from collections.abc import Callable, Iterator, Mapping

from perijove.cli.arguments import Argument
from perijove.cli.commands import COMMANDS, EXIT_CODES
from perijove.cli.doctor.words import WORDS
from perijove.cli.reference_wire import MADE, metrics, rest_api, scopes
from perijove.http.remedies import ADMINISTRATOR, NEXT
from perijove.http.sentences import ENGLISH
from perijove.settings.known import MOVED, REMOVED, chart
from perijove.settings.meaning import Meaning, meanings


def settings() -> str:
    """Return docs/reference/settings.md."""
    return "\n".join([*_settings(), ""])


def commands() -> str:
    """Return docs/reference/cli.md."""
    return "\n".join([*_commands(), ""])


def error_codes() -> str:
    """Return docs/reference/error-codes.md."""
    return "\n".join([*_error_codes(), ""])


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings,
    "cli.md": commands,
    "error-codes.md": error_codes,
    "rest-api.md": rest_api,
    "scopes.md": scopes,
    "metrics.md": metrics,
}
"""Every page, and what makes it."""


def _settings() -> Iterator[str]:
    yield "# Settings\n"
    yield MADE
    yield "One YAML file with the keys of Zero-to-JupyterHub. The environment wins over the file:"
    yield "`PERIJOVE__HUB__BASEURL=/lab`, or `PERIJOVE__HUB__DB__URL__FILE=/run/secrets/db` for a"
    yield "value that is in a file. `perijove config check -f FILE` says everything that is wrong,"
    yield "`perijove config explain KEY` what a key means and where its value comes from.\n"
    section = ""
    for it in meanings():
        first = it.key.split(".")[0]
        if first != section:
            section = first
            yield f"\n## {section}\n\n| key | type | default | meaning |\n|---|---|---|---|"
        yield _setting(it)
    yield "\n## The same under another name\n\n| written | taken as |\n|---|---|"
    yield from (f"| `{key}` | `{'.'.join(path)}` |" for key, path in MOVED.items())
    yield "\n## Not known any more, or elsewhere\n\n| written | what to do |\n|---|---|"
    yield from (f"| `{key}` | {words} |" for key, words in REMOVED.items())
    yield "\n## Accepted, without effect on one machine\n"
    yield "Keys that only a cluster honours are checked for their type and named once.\n"
    own = {it.key for it in meanings()}
    yield ", ".join(f"`{key}`" for key in chart() if key not in own)


def _setting(it: Meaning) -> str:
    default = "" if it.default in {"", '""'} else f"`{it.default}`"
    words = f"{it.words} (secret)".strip() if it.secret else it.words
    return f"| `{it.key}` | {it.type} | {default} | {words} |"


def _commands() -> Iterator[str]:
    yield "# Commands\n"
    yield MADE
    yield "Commands for people, servers and tokens call the API of a hub: that of `--data`, or"
    yield "that of `PERIJOVE_URL` with `PERIJOVE_TOKEN`. `-o json` answers in JSON; tables are"
    yield "drawn on a terminal only. `NO_COLOR` is honoured. `PERIJOVE_DATA` names the data"
    yield "directory for every command of a shell, so that `--data` can be left out."
    for command in COMMANDS:
        words = f"{command.words[0].upper()}{command.words[1:]}."
        yield f"\n## perijove {command.name}\n\n{words}"
        if command.examples:
            yield "\n```sh\n" + "\n".join(command.examples) + "\n```"
        if command.arguments:
            yield "\n| argument | meaning |\n|---|---|"
            yield from map(_argument, command.arguments)
    yield "\n## Exit codes\n\n| code | meaning |\n|---|---|"
    yield from (f"| {code} | {words} |" for code, words in EXIT_CODES.items())


def _argument(argument: Argument) -> str:
    value = argument.how.get("metavar", "")
    if "choices" in argument.how:
        value = " or ".join(argument.how["choices"])
    shown = ", ".join(f"`{name}`" for name in argument.names)
    takes = f" {value}" if value and argument.names[0].startswith("-") else ""
    return f"| {shown}{takes} | {argument.words} |"


def _error_codes() -> Iterator[str]:
    yield "# Error codes\n"
    yield MADE
    yield "A code never changes; the sentence is in the reader's language. An error of the API is"
    yield "`{status, message, code, params}`.\n"
    yield "| code | sentence | what to do |\n|---|---|---|"
    for code, words in sorted(ENGLISH.items()):
        remedies = [it for it in (NEXT.get(code), ADMINISTRATOR.get(code)) if it]
        yield f"| `{code}` | {_cell(words)} | {_cell(' '.join(remedies))} |"
    yield "\n## perijove doctor\n\n| code | sentence | what to do |\n|---|---|---|"
    for code, languages in sorted(WORDS.items()):
        sentence, remedy = languages["en"]
        if remedy:
            yield f"| `{code}` | {_cell(sentence)} | {_cell(remedy)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

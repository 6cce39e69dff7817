"""The frame of the command line: find the command, read its arguments, run it, say how it ended."""

import argparse
import gc
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import NoReturn

from perijove.cli.commands import COMMANDS, EXIT_CODES, NOUNS, Command
from perijove.cli.trouble import FAILURE, USAGE, Trouble

_HELP = {"-h", "--help"}
_INTERRUPTED = 130
_NAMES = {command.name: command for command in COMMANDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except Trouble as trouble:
        _complain(str(trouble))
        return trouble.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE


def exit_codes(_: argparse.Namespace) -> None:
    """Show what the exit codes mean."""
    _print("\n".join(f"{code}  {words}" for code, words in EXIT_CODES.items()))


def parser(command: Command) -> argparse.ArgumentParser:
    """Return what reads the arguments of `command`; its help begins with examples."""
    examples = "".join(f"  {line}\n" for line in command.examples)
    words = f"{command.words[0].upper()}{command.words[1:]}."
    made = _Parser(
        prog=f"perijove {command.name}",
        description=f"{words}\n\nexamples:\n{examples}" if examples else words,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for argument in command.arguments:
        made.add_argument(*argument.names, help=argument.words, **argument.how)
    return made


def _run(given: list[str]) -> int:
    if not given or given[0] in _HELP or given == ["help"]:
        _print(_overview())
        return 0 if given else USAGE
    if given[0] in {"--version", "-V"}:
        from perijove import __version__  # noqa: PLC0415 - only here, and help is quick

        _print(f"perijove {__version__}")
        return 0
    command, rest = _found(given)
    if command is None:
        _print(_verbs(given[0]))
        return 0 if rest else USAGE
    namespace = parser(command).parse_args(rest)
    _paths(namespace)
    module, _, function = command.run.partition(":")
    gc.disable()  # what a module makes stays; looking at it again and again is a tenth of the time
    try:
        called = getattr(import_module(module), function)
    finally:
        gc.enable()
    return _done(called, namespace)


def _done(function: object, namespace: argparse.Namespace) -> int:
    """Call it; a configuration that is wrong is wrong usage."""
    assert callable(function)
    try:
        return int(function(namespace) or 0)
    except Exception as error:
        if type(error).__name__ != "BadConfig":  # its module costs more than all of help
            raise
        raise Trouble(str(error), exit_code=USAGE) from None


def _found(given: list[str]) -> tuple[Command | None, list[str]]:
    """Return the command and its arguments; None is a noun alone, asked for its help or not."""
    first, *rest = given
    if first in _NAMES:  # some of them are nouns as well: `proxy`, and `proxy upgrade`
        more = _NAMES.get(" ".join(given[:2]))
        return (more, rest[1:]) if more else (_NAMES[first], rest)
    if first.startswith("-"):
        words = "Options follow the command, as in `perijove server list -o json`."
        raise Trouble(f"There is no option `{first}` before a command. {words}", exit_code=USAGE)
    if first not in NOUNS:
        firsts = {name.split()[0] for name in _NAMES}
        raise Trouble(f"There is no command `{first}`.{_meant(first, firsts)}", exit_code=USAGE)
    if not rest or rest[0] in _HELP:
        return None, rest
    name = f"{first} {rest[0]}"
    if name not in _NAMES:
        verbs = {each.split()[1] for each in _NAMES if each.startswith(f"{first} ")}
        if rest[0].startswith("-"):
            words = (
                f"Say what to do before `{rest[0]}`: perijove {first} {' | '.join(sorted(verbs))}."
            )
            raise Trouble(words, exit_code=USAGE)
        words = f"There is no command `{name}`.{_meant(rest[0], verbs)}"
        raise Trouble(words, exit_code=USAGE)
    return _NAMES[name], rest[1:]


def _paths(namespace: argparse.Namespace) -> None:
    """Turn what names files into paths."""
    from pathlib import Path  # noqa: PLC0415 - help does without it

    for name in ("file", "data"):
        if getattr(namespace, name, None) is not None:
            setattr(namespace, name, Path(getattr(namespace, name)))


def _overview() -> str:
    lines = ["Everybody gets their own Jupyter in a browser.", ""]
    lines += ["examples:", "  perijove up", "  perijove user add ada", "  perijove doctor", ""]
    lines += ["commands:", *_table((it.name, it.words) for it in COMMANDS), ""]
    lines += ["`perijove COMMAND --help` says more; `perijove --version` says which this is."]
    return "\n".join(lines)


def _verbs(noun: str) -> str:
    own = [it for it in COMMANDS if it.name.startswith(f"{noun} ")]
    examples = [f"  {it.examples[0]}" for it in own if it.examples]
    head = [f"perijove {noun}: {NOUNS[noun]}", ""]
    shown = ["examples:", *examples, ""] if examples else []
    return "\n".join([*head, *shown, "commands:", *_table((it.name, it.words) for it in own)])


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {name:17}{words}" for name, words in rows]


def _meant(word: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - only for typos

    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f" Did you mean `{close[0]}`?" if close else " `perijove --help` lists them."


def _complain(text: str) -> None:
    print(f"perijove: {text}", file=sys.stderr)  # noqa: T201 - what was asked for


def _print(text: str) -> None:
    print(text)  # noqa: T201 - what was asked for


class _Parser(argparse.ArgumentParser):
    """Says what was meant when an option is mistyped."""

    def error(self, message: str) -> NoReturn:
        """End with the code of wrong usage."""
        wrong = message.rpartition(": ")[2].split("=")[0].split(" ")[0]
        known = [name for action in self._actions for name in action.option_strings]
        hint = _meant(wrong, known) if wrong.startswith("--") else ""
        hint = hint if "mean" in hint else f" `{self.prog} --help` says more."
        raise Trouble(f"{message}.{hint}", exit_code=USAGE)

"""`perijove completion bash|zsh|fish`: completions made of the table of commands."""

from argparse import Namespace

from perijove.cli.commands import COMMANDS, Command


def command(given: Namespace) -> None:
    """Print the completions for a shell."""
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[given.shell]())  # noqa: T201 - asked for


def _words() -> dict[str, list[str]]:
    """Return what may follow: "" the first word, "user" its verbs, "user add" its options."""
    follow: dict[str, list[str]] = {"": []}
    for each in COMMANDS:
        noun, _, verb = each.name.partition(" ")
        if noun not in follow[""]:
            follow[""].append(noun)
        if verb:
            follow.setdefault(noun, []).append(verb)
        follow[each.name] = _options(each)
    return follow


def _options(each: Command) -> list[str]:
    found = ["--help"]
    for argument in each.arguments:
        if argument.names[0].startswith("-"):
            found.append(argument.names[-1])
        else:
            found += argument.how.get("choices", ())
    return found


def _bash() -> str:
    cases = "\n".join(
        f"    '{words}') COMPREPLY=($(compgen -W '{' '.join(after)}' -- \"$now\"));;"
        for words, after in _words().items()
    )
    return f"""_perijove() {{
  local now="${{COMP_WORDS[COMP_CWORD]}}" before="" word
  case "${{COMP_WORDS[COMP_CWORD-1]}}" in
    -f|--file) COMPREPLY=($(compgen -f -- "$now")); return;;
    --data) COMPREPLY=($(compgen -d -- "$now")); return;;
    -o|--output) COMPREPLY=($(compgen -W 'text json' -- "$now")); return;;
  esac
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in
      -*) break;;
    esac
    case "$before" in
      {_nouns("|")}) before="$before $word"; break;;
      "") before="$word";;
      *) break;;
    esac
  done
  case "$before" in
{cases}
  esac
}}
complete -F _perijove perijove"""


def _zsh() -> str:
    return f"#compdef perijove\nautoload -Uz bashcompinit && bashcompinit\n{_bash()}"


def _fish() -> str:
    lines = ["complete -c perijove -f"]
    for each in COMMANDS:
        noun, _, verb = each.name.partition(" ")
        first = "__fish_use_subcommand"
        lines.append(f"complete -c perijove -n {first} -a {noun} -d '{_said(each, noun)}'")
        within = f"__fish_seen_subcommand_from {noun}"
        if verb:
            others = f"not __fish_seen_subcommand_from {' '.join(_words()[noun])}"
            words = each.words.replace("'", "")
            lines.append(f"complete -c perijove -n '{within}; and {others}' -a {verb} -d '{words}'")
            within = f"{within}; and __fish_seen_subcommand_from {verb}"
        lines += [
            f"complete -c perijove -n '{within}' -l {option.removeprefix('--')}"
            for option in _options(each)
            if option.startswith("--")
        ]
    return "\n".join(dict.fromkeys(lines))


def _said(each: Command, noun: str) -> str:
    return (each.words if each.name == noun else f"{noun} …").replace("'", "")


def _nouns(joint: str) -> str:
    return joint.join(sorted({each.name.split()[0] for each in COMMANDS if " " in each.name}))

"""Commands that help in a shell."""

from perijove.cli.arguments import Argument
from perijove.cli.commands.command import Command

COMMANDS = (
    Command(
        "completion",
        "print completions for a shell",
        "perijove.cli.completion:command",
        (Argument(("shell",), "which shell", {"choices": ("bash", "zsh", "fish")}),),
        ("source <(perijove completion bash)", "perijove completion fish | source"),
    ),
    Command(
        "help exit-codes",
        "what the exit codes mean",
        "perijove.cli.frame:exit_codes",
    ),
)  # fmt: skip

"""Why somebody's Unix account runs no server: for the person, and for the administrator."""
# ruff: noqa: E501 (a table: one code, one line)

from collections.abc import Mapping

_ASK = "Ask an administrator."

ENGLISH: Mapping[str, str] = {
    "account.home-owner": "The home folder of your Unix account {account} belongs to {owner}, so no server is started in it. Nothing in it was changed.",
    "account.missing": "You were given the Unix account {account}, which this machine does not have.",
    "account.no-home": "Your Unix account {account} has no home folder.",
    "account.privileged": "You were given the Unix account {account}, which may become root (group {group}), so no server runs as it.",
    "account.system": "You were given the Unix account {account}, which is one of the system and nobody's.",
    "account.taken": "You were given the Unix account {account}, which was made for somebody else.",
}

NEXT: Mapping[str, str] = dict.fromkeys(ENGLISH, _ASK)

ADMINISTRATOR: Mapping[str, str] = {
    "account.home-owner": "Look at `getent passwd {account}` and `ls -ld` of its home. If the files are theirs: `chown -R {account}: ` and that folder; else move it away, and an empty one is made.",
    "account.missing": "Make the account {account}, or take `account` out of `people.users`: then one is made for them.",
    "account.no-home": "Make it with `mkhomedir_helper {account}`, or mount it.",
    "account.privileged": "Take {account} out of the group {group}, or give this person another account: without `account` in `people.users` one is made for them.",
    "account.system": "Take `account` out of `people.users`: then one is made for them.",
    "account.taken": "Take `account` out of `people.users`: then they get their own again.",
}

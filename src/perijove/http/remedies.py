"""What to do about a code: in a sentence for the person, and in one for the administrator."""
# ruff: noqa: E501 (a table: one code, one line)

from collections.abc import Mapping

from perijove.http import account_sentences as account
from perijove.http import cluster_sentences as cluster

_LINK = "`perijove up` shows one that works when it is started again on its machine, as long as nobody has signed in by it. If you have an account, sign in."

NEXT: Mapping[str, str] = {
    "allow.none": "Ask an administrator, and mention the rule allow.none.",
    "allow.users": "Ask an administrator, and mention the rule allow.users.",
    "blocked": "Ask an administrator.",
    "home-full": "A rescue start opens it beside an empty one, for you to delete what is not needed.",
    "oauth-no-client": "If a server sent you here, it has stopped or was removed: open it again from your servers.",
    "start-file": "A rescue start begins with an empty home folder, for you to mend or delete that file in the old one.",
    "disappeared": "Start it again; variables in memory are lost.",
    "exited": "Look at the log, then start it again or choose other options.",
    "exited-silent": "Start it again or choose other options; if it ends again, ask an administrator.",
    "name-taken": "Ask an administrator.",
    "no-answer": "A file in your home folder may hold it up. Look at the log, then start it again.",
    "port-taken": "Start it again: it gets another port.",
    "link.expired": _LINK,
    "link.unknown": _LINK,
    "link.used": "Whoever does not know it any more is given another: `perijove user password NAME`, on the machine that Perijove runs on.",
    "signup.declined": "Ask an administrator.",
    "start-timeout": "Look at the log, then start it again.",
    "too-many-processes": "Start it again and begin fewer processes at once. Each thread counts as one: fewer workers, or fewer threads for each, need less.",
    **account.NEXT,
    **cluster.NEXT,
}

ADMINISTRATOR: Mapping[str, str] = {
    "error": "In the log of the hub it is request {request}.",
    "allow.none": "No rule lets anybody in. Set `hub.config.Authenticator.allow_all` or `hub.config.Authenticator.allowed_users`.",
    "allow.users": "{name} is not in `hub.config.Authenticator.allowed_users`.",
    "blocked": "{name} was blocked on the page People or stands in `hub.config.Authenticator.blocked_users`.",
    "disappeared": "The process was ended by something else, or the machine was restarted.",
    "exited": "The command of `singleuser.cmd` ended by itself before it was asked to.",
    "exited-silent": "The command of `singleuser.cmd`, or of the profile, ended at once and wrote nothing: run it by hand, as whom servers run.",
    "home-full": "The disk or the quota of the home folder has no room left, of {size:bytes} in all.",
    "start-file": "The process ended with exit code {exit_code}; a file that the person can change is at fault, not the configuration.",
    "name-taken": "Another instance keeps workloads of that name in the same place. Give this one another data directory or namespace, or set `hub.instance` if it replaces that one.",
    "no-answer": "The process lives and its port answers nobody: look for what blocks it in the log.",
    "port-taken": "A program that is not ours listens on port {port}.",
    "start-timeout": "It did not answer within `singleuser.startTimeout`.",
    "too-many-processes": "The limit is that of `singleuser.pids.limit`, or `pids_limit` of the profile.",
    **account.ADMINISTRATOR,
    **cluster.ADMINISTRATOR,
}

"""Hooks of JupyterHub's classes: Python code, which a values file does not hold and nobody runs.

They are refused, for whoever wrote one counts on what it does.
"""

SUFFIX = "_hook"
WORDS = "is a hook: Python code, of which a values file holds none and Perijove runs none."
_OF_SERVERS = (
    "What it sets is written as data: singleuser.extraEnv for everybody, singleuser.profileList by"
    " choice, hub.config.Spawner.group_overrides by group."
)
_OF_PODS = "What it sets is written as data: singleuser.extraPodConfig, initContainers, extraLabels"
_OF_PEOPLE = (
    "Who may enter, and who is in which group, is written as data: hub.config.Authenticator, people"
    " and hub.loadRoles."
)
_HINTS = {
    "pre_spawn_hook": _OF_SERVERS,
    "auth_state_hook": _OF_SERVERS,
    "post_stop_hook": "Take it out; a service (hub.services) can do the same, and ask the API.",
    "progress_ready_hook": "Take it out; singleuser.defaultUrl says where a server opens.",
    "modify_pod_hook": f"{_OF_PODS}.",
    "after_pod_created_hook": f"{_OF_PODS}.",
    "post_auth_hook": _OF_PEOPLE,
    "reconcile_auth_state_hook": _OF_PEOPLE,
    "modify_auth_state_hook": _OF_PEOPLE,
    "refresh_user_hook": _OF_PEOPLE,
    "user_redirect_hook": (
        "Take it out; hub.config.JupyterHub.default_url and default_server_name say where people"
        " are led."
    ),
}


def instead(trait: str) -> str:
    """Return what to do instead of a hook."""
    return _HINTS.get(trait, "Take it out.")

"""Linked: the options that an address names, so that a link can start a server with them.

`/hub/spawn?opt-profile=gpu&opt-image=2026` names them as the API does. What the form sends
(`profile`, `profile-option-gpu--image`) is understood with and without `opt-`.
"""

from typing import Any

from perijove.core.options import Profiles
from perijove.http.asked import Fields

_PREFIX = "opt-"
_PROFILE = "profile"
_OF_PROFILE = "profile-option-"


def linked(profiles: Profiles, query: Fields) -> dict[str, Any] | None:
    """Return the user_options that a query names; None: it names none."""
    named = {
        name.removeprefix(_PREFIX): values for name, values in query.items() if names_option(name)
    }
    if not profiles.items:  # as JupyterHub's default: every value of every name
        free = {name: list(values) for name, values in named.items() if _PREFIX + name in query}
        return free or None
    return _chosen(profiles, {name: values[0].strip() for name, values in named.items()}) or None


def names_option(name: str) -> bool:
    """Return whether a field of a query is an option of the server, and goes no further."""
    if name.startswith(_PREFIX):
        return len(name) > len(_PREFIX)
    return name == _PROFILE or name.startswith(_OF_PROFILE)


def _chosen(profiles: Profiles, named: dict[str, str]) -> dict[str, Any]:
    """Return the names as the API calls them; those of profiles not chosen are left out."""
    slug = named.pop(_PROFILE, "")
    options: dict[str, Any] = {_PROFILE: slug} if slug else {}
    profile = profiles.of(options)
    for name, value in named.items():
        if not name.startswith(_OF_PROFILE):
            options[name] = value
        elif profile and name.startswith(f"{_OF_PROFILE}{profile.slug}--"):
            options[name.removeprefix(f"{_OF_PROFILE}{profile.slug}--")] = value
    return options

"""What is worth knowing about settings that are good: misspellings in profiles, risks."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from perijove.core.refresh import Asking
from perijove.settings.authentication import DUMMY
from perijove.settings.known import MISSPELT, traits
from perijove.settings.problem import Path, Place, Problem, dotted
from perijove.settings.proxy import Kind
from perijove.settings.sections import Settings
from perijove.settings.spawner import GROUP_OVERRIDES, HONOURED, OF_PODS
from perijove.settings.walk import meant, place_of

OWN_SERVICES = frozenset({"perijove-cli", "perijove-proxy"})
"""Ours, which hub.services does not have."""
_LOOPBACK = ("127.", "::1", "localhost")


def notices(
    settings: Settings, places: Mapping[Path, Place], *, cluster: bool = False
) -> list[Problem]:
    """Return what whoever wrote `settings` should know."""
    idle = [] if cluster else _idle(settings)
    risks = _risks(settings, places, cluster=cluster)
    return [
        *risks,
        *_roles(settings, places),
        *_misspelt(settings, places),
        *_of_groups(settings, cluster=cluster),
        *idle,
    ]


def _risks(settings: Settings, places: Mapping[Path, Place], *, cluster: bool) -> Iterator[Problem]:
    sign_in, key = settings.sign_in, ("hub", "config", "JupyterHub", "authenticator_class")
    if sign_in.name == DUMMY:
        open_to_all = not settings.proxy.ip.startswith(_LOOPBACK)
        words = "`dummy` lets anybody in under any name; it is for trials only."
        if open_to_all:
            words = "`dummy` lets anybody in, and `proxy.ip` opens this to the network."
        yield Problem(words, dotted(key), place_of(places, key))
    yield from _unused(settings, places)
    if not cluster:
        yield from _plain(settings, places)
    yield from _of_one_host(settings, cluster=cluster)
    if settings.cull.enabled and settings.cull.users and settings.cull.timeout:
        words = (
            f"people who do nothing for {settings.cull.timeout} s, and of whom nothing runs, are"
            f" deleted; {_kept(settings, cluster=cluster)}."
        )
        where = place_of(places, ("cull", "users"))
        yield Problem(words, "cull.users", where, "`cull.timeout` says how long.")
    if not sign_in.rules.any and not sign_in.rules.admin_users:
        hint = "Set hub.config.Authenticator.allow_all, allowed_users or admin_users."
        yield Problem("nobody may sign in: no rule allows anybody.", "hub.config", None, hint)


def _unused(settings: Settings, places: Mapping[Path, Place]) -> Iterator[Problem]:
    """Yield that a proxy is described which nobody has asked for; the chart sets its token."""
    given = settings.hub.config.chp.model_fields_set - {"auth_token"}
    if given and not settings.proxy.told:
        key = ("hub", "config", "ConfigurableHTTPProxy")
        words = "has no effect: people come through Perijove's own proxy."
        hint = "`proxy.kind: chp` takes a configurable-http-proxy."
        yield Problem(words, dotted(key), place_of(places, key), hint)


def _roles(settings: Settings, places: Mapping[Path, Place]) -> Iterator[Problem]:
    """Yield roles that keep people from what is theirs, or that nobody can have."""
    yield from _not_told(settings)
    if settings.sign_in.managing.groups:
        yield from _twice(settings)
    yield from _not_asked(settings)
    if settings.sign_in.by_itself:
        words = (
            f"signs nobody in: `{settings.sign_in.name}` asks for a password, and there is nowhere"
            " else to lead people to. Whoever signs out stays at a page that says so."
        )
        hint = "Take it out unless you want that page."
        yield Problem(words, "hub.config.Authenticator.auto_login", None, hint)
    services = settings.services.keys() | OWN_SERVICES
    for role in settings.hub.loaded_roles:
        key: Path = ("hub", "loadRoles", role.name)
        if role.name == "user" and role.scopes and "self" not in role.scopes:
            words = "lacks `self`, so that nobody may start a server or see themselves."
            yield Problem(words, dotted(key), place_of(places, key))
        for name in sorted(role.services - services):
            words = f"is given to the service {name!r}, which hub.services does not have."
            yield Problem(words, dotted(key), place_of(places, key), meant(name, services))


def _not_told(settings: Settings) -> Iterator[Problem]:
    """Yield that nobody says who has which groups and roles."""
    managing = settings.sign_in.managing
    wished = {
        "manage_groups": managing.groups,
        "manage_roles": managing.roles,
        "reset_managed_roles_on_startup": managing.reset,
    }
    keys = ", ".join(key for key, it in wished.items() if it)
    if keys:
        words = f"has no effect: `{settings.sign_in.name}` says nothing of groups and roles."
        hint = "Write them in people.groups and hub.loadRoles, and take this out."
        yield Problem(words, f"hub.config.Authenticator.{keys}", None, hint)


def _not_asked(settings: Settings) -> Iterator[Problem]:
    """Yield that nobody can be asked again, whatever is set; the default of an age is no wish."""
    asking, default = settings.sign_in.asking, Asking()
    wished = {
        "auth_refresh_age": asking.age not in {default.age, timedelta(0)},
        "refresh_pre_spawn": asking.before_starts,
        "auth_refresh_strict": asking.strict,
    }
    keys = ", ".join(key for key, it in wished.items() if it)
    if keys:
        words = f"no effect: `{settings.sign_in.name}` cannot be asked again who somebody is."
        yield Problem(f"has {words}", f"hub.config.Authenticator.{keys}")


def _twice(settings: Settings) -> Iterator[Problem]:
    """Yield that two say who is in a group: what one puts in, the other takes out."""
    names = sorted(it.name for it in settings.declared.circles if it.users)
    if names:
        words = (
            f"lets the authenticator say who is in a group, and the configuration does so for"
            f" {', '.join(names)}: at a sign-in that names groups whoever is in these by the"
            " configuration alone is taken out, and the next start or reload puts them back."
        )
        hint = "Leave their users out of people.groups, people.users and load_groups."
        yield Problem(words, "hub.config.Authenticator.manage_groups", None, hint)


def _plain(settings: Settings, places: Mapping[Path, Place]) -> Iterator[Problem]:
    """Yield that passwords cross the network in clear, though somebody wants TLS."""
    https, key = settings.proxy.https, ("proxy", "https", "type")
    if https.enabled and not https.served and https.type is not Kind.OFFLOAD:
        words = "has no effect on one machine: Perijove listens without TLS."
        hint = "`proxy.https.type: manual` takes a certificate in files."
        yield Problem(words, dotted(key), place_of(places, key), hint)


def _of_one_host(settings: Settings, *, cluster: bool) -> Iterator[Problem]:
    """Yield that a page of one server could harm others, where many may come."""
    if settings.hub.config.jupyterhub.domains.own:
        return
    if cluster or not settings.proxy.ip.startswith(_LOOPBACK):
        words = "all servers share one host with the hub: it is for people who trust each other."
        hint = "`subdomain_host: https://…` gives each person a host of their own."
        yield Problem(words, "hub.config.JupyterHub.subdomain_host", None, hint)


def _kept(settings: Settings, *, cluster: bool) -> str:
    """Return what becomes of their files."""
    if cluster:
        return "with them goes the claim of their home"
    if settings.system_users:
        return "their files stay in their home"
    if not settings.people.trash_days:
        return "their home lies in the trash until somebody empties it"
    return f"their home lies in the trash for {settings.people.trash_days} days (people.trashDays)"


def _misspelt(settings: Settings, places: Mapping[Path, Place]) -> Iterator[Problem]:
    known = traits()["KubeSpawner"] | HONOURED
    for path, key, _ in of_profiles(settings):
        if key in known or (settings.compat.honour_misspelt and key in MISSPELT):
            continue
        if key in MISSPELT:
            hint = (
                f"It is written `{MISSPELT[key]}`; compat.honourMisspelt: true takes it as it is."
            )
        else:
            hint = meant(key, known)
        words = "is no setting of a server, and does nothing."
        yield Problem(words, dotted((*path, key)), place_of(places, (*path, key)), hint)


def _idle(settings: Settings) -> Iterator[Problem]:
    if settings.people.unix and not settings.system_users:
        names = ", ".join(sorted(settings.people.unix))
        words = f"the `account` of {names} has no effect without `systemUsers: true`."
        yield Problem(words, "people.users")
    keys = sorted({key for _, key, _ in of_profiles(settings)} & traits()["KubeSpawner"] - HONOURED)
    if keys:
        words = f"these settings of profiles have no effect here: {', '.join(keys)}."
        yield Problem(words, "singleuser.profileList")


def _of_groups(settings: Settings, *, cluster: bool) -> Iterator[Problem]:
    """Yield settings of group overrides that do nothing."""
    given = {key for it in settings.group_overrides.values() for key in it.spawner_override}
    keys = sorted(given - (OF_PODS if cluster else HONOURED))
    if keys:
        words = f"these settings have no effect here: {', '.join(keys)}."
        yield Problem(words, dotted(GROUP_OVERRIDES))


def of_profiles(settings: Settings) -> Iterator[tuple[Path, str, Any]]:
    """Yield what every kubespawner_override is in, with each of its keys and its value."""
    for at, entry in enumerate(settings.singleuser.profile_list):
        yield from _of(entry, ("singleuser", "profileList", at))
        for name, option in entry.profile_options.items():
            here: Path = ("singleuser", "profileList", at, "profile_options", name)
            for key, choice in option.choices.items():
                yield from _of(choice, (*here, "choices", key))
            if option.unlisted_choice:
                yield from _of(option.unlisted_choice, (*here, "unlisted_choice"))


def _of(entry: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    for key, value in entry.kubespawner_override.items():
        yield (*path, "kubespawner_override"), key, value

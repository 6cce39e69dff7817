"""Settings: the whole configuration as one frozen tree of sections."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from pydantic import Field, field_validator

from perijove.core.devices import DeviceSettings
from perijove.core.group_overrides import GroupOverrideEntry, GroupOverrides
from perijove.core.leading import Leading
from perijove.core.naming import Naming
from perijove.core.options import Profiles
from perijove.core.people import Declared, Person
from perijove.core.place import PlaceSettings
from perijove.core.profiles import ProfileEntry, profiles, slug_of
from perijove.core.roles import Roles
from perijove.kit.secret import digest
from perijove.kit.section import Section
from perijove.model.amounts import LONGEST_START
from perijove.model.errors import Invalid
from perijove.model.service import Service
from perijove.settings.authentication import SignIn, sign_in
from perijove.settings.cull import CullSettings
from perijove.settings.hub import HubSettings
from perijove.settings.known import MISSPELT
from perijove.settings.people import PeopleSettings
from perijove.settings.pod_sections import PodSettings, SchedulingSettings
from perijove.settings.proxy import ProxySettings
from perijove.settings.roles import bearers, customs
from perijove.settings.spawner import spelled
from perijove.settings.web import leading


class SingleuserSettings(PodSettings):
    """`singleuser`: what people's servers are."""

    cmd: tuple[str, ...] | None = None
    """What is run: one word, or a list of words; unset: perijove-singleuser, or what its image
    runs."""
    default_url: str | None = None
    """Where a server opens: /lab, /tree, /lab/tree/welcome.ipynb …"""
    extra_env: dict[str, str | dict[str, Any]] = Field(default={})
    """More environment variables of every server; `valueFrom` needs a cluster."""
    start_timeout: int | None = Field(default=300, ge=1, le=LONGEST_START)
    """Seconds that a server may take to answer."""
    profile_list: tuple[ProfileEntry, ...] = ()
    """What people may choose from when they start a server."""

    @field_validator("cmd", mode="before")
    @classmethod
    def _words(cls, cmd: Any) -> Any:
        if isinstance(cmd, str):
            return (cmd,)
        return tuple(cmd) if isinstance(cmd, list) else cmd

    @field_validator("cmd")
    @classmethod
    def _something(cls, cmd: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if cmd is not None and (not cmd or not cmd[0].strip()):
            raise ValueError("names no command")
        return cmd

    @field_validator("extra_env", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        """Take numbers and booleans as text, and the list form of Kubernetes."""
        if isinstance(given, list) and all(isinstance(each, Mapping) for each in given):
            given = {each.get("name"): each.get("value", each) for each in given}
        if isinstance(given, Mapping):
            return {name: _text(value) for name, value in given.items()}
        return given

    @field_validator("profile_list", mode="before")
    @classmethod
    def _sorted(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            return tuple(given[key] for key in sorted(given))
        return tuple(given) if isinstance(given, list) else given

    @field_validator("profile_list")
    @classmethod
    def _distinct(cls, entries: tuple[ProfileEntry, ...]) -> tuple[ProfileEntry, ...]:
        slugs = [slug_of(entry) for entry in entries]
        twice = next((name for name in slugs if slugs.count(name) > 1), None)
        if twice:
            raise ValueError(f"two profiles are called {twice!r}; give one of them another `slug`")
        return entries


class CompatSettings(Section):
    """`compat`: what published examples get wrong."""

    honour_misspelt: bool = False
    """Take `cpu_gurantee`, `mem_gurantee` and `memo_gurantee` for what they were meant to be."""


class Settings(Section):
    """What a configuration may say. An unknown key is an error."""

    hub: HubSettings = HubSettings()
    proxy: ProxySettings = ProxySettings()
    singleuser: SingleuserSettings = SingleuserSettings()
    cull: CullSettings = CullSettings()
    people: PeopleSettings = PeopleSettings()
    place: PlaceSettings = PlaceSettings()
    gpus: DeviceSettings = DeviceSettings()
    scheduling: SchedulingSettings = SchedulingSettings()
    system_users: bool = False
    """On one machine, as root: every person's servers run as a Unix account of their own, which is
    made when it is first needed. Without it, all people share the account that runs the hub."""
    image_pull_secrets: tuple[str | dict[str, Any], ...] = ()
    """Secrets with which every image is fetched."""
    compat: CompatSettings = CompatSettings()

    @cached_property
    def sign_in(self) -> SignIn:
        """How people prove who they are, and who of them may enter."""
        return sign_in(self.hub.config, self.people.names)

    @cached_property
    def roles(self) -> Roles:
        """All roles, those of JupyterHub included, and who has them.

        Raises:
            Invalid: a role has no good name, changes what `admin` is, or does not exist; or
                one of its scopes does not.
        """
        scopes = customs(self.hub.config.jupyterhub.custom_scopes)
        return Roles(self.people.roles(self.hub.loaded_roles), scopes)

    @cached_property
    def services(self) -> dict[str, Service]:
        """The services of the configuration, by name.

        Raises:
            Invalid: one of them is to be given what does not exist.
        """
        found = {}
        for name, it in self.hub.configured_services.items():
            allowed = tuple(self.roles.texts(it.roles)) if it.roles else it.allowed
            for text in allowed:
                try:
                    self.roles.parse(text)
                except Invalid as error:
                    raise Invalid(error.code, **error.params, service=name) from error
            found[name] = replace(it, allowed=allowed)
        return found

    @cached_property
    def declared(self) -> Declared:
        """What is said of people and groups.

        Raises:
            Invalid: nobody, or no group, may be called that.
        """
        traits = self.hub.config.jupyterhub
        declared = self.people.declared(traits.load_groups)
        known = {person.name for person in declared.persons}
        more = (Person(name=name) for name in sorted(traits.api_tokens.keys() - known))
        return replace(
            declared,
            persons=(*declared.persons, *more),
            bearers=bearers(self.hub.loaded_roles),
        )

    @property
    def user_tokens(self) -> dict[str, str]:
        """Return names of people by the digest of a token; not of those who may not enter."""
        blocked = self.sign_in.rules.blocked_users
        given = self.hub.config.jupyterhub.api_tokens.items()
        return {digest(it): name for name, texts in given if name not in blocked for it in texts}

    @property
    def leading(self) -> Leading:
        """Where people are led."""
        return leading(
            self.hub.config.jupyterhub,
            to_server=self.hub.redirect_to_server,
            stops_on_leaving=bool(self.hub.shutdown_on_logout),
            stays_out=self.sign_in.by_itself,
        )

    @property
    def naming(self) -> Naming:
        """Who may have servers with names, and how many."""
        users, groups = self.people.limits
        return Naming(
            allowed=bool(self.hub.allow_named_servers),
            limit=self.hub.named_server_limit_per_user or 0,
            users=users,
            groups=groups,
        )

    @property
    def group_overrides(self) -> Mapping[str, GroupOverrideEntry]:
        """What servers of the members of groups get."""
        given = self.hub.config.spawner.group_overrides
        return spelled(given, honour_misspelt=self.compat.honour_misspelt)

    @cached_property
    def profiles(self) -> Profiles:
        """What people may choose from."""
        entries = self.singleuser.profile_list
        if self.compat.honour_misspelt:
            entries = tuple(ProfileEntry(**_spelled(it.model_dump())) for it in entries)
        return Profiles(
            profiles(entries),
            reserved=self.people.reserved,
            memory=self.singleuser.memory.limit,
            by_group=GroupOverrides.of(self.group_overrides),
        )


def _spelled(value: Any) -> Any:
    """Return what a profile was meant to say."""
    if isinstance(value, Mapping):
        return {MISSPELT.get(key, key): _spelled(it) for key, it in value.items()}
    return value


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value

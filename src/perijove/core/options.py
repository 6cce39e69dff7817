"""user_options -> what a server gets instead of the defaults. Pure: the same whoever asks.

hub.md 7.7: `{"profile": slug, option: choice, "option--unlisted-choice": value}`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from perijove.core.group_overrides import GroupOverrides, Tell
from perijove.core.profiles import Option, Overrides, Profile
from perijove.kit.merged import stacked
from perijove.model.errors import Invalid

UNLISTED = "unlisted-choice"
_RESERVED = "__jupyterhub_"
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles there are; none is fine."""

    items: tuple[Profile, ...] = ()
    reserved: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """By slug, the groups of whose members alone a profile is."""
    narrowed: bool = False
    """They are those that somebody may use, so others may have another default."""
    memory: str | float | None = None
    """What a server may use that is told nothing else; None: any amount."""
    by_group: GroupOverrides = field(default_factory=GroupOverrides)
    """What servers get beneath their profile, by the groups of whose they are."""

    @property
    def none_left(self) -> bool:
        """Whether there are profiles, but none for whoever this is."""
        return self.narrowed and not self.items

    def of_groups(self, groups: frozenset[str]) -> "Profiles":
        """Return those that a member of `groups` may use."""
        if not self.reserved or not self.items:
            return self
        items = tuple(
            it
            for it in self.items
            if it.slug not in self.reserved or groups & self.reserved[it.slug]
        )
        if items and not any(it.default for it in items):
            items = (replace(items[0], default=True), *items[1:])
        return replace(self, items=items, reserved={}, narrowed=True)

    def of(self, options: Mapping[str, Any]) -> Profile | None:
        """Return the profile that `options` name, or else the default; None: there is none."""
        wanted = options.get("profile") or None
        if wanted is None:
            return next((profile for profile in self.items if profile.default), None)
        return next((profile for profile in self.items if profile.slug == wanted), None)

    def settled(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `options` with the name of the profile that they leave open, if it matters whose.

        Raises:
            Invalid: as `require`.
        """
        self.require(options)
        profile = self.of(options)
        if not self.narrowed or profile is None or options.get("profile"):
            return options
        return {**options, "profile": profile.slug}

    def require(self, options: Mapping[str, Any]) -> None:
        """Let a server start with `options`.

        Raises:
            Invalid: they name a profile, an option or a choice that does not exist, or an
                unlisted value that is not allowed, or there is nothing for them.
        """
        if self.none_left:
            raise Invalid("profile.none")
        for key in options:
            if str(key).startswith(_RESERVED):
                raise Invalid("options.reserved", key=str(key)[:100])
        if self.items:
            for _ in self._steps(options):
                pass

    def resolve(
        self, options: Mapping[str, Any], ids: Sequence[str] = (), tell: Tell | None = None
    ) -> Overrides:
        """Return what to change: the profile's, then each option's in the order declared.

        None takes out what the settings say, as it does in KubeSpawner.

        `ids`: of the group overrides over which that is laid, as JupyterHub does it.

        Raises:
            Invalid: as `require`.
        """
        steps = [*self._steps(options)] if self.items else []
        changes = self.by_group.changes(ids, tell)
        for step in steps:
            changes = stacked(changes, step)
        return changes

    def overrides(
        self, options: Mapping[str, Any], ids: Sequence[str] = (), tell: Tell | None = None
    ) -> Overrides:
        """Return what `resolve` does; a server asked for under other profiles gets the default."""
        try:
            return self.resolve(options, ids, tell)
        except Invalid as error:
            if tell:
                tell(f"options that do not exist any more ({error.code}): default profile")
            of_all = self.of_groups(frozenset())
            if of_all.none_left:
                return self.by_group.changes(ids, tell)
            return of_all.resolve({}, ids, tell)

    def _steps(self, options: Mapping[str, Any]) -> Iterator[Overrides]:
        profile = self.of(options)
        if profile is None:
            there = ", ".join(it.slug for it in self.items)
            raise Invalid("profile.unknown", profile=_said(options.get("profile")), there=there)
        _require_known(profile, options)
        yield profile.overrides
        for option in profile.options:
            yield _answer(option, options)


def _require_known(profile: Profile, options: Mapping[str, Any]) -> None:
    known = ["profile", *(option.key for option in profile.options)]
    free = {f"{option.key}--{UNLISTED}" for option in profile.options}
    for key in options:
        if key not in free.union(known):
            there = ", ".join(known)
            said = _said(key)
            raise Invalid("profile.option-unknown", option=said, profile=profile.slug, there=there)


def _answer(option: Option, options: Mapping[str, Any]) -> Overrides:
    free = options.get(f"{option.key}--{UNLISTED}")
    key = options.get(option.key)
    if key == UNLISTED or (key is None and free is not None):
        return _unlisted(option, free)
    if key is None:
        return option.chosen.overrides if option.chosen else {}
    found = next((choice for choice in option.choices if choice.key == key), None)
    if found is None:
        there = ", ".join(it.key for it in option.choices)
        raise Invalid("profile.choice-unknown", choice=_said(key), option=option.key, there=there)
    return found.overrides


def _unlisted(option: Option, value: Any) -> Overrides:
    unlisted = option.unlisted
    if unlisted is None:
        raise Invalid("profile.unlisted-refused", option=option.key)
    if not isinstance(value, str) or not value or len(value) > _LONGEST:
        raise Invalid("profile.unlisted-missing", option=option.key)
    if unlisted.validation_regex and not re.match(unlisted.validation_regex, value):
        message = unlisted.validation_message
        code = "profile.unlisted-told" if message else "profile.unlisted-bad"
        raise Invalid(code, option=option.key, value=value[:100], validation_message=message)
    return {key: _filled(it, value) for key, it in unlisted.overrides.items()}


def _filled(template: Any, value: str) -> Any:
    """Put `value` where {value} stands; what it holds itself is never a template."""
    if isinstance(template, str):
        return template.replace("{value}", value)
    if isinstance(template, Mapping):
        return {key: _filled(it, value) for key, it in template.items()}
    if isinstance(template, list | tuple):
        return [_filled(it, value) for it in template]
    return template


def _said(value: Any) -> str:
    return str(value)[:100]
